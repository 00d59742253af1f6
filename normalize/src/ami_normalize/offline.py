"""`ami decode`: messages without Kafka, one JSON object a line in, one a line out, in order.

Nothing stops it: a line that cannot be read is answered as rejected, with the reason.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from math import isfinite
from typing import Any

from ami.raw.v1 import exchange_pb2
from ami_dlms import apdu as apdus
from ami_dlms import framing
from ami_dlms.apdu import GetRequestNormal
from ami_dlms.errors import DlmsError
from ami_dlms.framing import Framing
from ami_dlms.security import Protection
from ami_keys.errors import KeysUnreadable
from ami_normalize import render
from ami_normalize.dialects import Dialects
from ami_normalize.instants import Instant
from ami_normalize.keys import KeyRing, meter_keys
from ami_normalize.pipeline import Context, RawRecord, Refused, defect, understand
from ami_normalize.pipeline.identify import meter_id
from ami_normalize.pipeline.interpret import Interpreted, Understood
from ami_schemas import headers
from ami_schemas.reasons import Reason

TRANSPORTS = {
    "hdlc": Framing.HDLC,
    "wrapper": Framing.WRAPPER,
    "mbus": Framing.MBUS,
    "raw-apdu": Framing.NONE,
    "dsmr-p1": Framing.P1,
}
_PROTECTION = {
    Protection.NONE: "none",
    Protection.ENCRYPTED: "encrypted",
    Protection.AUTHENTICATED: "authenticated",
    Protection.AUTHENTICATED_ENCRYPTED: "authenticated+encrypted",
}
_STRENGTH = tuple(_PROTECTION)
_NO_BYTES = Reason.FRAME_MALFORMED.value
"""The reason of a line that holds no message at all."""
_NAMES = (str, int, float)
"""What an `id` may be."""


@dataclass(slots=True)
class _Gathered:
    """What the parts of a message come to."""

    readings: list[dict[str, Any]] = field(default_factory=list)
    intervals: list[dict[str, Any]] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    refusals: list[Refused] = field(default_factory=list)
    protections: list[Protection] = field(default_factory=list)
    time: Instant | None = None


def decode_lines(
    lines: Iterable[str | bytes], *, lenient: bool = False, dialects: Dialects | None = None
) -> Iterator[dict[str, Any]]:
    """Answer every line, in order; never raises for a line's sake. Blank lines at the very end are none."""
    base = Context(dialects=dialects or Dialects.load(), lenient=lenient)
    blank = 0
    for line in lines:
        if not line.strip():
            blank += 1
            continue
        for _ in range(blank):
            yield _answer(None, "rejected", _NO_BYTES, "the line is empty")
        blank = 0
        try:
            message = json.loads(line, parse_constant=_no_number, parse_float=_number)
        except (ValueError, RecursionError):
            yield _answer(None, "rejected", _NO_BYTES, "the line is not JSON")
            continue
        yield decode_line(message, base)


def decode_line(message: object, context: Context | None = None) -> dict[str, Any]:
    """Answer one message: `{"id", "hex", "transport", "keys", "request_hex"}`.

    `context` gives dialects, default zone and leniency; the keys are the message's own.
    """
    if not isinstance(message, Mapping):
        return _answer(None, "rejected", _NO_BYTES, "the line is not a JSON object")
    identity = _identity(message.get("id"))
    try:
        record = to_record(message)
        own = with_keys(message.get("keys"), context or Context())
    except (ValueError, TypeError, KeysUnreadable) as error:
        return _answer(identity, "rejected", _NO_BYTES, f"{error}")
    return decode_record(record, own, identity)


def decode_record(record: RawRecord, context: Context, identity: str | float | None = None) -> dict[str, Any]:
    """Answer one raw record, in the same form; `identity` is its `id`."""
    try:
        return _summary(identity, _gather(understand(record, context), context))
    except Refused as refusal:
        return _refused(identity, refusal)
    except (OSError, MemoryError):
        raise
    except Exception as error:  # noqa: BLE001  one message must not stop all others
        return _refused(identity, defect(error))


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is no JSON")  # Python reads NaN and Infinity, and would write them


def _number(text: str) -> float:
    number = float(text)
    return number if isfinite(number) else _no_number(text)


def _identity(found: object) -> str | int | float | None:
    """Return the `id` to answer with: text or a number; what is neither names nothing."""
    return found if isinstance(found, _NAMES) else None


def to_record(message: Mapping[str, Any]) -> RawRecord:
    """Make the raw record an agent would have made."""
    text, transport = message.get("hex"), message.get("transport", "raw-apdu")
    if not isinstance(text, str):
        raise ValueError('"hex" is missing or no text')  # noqa: TRY004  both are the line's fault
    if not isinstance(transport, str) or transport not in TRANSPORTS:
        raise ValueError(f'"transport" is none of {", ".join(TRANSPORTS)}')
    try:
        value = bytes.fromhex(text)
    except ValueError:
        raise ValueError('"hex" has other characters than pairs of hex digits') from None
    key = str(message.get("id") or "line")
    found = {headers.FRAMING: TRANSPORTS[transport].value.encode(), headers.EXCHANGE: b"file"}
    request = message.get("request_hex")
    if request:
        found[headers.EXCHANGE] = b"poll"
        found[headers.CONTEXT] = _exchange(request, TRANSPORTS[transport]).SerializeToString()
    return RawRecord("-", 0, 0, key.encode("utf-8", "replace"), value, found)


def _exchange(request_hex: object, carrier: Framing) -> exchange_pb2.Exchange:
    """Make the context of an answer from its request: a plain APDU, or framed as the answer is."""
    try:
        octets = bytes.fromhex(str(request_hex))
    except ValueError:
        raise ValueError('"request_hex" has other characters than pairs of hex digits') from None
    for candidate in _candidates(octets, carrier):
        try:
            request = apdus.decode(candidate)
        except DlmsError:
            continue
        exchange = exchange_pb2.Exchange(request=candidate)
        if isinstance(request, GetRequestNormal):
            exchange.class_id, exchange.obis = request.attribute.class_id, request.attribute.obis
            exchange.attribute = max(0, request.attribute.attribute)
        return exchange
    raise ValueError('"request_hex" is no request')


def _candidates(octets: bytes, carrier: Framing) -> Iterator[bytes]:
    yield octets
    if carrier is not Framing.P1:
        for way in (carrier, Framing.NONE):
            yield from framing.unframe(octets, way, lenient=True).apdus


def with_keys(keys: object, context: Context) -> Context:
    """Return the context with the line's own keys, which open whatever title the message carries."""
    if not isinstance(keys, Mapping):
        return replace(context, keys=KeyRing())
    title = keys.get("system_title")
    ring = KeyRing()
    if keys.get("guek"):
        ring = KeyRing(any_title=meter_keys({"guek": keys["guek"], "gak": keys.get("gak") or None}, '"keys"'))
    return replace(context, keys=ring, system_title=_system_title(title) if title else None)


def _system_title(text: object) -> bytes | None:
    try:
        return bytes.fromhex(text) if isinstance(text, str) else None
    except ValueError:
        raise ValueError('"keys": "system_title" has other characters than pairs of hex digits') from None


def _gather(understood: Interpreted, context: Context) -> _Gathered:
    found = _Gathered()
    for part in understood.parts:
        if isinstance(part, Refused):
            found.refusals.append(part)
            continue
        try:
            meter_id(understood.origin, part.plain.system_title, part.statement, part.meter, context)
        except Refused as refusal:
            found.refusals.append(refusal)
            continue
        _add(found, part)
    return found


def _add(found: _Gathered, part: Understood) -> None:
    readings, intervals, events = render.statement(part.statement)
    found.readings += readings
    found.intervals += intervals
    found.events += events
    found.protections.append(part.plain.protection)
    found.time = found.time or part.statement.meter_time


def _summary(identity: object, found: _Gathered) -> dict[str, Any]:
    telling = [refusal for refusal in found.refusals if refusal.reason is not Reason.NO_METER_DATA]
    if not (found.readings or found.intervals or found.events):
        waiting = [refusal for refusal in telling if not refusal.reason.rejected]
        return _refused(identity, (waiting or telling or found.refusals)[0])
    outcome = "readings" if found.readings or found.intervals else "events"
    message = "; ".join(f"{refusal.reason.value}: {refusal.message}" for refusal in telling)
    answer = _answer(identity, outcome, None, message)
    answer["meter_time"] = render.iso(found.time)
    answer["protection"] = _PROTECTION[min(found.protections, key=_STRENGTH.index)]
    answer["readings"], answer["intervals"], answer["events"] = found.readings, found.intervals, found.events
    return answer


def _refused(identity: object, refusal: Refused) -> dict[str, Any]:
    outcome = refusal.reason.disposition.value
    return _answer(identity, outcome, refusal.reason.value, f"{refusal.stage}: {refusal.message}")


def _answer(identity: object, outcome: str, reason: str | None, message: str) -> dict[str, Any]:
    return {
        "id": identity,
        "outcome": outcome,
        "reason": reason,
        "message": message,
        "meter_time": None,
        "protection": "none",
        "readings": [],
        "intervals": [],
        "events": [],
    }
