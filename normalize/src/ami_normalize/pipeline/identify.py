"""Step 1, identify: what the record says about itself; and at the end, which meter it was.

A meter is named by its system title (of the message, the header or the key), else by the logical device name or serial
in the payload, else by the inventory id in the key. What a poll answers is the meter the inventory names, whatever
object was asked for. The registry knows who has such a name; where it does not, the name is the id.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timezone

from google.protobuf.message import DecodeError

from ami.raw.v1 import exchange_pb2
from ami_dlms.framing import Framing
from ami_normalize.instants import micros_of
from ami_normalize.keys import LATEST
from ami_normalize.meter import DEVICE_NAME, SERIAL_NAME, TITLE_NAME, MeterFacts, title_name, title_of
from ami_normalize.model import Statement
from ami_normalize.pipeline.context import Context
from ami_normalize.pipeline.outcome import Refused
from ami_normalize.pipeline.record import RawRecord
from ami_schemas import headers
from ami_schemas.reasons import Reason

STAGE = "identify"
_PEER_KEY = "peer-"


@dataclass(frozen=True, slots=True)
class Identified:
    """A record with what it says about itself."""

    record: RawRecord
    framing: Framing
    polled: bool
    system_title: bytes | None
    """From header or key."""
    key: str
    received: datetime | None
    exchange: exchange_pb2.Exchange | None
    incomplete: bool = False
    """The agent saw its link fall silent or close before the message was whole."""

    @property
    def at_us(self) -> int:
        """The instant whose keys hold: of reception, in microseconds since 1970; LATEST where nobody knows."""
        return micros_of(self.received) if self.received else LATEST


def identify(record: RawRecord, context: Context) -> Identified:
    """Read key and headers; raises Refused for a record that is none of ours."""
    text = {
        name: value.decode("utf-8", "replace") for name, value in record.headers.items() if name not in headers.BINARY
    }
    try:
        framing = Framing(text.get(headers.FRAMING, Framing.NONE.value))
    except ValueError:
        raise Refused(
            Reason.FRAME_MALFORMED,
            STAGE,
            f"the header {headers.FRAMING} names no framing: {text[headers.FRAMING][:40]}",
        ) from None
    key = (record.key or b"").decode("utf-8", "replace")
    title = title_of(f"{TITLE_NAME}{text.get(headers.SYSTEM_TITLE, '')}") or title_of(key)
    return Identified(
        record=record,
        framing=framing,
        polled=text.get(headers.EXCHANGE) == "poll",
        system_title=title or context.system_title,
        key=key,
        received=received_at(text.get(headers.CE_TIME), record.timestamp_ms),
        exchange=exchange_of(record.headers.get(headers.CONTEXT)),
        incomplete=text.get(headers.INCOMPLETE) == "1",
    )


def registered(
    identified: Identified, system_title: bytes | None, logical_device_name: str, serial: str, context: Context
) -> MeterFacts | None:
    """Return what is registered of the meter of a message; the names are those that its payload states.

    A message of one system title is never taken for another's, whatever name its payload claims.
    """
    registry = context.registry
    if not len(registry):
        return None
    found = registry.by_title(system_title) if system_title else None
    if found:
        return found
    for name in _names(identified, None, logical_device_name, serial):
        found = registry.by_name(name)
        if found and not (system_title and found.system_title):
            return found
    return None


def meter_id(
    identified: Identified,
    system_title: bytes | None,
    statement: Statement,
    meter: MeterFacts | None,
    context: Context,
) -> str:
    """Name the meter of a message; raises Refused (UNIDENTIFIED_METER) where only an address is known."""
    if meter:
        return meter.meter_id
    for name in _names(identified, system_title, statement.logical_device_name, statement.serial):
        return name
    if identified.key and context.unidentified == "accept":
        return identified.key
    raise Refused(
        Reason.UNIDENTIFIED_METER,
        "interpret",
        f"nothing names the meter; it came from {identified.key or 'an unknown address'}",
    )


def _names(identified: Identified, system_title: bytes | None, logical_device_name: str, serial: str) -> Iterator[str]:
    """Yield the names that a message gives its meter, the surest first."""
    if system_title:
        yield title_name(system_title)
    key = identified.key
    named = bool(key) and not key.startswith(_PEER_KEY)
    if identified.polled:
        asked = identified.exchange.logical_device_name.decode("latin-1") if identified.exchange else ""
        if asked:
            yield f"{DEVICE_NAME}{asked}"
        if named:
            yield key
        if asked or named:
            return
    if logical_device_name:
        yield f"{DEVICE_NAME}{logical_device_name}"
    if serial:
        yield f"{SERIAL_NAME}{serial}"
    if named:
        yield key


def received_at(stated: str | None, timestamp_ms: int) -> datetime | None:
    """Return the time of reception in UTC: as `ce_time` states it, else the record's own; None where neither does."""
    if stated:
        try:
            moment = datetime.fromisoformat(stated.replace("Z", "+00:00"))
        except ValueError:
            moment = None
        if moment is not None and moment.tzinfo is not None:
            return moment.astimezone(timezone.utc)
    if timestamp_ms <= 0:
        return None
    try:
        return datetime.fromtimestamp(timestamp_ms / 1000, timezone.utc)
    except (ValueError, OverflowError, OSError):
        return None


def exchange_of(serialized: bytes | None) -> exchange_pb2.Exchange | None:
    """Read the context of a poll; None where there is none, or it is no such message."""
    if not serialized:
        return None
    exchange = exchange_pb2.Exchange()
    try:
        exchange.ParseFromString(serialized)
    except DecodeError:
        return None
    return exchange
