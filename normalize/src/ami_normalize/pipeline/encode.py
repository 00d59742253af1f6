"""Step 6, encode: readings, intervals and events to their wire form, with the meter and the provenance."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, cast

from ami.events.v1 import meter_events_pb2 as events_pb
from ami.readings.v1 import meter_readings_pb2 as pb
from ami_dlms.security import Protection
from ami_normalize.instants import Instant, Origin, micros_of
from ami_normalize.model import VALUE_ATTRIBUTE, Block, Event, Reading, Statement
from ami_normalize.numbers import Exact, Real, Value
from ami_normalize.pipeline.context import Context
from ami_normalize.pipeline.decrypt import Plain
from ami_normalize.pipeline.identify import Identified, meter_id
from ami_normalize.pipeline.interpret import Interpreted, Understood
from ami_normalize.pipeline.outcome import EventsOutcome, Outcome, Outcomes, Parked, ReadingsOutcome, Refused, Rejected
from ami_normalize.pipeline.split import MOST_OCTETS, split
from ami_normalize.quality import Quality
from ami_schemas.meanings import reading_type
from ami_schemas.reasons import Reason

_QUALITY: Final = {
    quality: cast("pb.Quality", pb.Quality.Value(f"QUALITY_{quality.value}"))
    for quality in Quality
    if quality is not Quality.TRUNCATED  # only ever read offline
}
ORIGINS: Final = {
    origin: cast("pb.TimeOrigin", pb.TimeOrigin.Value(f"TIME_ORIGIN_{origin.value}")) for origin in Origin
}
PROTECTIONS: Final = {
    Protection.NONE: pb.PROTECTION_NONE,
    Protection.ENCRYPTED: pb.PROTECTION_ENCRYPTED,
    Protection.AUTHENTICATED: pb.PROTECTION_AUTHENTICATED,
    Protection.AUTHENTICATED_ENCRYPTED: pb.PROTECTION_AUTHENTICATED_ENCRYPTED,
}
_INT64: Final = range(-(1 << 63), 1 << 63)
_LETTERS: Final = 3


def encode(interpreted: Interpreted, context: Context) -> Outcomes:
    """Return how the record ends: readings, events, parked, rejected, the best first.

    A part without meter data is not mentioned where another part has some.
    """
    readings: dict[str, list[bytes]] = {}
    events: dict[str, list[bytes]] = {}
    refusals: list[Refused] = []
    digest = hashlib.sha256(interpreted.origin.record.value).digest()
    for part in interpreted.parts:
        if isinstance(part, Refused):
            refusals.append(part)
            continue
        try:
            meter = meter_message(part, interpreted.origin, context)
        except Refused as refusal:
            refusals.append(refusal)
            continue
        provenance = provenance_message(part, interpreted.origin, context, digest)
        if part.statement.readings or part.statement.blocks:
            message = _readings(part.statement, interpreted.origin, meter, provenance)
            message.revision = context.revision
            readings.setdefault(meter.id, []).extend(half.SerializeToString() for half in split(message))
        if part.statement.events:
            told = _events(part.statement.events, interpreted.origin, meter, provenance)
            events.setdefault(meter.id, []).extend(message.SerializeToString() for message in told)
    return (
        *(ReadingsOutcome(meter, tuple(messages)) for meter, messages in readings.items()),
        *(EventsOutcome(meter, tuple(messages)) for meter, messages in events.items()),
        *_refused(refusals, alone=not readings and not events),
    )


def _refused(refusals: Sequence[Refused], *, alone: bool) -> Iterator[Outcome]:
    """Yield one parked and one rejected outcome at most: a record goes to each topic once."""
    telling = [refusal for refusal in refusals if refusal.reason is not Reason.NO_METER_DATA]
    outcomes = [refusal.outcome() for refusal in telling or (refusals if alone else ())]
    for kind in (Parked, Rejected):
        yield from [outcome for outcome in outcomes if isinstance(outcome, kind)][:1]


def meter_message(part: Understood, origin: Identified, context: Context) -> pb.Meter:
    """Say which meter it was; raises Refused (UNIDENTIFIED_METER)."""
    statement, title = part.statement, part.plain.system_title or b""
    name = statement.logical_device_name
    if not name and origin.exchange:
        name = origin.exchange.logical_device_name.decode("latin-1")
    return meter_of(meter_id(origin, title, statement, part.meter, context), name, title)


def meter_of(identity: str, name: str, title: bytes) -> pb.Meter:
    """Write a meter: its id, its logical device name and its system title, where known."""
    return pb.Meter(id=identity, logical_device_name=name, manufacturer=_manufacturer(title, name), system_title=title)


def _manufacturer(title: bytes, name: str) -> str:
    """Return the FLAG id: the first three letters of the system title, else of the logical device name."""
    for letters in (title[:_LETTERS].decode("latin-1"), name[:_LETTERS]):
        if len(letters) == _LETTERS and letters.isascii() and letters.isalpha() and letters.isupper():
            return letters
    return ""


def provenance_message(part: Understood, origin: Identified, context: Context, digest: bytes) -> pb.Provenance:
    """Say where a part came from; `digest` is the SHA-256 of the raw record's value."""
    plain: Plain = part.plain
    return pb.Provenance(
        topic=origin.record.topic,
        partition=origin.record.partition,
        offset=origin.record.offset,
        raw_sha256=digest,
        decoder=context.decoder_version,
        mapping=context.mapping_hash,
        key_version=plain.key_version,
        protection=PROTECTIONS[plain.protection],
        dialect=part.statement.dialect,
    )


def _readings(statement: Statement, origin: Identified, meter: pb.Meter, provenance: pb.Provenance) -> pb.MeterReadings:
    received = micros_of(origin.received) if origin.received else 0
    time = statement.meter_time
    return pb.MeterReadings(
        meter=meter,
        time=pb.MessageTime(
            meter_time_us=time.micros() if time else 0,
            meter_time_origin=origin_of(time) if time else pb.TIME_ORIGIN_UNSPECIFIED,
            received_us=received,
        ),
        readings=[reading_message(reading, received, statement.quality) for reading in statement.readings],
        interval_blocks=[block_message(block, received, statement.quality) for block in statement.blocks],
        provenance=provenance,
    )


def reading_message(reading: Reading, received: int, marks: Sequence[Quality]) -> pb.Reading:
    """Write a reading; `received` (microseconds since 1970) is its instant where it has none, `marks` hold for all."""
    message = pb.Reading(
        obis=reading.obis,
        attribute=_attribute(reading.attribute),
        occurrence=reading.occurrence,
        reading_type=reading_type(reading.obis) if reading.attribute == VALUE_ATTRIBUTE else "",
        unit=reading.unit,
        measured_at_us=reading.at.micros() if reading.at else received,
        time_origin=origin_of(reading.at),
        quality=_qualities((*reading.quality, *marks)),
    )
    put_value(message, reading.value)
    return message


def put_value(message: pb.Reading, value: Value) -> None:
    """Write a value into the field of its kind; none where there is no value."""
    if isinstance(value, Exact):
        message.scale = value.scale
        if value.mantissa in _INT64:
            message.mantissa = value.mantissa
        else:
            message.big_mantissa = value.mantissa.to_bytes(value.mantissa.bit_length() // 8 + 1, "big", signed=True)
    elif isinstance(value, Real):
        message.real = value.value
    elif isinstance(value, bool):
        message.boolean = value
    elif isinstance(value, str):
        message.text = value
    elif isinstance(value, bytes):
        message.octets = value


def block_message(block: Block, received: int, marks: Sequence[Quality]) -> pb.IntervalBlock:
    """Write an interval block; `received` and `marks` as for a reading."""
    message = pb.IntervalBlock(
        profile_obis=block.profile,
        obis=block.obis,
        attribute=_attribute(block.attribute),
        reading_type=reading_type(block.obis, block.period_s) if block.attribute == VALUE_ATTRIBUTE else "",
        unit=block.unit,
        period_s=block.period_s,
        first_interval_end_us=block.first_end.micros() if block.first_end else received,
        time_origin=origin_of(block.first_end),
        statuses=block.statuses,
        quality=[
            pb.IntervalQuality(index=index, quality=_qualities((*quality, *marks)))
            for index, quality in enumerate(block.quality)
            if quality or marks
        ],
        occurrence=block.occurrence,
    )
    _put_values(message, block.values)
    return message


def _put_values(message: pb.IntervalBlock, values: Sequence[Value]) -> None:
    """Write the values as what all of them are: integers of one scale, floats, or else text."""
    given = [value for value in values if value is not None]
    exact = [value for value in given if isinstance(value, Exact) and value.mantissa in _INT64]
    if len(exact) == len(given) and len({value.scale for value in exact}) <= 1:
        message.scale = exact[0].scale if exact else 0
        message.mantissas.extend(value.mantissa if isinstance(value, Exact) else 0 for value in values)
    elif all(isinstance(value, Real) for value in given):
        message.reals.extend(value.value if isinstance(value, Real) else 0.0 for value in values)
    else:
        message.texts.extend("" if value is None else as_text(value) for value in values)


def as_text(value: Value) -> str:
    """Write any value as text: decimals plain, octets in hex, truth as 1 or 0, no value as nothing."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "1" if value else "0"
    return value.hex() if isinstance(value, bytes) else str(value)


def _events(
    events: Sequence[Event], origin: Identified, meter: pb.Meter, provenance: pb.Provenance
) -> Iterator[events_pb.MeterEvents]:
    """Yield the events in messages that are not too long."""
    received = micros_of(origin.received) if origin.received else 0
    message = events_pb.MeterEvents(
        meter=meter, events=[_event(event, received) for event in events], provenance=provenance
    )
    if message.ByteSize() <= MOST_OCTETS or len(events) == 1:
        yield message
        return
    middle = len(events) // 2
    for half in (events[:middle], events[middle:]):
        yield from _events(half, origin, meter, provenance)


def _event(event: Event, received: int) -> events_pb.Event:
    return events_pb.Event(
        kind=event.kind,
        obis=event.obis,
        attribute=event.attribute & 0xFF,
        at_us=event.at.micros() if event.at else received,
        time_origin=origin_of(event.at),
        code=event.code if event.code is not None and event.code in _INT64 else None,
        text=event.text,
        event_type=event.event_type,
        octets=event.octets,
    )


def _attribute(attribute: int) -> int:
    return 0 if attribute == VALUE_ATTRIBUTE else attribute & 0xFF


def origin_of(at: Instant | None) -> pb.TimeOrigin:
    """Say how an instant was known."""
    return ORIGINS[at.origin or Origin.RECEPTION] if at else pb.TIME_ORIGIN_RECEPTION


def _qualities(quality: Iterable[Quality]) -> list[pb.Quality]:
    return [_QUALITY[one] for one in dict.fromkeys(quality) if one in _QUALITY]
