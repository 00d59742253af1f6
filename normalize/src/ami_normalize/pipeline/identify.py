"""Step 1, identify: what the record says about itself; and at the end, which meter it was.

The registry will come first here. Until then: the system title (of the message, the header or the key), else the
logical device name or serial in the payload, else the inventory id in the key. What a poll answers is the meter the
inventory names, whatever object was asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone

from google.protobuf.message import DecodeError

from ami.raw.v1 import exchange_pb2
from ami_dlms.framing import Framing
from ami_normalize.model import Statement
from ami_normalize.pipeline.context import Context
from ami_normalize.pipeline.outcome import Refused
from ami_normalize.pipeline.record import RawRecord
from ami_schemas import headers
from ami_schemas.reasons import Reason

STAGE = "identify"
_TITLE_KEY, _PEER_KEY = "st-", "peer-"
_TITLE_LENGTH = 8


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


def identify(record: RawRecord, context: Context) -> Identified:
    """Read key and headers; raises Refused for a record that is none of ours."""
    text = {name: value.decode("utf-8", "replace") for name, value in record.headers.items() if name != headers.CONTEXT}
    try:
        framing = Framing(text.get(headers.FRAMING, Framing.NONE.value))
    except ValueError:
        raise Refused(
            Reason.FRAME_MALFORMED,
            STAGE,
            f"the header {headers.FRAMING} names no framing: {text[headers.FRAMING][:40]}",
        ) from None
    key = (record.key or b"").decode("utf-8", "replace")
    title = _title(text.get(headers.SYSTEM_TITLE, "")) or _title(
        key.removeprefix(_TITLE_KEY), key.startswith(_TITLE_KEY)
    )
    return Identified(
        record=record,
        framing=framing,
        polled=text.get(headers.EXCHANGE) == "poll",
        system_title=title or context.system_title,
        key=key,
        received=_received(text.get(headers.CE_TIME), record.timestamp_ms),
        exchange=_exchange(record.headers.get(headers.CONTEXT)),
        incomplete=text.get(headers.INCOMPLETE) == "1",
    )


def meter_id(identified: Identified, system_title: bytes | None, statement: Statement, context: Context) -> str:
    """Name the meter of a message; raises Refused (UNIDENTIFIED_METER) where only an address is known."""
    if system_title:
        return f"{_TITLE_KEY}{system_title.hex()}"
    key = identified.key
    named = bool(key) and not key.startswith(_PEER_KEY)
    if identified.polled:
        if identified.exchange and identified.exchange.logical_device_name:
            return f"ldn-{identified.exchange.logical_device_name.decode('latin-1')}"
        if named:
            return key
    if statement.logical_device_name:
        return f"ldn-{statement.logical_device_name}"
    if statement.serial:
        return f"sn-{statement.serial}"
    if named or (key and context.unidentified == "accept"):
        return key
    raise Refused(
        Reason.UNIDENTIFIED_METER, "interpret", f"nothing names the meter; it came from {key or 'an unknown address'}"
    )


def _title(text: str, applies: bool = True) -> bytes | None:  # noqa: FBT001, FBT002
    try:
        title = bytes.fromhex(text) if applies else b""
    except ValueError:
        return None
    return title if len(title) == _TITLE_LENGTH else None


def _received(stated: str | None, timestamp_ms: int) -> datetime | None:
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


def _exchange(serialized: bytes | None) -> exchange_pb2.Exchange | None:
    if not serialized:
        return None
    exchange = exchange_pb2.Exchange()
    try:
        exchange.ParseFromString(serialized)
    except DecodeError:
        return None
    return exchange
