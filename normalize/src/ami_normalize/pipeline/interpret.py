"""Step 5, interpret: what was said to readings, intervals and events with code, unit and time.

Interpretation goes by the structure of a body, by the request it answers, and by dialects; never by a message's bytes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from ami_dlms.apdu import DataNotification, EventNotification
from ami_dlms.axdr import Data, Tag
from ami_dlms.cosem.buffer import RowMalformed
from ami_dlms.obis import format_obis
from ami_normalize import plausibility
from ami_normalize.deviations import stated_size
from ami_normalize.dialects import NO_DIALECT, Dialect, Layout, Traits
from ami_normalize.instants import Instant, from_octets
from ami_normalize.learning.fingerprint import fingerprint
from ami_normalize.meter import NO_LIMITS, MeterFacts
from ami_normalize.model import VALUE_ATTRIBUTE, Block, Entry, Event, Reading, Statement
from ami_normalize.numbers import Exact
from ami_normalize.pipeline import buffers
from ami_normalize.pipeline.answer import answer_entries
from ami_normalize.pipeline.context import Context
from ami_normalize.pipeline.decode import Answer, Decoded, Said
from ami_normalize.pipeline.decrypt import Plain, protected_enough
from ami_normalize.pipeline.identify import Identified, registered
from ami_normalize.pipeline.outcome import Refused, each
from ami_normalize.quality import Quality
from ami_normalize.shapes import events, lists, objects, positional, profile, push_list
from ami_normalize.shapes.telegram import Telegram
from ami_schemas.reasons import Reason

STAGE = "interpret"


@dataclass(frozen=True, slots=True)
class Understood:
    """One thing a meter said, and what it means."""

    plain: Plain
    statement: Statement
    meter: MeterFacts | None = None
    """What is registered of who said it."""


@dataclass(frozen=True, slots=True)
class Interpreted:
    """All that a record means, or why it means nothing."""

    origin: Identified
    parts: tuple[Understood | Refused, ...]


@dataclass(frozen=True, slots=True)
class Objects:
    """The objects of a message before they are valued."""

    entries: Sequence[Entry]
    header_time: bytes = b""
    dialect: Dialect = NO_DIALECT
    buffers: Sequence[profile.Buffer] = ()
    layout: Layout | None = None
    """By which the objects of a positional list got their codes."""
    meter: MeterFacts | None = None
    """What is registered of their meter."""
    polled: bool = False
    """They were asked for."""


def interpret(decoded: Decoded, context: Context) -> Interpreted:
    """Say what each part means; raises nothing, a part that means nothing says why."""
    origin = decoded.origin

    def understood(said: Said) -> Understood:
        statement, meter = _statement(said, origin, context)
        plain = protected_enough(said.plain, meter, origin.at_us, context) if meter else said.plain
        quality = dict.fromkeys((*plain.quality, *said.quality))
        limits = meter.limits if meter else NO_LIMITS
        statement = plausibility.marked(statement, origin.received, plausibility.bounds(limits)).marked(*quality)
        return Understood(plain, statement, meter)

    return Interpreted(origin, tuple(each(understood, decoded.parts)))


def _statement(said: Said, origin: Identified, context: Context) -> tuple[Statement, MeterFacts | None]:
    content = said.content
    if isinstance(content, Telegram):
        return _telegram(content, said, origin, context)
    if isinstance(content, EventNotification):
        return _event(content, said, origin, context)
    found = objects_of(said, content, origin, context)
    return state(found, context), found.meter


def objects_of(said: Said, content: DataNotification | Answer, origin: Identified, context: Context) -> Objects:
    """Return the objects that a notification or an answer holds, and whose they are; raises Refused.

    What is registered of a meter can say how to read its messages; where only the message names its meter, it is read
    again once that is known.
    """
    title = said.plain.system_title
    meter = registered(origin, title, "", "", context)
    found = _objects(said, content, origin, context, meter)
    if not len(context.registry) or (meter and title):
        return found
    texts = {found.dialect.code(entry.obis): objects.text(entry.data) or "" for entry in found.entries}
    name, serial = (
        next((text for code in codes if (text := texts.get(code, "").strip())), "")
        for codes in ((objects.LOGICAL_DEVICE_NAME,), objects.SERIALS)
    )
    named = registered(origin, title, name, serial, context)
    if _reading_rules(named) != _reading_rules(meter):
        found = _objects(said, content, origin, context, named)
    return replace(found, meter=named)


def _objects(
    said: Said, content: DataNotification | Answer, origin: Identified, context: Context, meter: MeterFacts | None
) -> Objects:
    if isinstance(content, DataNotification):
        return _notified(content, said, context, meter)
    return _answer(content, said, origin, context, meter)


def _reading_rules(meter: MeterFacts | None) -> tuple[object, ...]:
    """Return what of a meter's facts says how to read its messages."""
    return (meter.dialect, meter.profiles) if meter else ("", {})


def _dialect(traits: Traits, context: Context, meter: MeterFacts | None) -> Dialect:
    """Return the dialect of a message: the one registered for its meter, else the first that knows it."""
    return _registered_dialect(context, meter) or context.dialects.of(traits)


def _registered_dialect(context: Context, meter: MeterFacts | None) -> Dialect | None:
    """Return the dialect that the registry names; raises Refused (MAPPING_MISSING) where none in force has its name."""
    if not meter or not meter.dialect:
        return None
    found = context.dialects.named(meter.dialect)
    if found is None:
        told = f"the registry says that the meter speaks '{meter.dialect}', which no mapping in force has"
        raise Refused(Reason.MAPPING_MISSING, STAGE, told)
    return found


def zone_for(meter: MeterFacts | None, dialect: Dialect, context: Context) -> tuple[str, bool]:
    """Return the zone of a meter's clock, and whether it is known to be this meter's."""
    known = (meter.zone if meter else "") or dialect.zone
    return known or context.default_zone, bool(known)


# --- notifications


def _notified(notification: DataNotification, said: Said, context: Context, meter: MeterFacts | None) -> Objects:
    body = notification.body
    if body.tag == Tag.COMPACT_ARRAY:
        body = Data(Tag.ARRAY, tuple(body.value.items))
    if body.tag in {Tag.ARRAY, Tag.STRUCTURE}:
        found = _named(body.value, notification, said, context, meter) or _unnamed(
            body, notification, said, context, meter
        )
        if found is not None:
            return found
    kind = Tag(body.tag).name.lower().replace("_", "-")
    size = f" of {len(body.value)}" if body.tag in {Tag.ARRAY, Tag.STRUCTURE} else ""
    raise Refused(
        Reason.MAPPING_MISSING,
        STAGE,
        f"no layout is known for a body that is a {kind}{size}",
        fingerprint=fingerprint(notification.body),
    )


def _named(
    items: Sequence[Data], notification: DataNotification, said: Said, context: Context, meter: MeterFacts | None
) -> Objects | None:
    """Read a body that names its objects."""
    partial = Quality.TRUNCATED in said.quality
    entries = push_list.entries(items, partial=partial) or lists.entries(items)
    if entries is None:
        return None
    traits = _traits(entries, said.plain.system_title or b"", said.deviation, len(entries))
    dialect = _dialect(traits, context, meter)
    rest, found = buffers.set_aside(entries, dialect, context.dialects, meter, said.plain.system_title or b"")
    return Objects(rest, notification.date_time, dialect, found, meter=meter)


def _unnamed(
    body: Data, notification: DataNotification, said: Said, context: Context, meter: MeterFacts | None
) -> Objects | None:
    """Read a body that names nothing: by a layout of its list or its rows, or as rows of a registered profile."""
    forced = _registered_dialect(context, meter)
    dialects = [forced] if forced else context.dialects.laying_out(said.plain.system_title or b"")
    size = stated_size(said.plain.octets) if Quality.TRUNCATED in said.quality else len(body.value)
    found = positional.explained(body.value, dialects, tagged_time=notification.tagged_date_time, size=size)
    if found is not None:
        return Objects(found.entries, notification.date_time, found.dialect, layout=found.layout, meter=meter)
    for rows in (body.value, (Data(Tag.STRUCTURE, body.value),)):  # rows, or one alone
        buffer = buffers.bare(rows, meter)
        dialect = forced or NO_DIALECT
        if buffer is None:
            laid_out = buffers.of_layout(rows, dialects)
            if laid_out is None:
                continue
            dialect, buffer = laid_out
        return Objects((), notification.date_time, dialect, (buffer,), meter=meter)
    return None


def _traits(entries: Sequence[Entry], title: bytes, deviation: str, count: int) -> Traits:
    texts = {entry.obis: objects.text(entry.data) or "" for entry in entries}
    version = next((text for obis, text in texts.items() if objects.is_list_version(obis)), "")
    return Traits(title, version, texts.get(objects.LOGICAL_DEVICE_NAME, ""), deviation, tuple(texts), count)


# --- answers


def _answer(answer: Answer, said: Said, origin: Identified, context: Context, meter: MeterFacts | None) -> Objects:
    found = answer_entries(answer, origin.exchange, meter)
    name = origin.exchange.logical_device_name.decode("latin-1") if origin.exchange else ""
    dialect = _dialect(Traits(said.plain.system_title or b"", logical_device_name=name), context, meter)
    return Objects(found.entries, b"", dialect, found.buffers, meter=meter, polled=True)


# --- objects to values


def state(found: Objects, context: Context) -> Statement:
    """Value the objects; raises Refused where there is nothing to value. The readings are in the order of the entries.

    Of a dialect whose nulls are absent objects, those have no reading.
    """
    dialect = found.dialect
    zone, configured = zone_for(found.meter, dialect, context)

    def place(instant: Instant, later: bool) -> Instant:  # noqa: FBT001
        return instant.placed(zone, later=later, configured=configured)

    header = from_octets(found.header_time, inverted=dialect.deviation_inverted)
    entries = valued_entries(found)
    stated = [objects.clock(entry.data, dialect) for entry in entries if objects.is_clock(dialect.code(entry.obis))]
    clock = next((instant for instant in stated if instant is not None), None)
    at = header if clock is None or _states_deviation_of(header, clock) else clock
    at = None if at is None else place(at, False)  # noqa: FBT003
    readings = _numbered(objects.reading(entry, at, dialect) for entry in entries)
    told = [event for entry in entries for event in events.of_entry(entry, at, dialect, pushed=not found.polled)]
    blocks: list[Block] = []
    try:
        for buffer in found.buffers:
            log = events.log(buffer)
            if log is not None:
                told.extend(events.of_log(log, dialect, place))
            rest = log.rest if log else buffer
            if rest is not None:
                blocks.extend(profile.blocks(rest, dialect, place))
    except RowMalformed as mismatch:
        raise Refused(Reason.CONTEXT_MISSING, STAGE, f"{mismatch}; read the capture objects again") from None
    if not readings and not blocks and not told:
        raise Refused(Reason.NO_METER_DATA, STAGE, "the message names objects and has no value of any")
    return Statement(
        readings=readings,
        blocks=tuple(blocks),
        events=tuple(told),
        meter_time=place(header, False) if header else at,  # noqa: FBT003
        logical_device_name=_text(readings, (objects.LOGICAL_DEVICE_NAME,)),
        serial=_text(readings, objects.SERIALS),
        dialect=dialect.name,
    )


def _states_deviation_of(header: Instant | None, clock: Instant) -> bool:
    """Tell whether the notification's time is the clock's in the list, with the deviation that this leaves out."""
    return header is not None and header.utc is not None and clock.utc is None and header.local == clock.local


def valued_entries(found: Objects) -> Sequence[Entry]:
    """Return the entries that have a reading each."""
    if not found.dialect.nulls_absent:
        return found.entries
    return [entry for entry in found.entries if not objects.is_null(entry.data)]


def _numbered(readings: Iterable[Reading]) -> tuple[Reading, ...]:
    """Give values of the same key their number, and mark what the clock says of their time."""
    seen: Counter[tuple[str, int]] = Counter()
    found = []
    for reading in readings:
        key = (reading.obis, reading.attribute)
        occurrence, quality = seen[key], _time_quality(reading.at)
        if occurrence or quality:
            reading = replace(reading, occurrence=occurrence, quality=(*reading.quality, *quality))  # noqa: PLW2901
        found.append(reading)
        seen[key] += 1
    return tuple(found)


def _time_quality(at: Instant | None) -> tuple[Quality, ...]:
    return (Quality.TIME_RECEPTION,) if at is None else at.quality


def _text(readings: Sequence[Reading], codes: Sequence[str]) -> str:
    texts = {
        reading.obis: reading.value
        for reading in readings
        if reading.attribute == VALUE_ATTRIBUTE and isinstance(reading.value, str) and reading.value.strip()
    }
    return next((str(texts[code]).strip() for code in codes if code in texts), "")


# --- telegrams and events


_TELEGRAM_SERIALS = ("0.0.96.1.1.255", "0.0.96.1.0.255")


def _telegram(
    telegram: Telegram, said: Said, origin: Identified, context: Context
) -> tuple[Statement, MeterFacts | None]:
    name, serial = _text(telegram.readings, (objects.LOGICAL_DEVICE_NAME,)), _text(telegram.readings, _TELEGRAM_SERIALS)
    meter = registered(origin, said.plain.system_title, name, serial, context)
    zone, configured = zone_for(meter, NO_DIALECT, context)

    def placed(at: Instant | None) -> Instant | None:
        return at.placed(zone, configured=configured) if at else None

    statement = Statement(
        readings=_numbered([replace(reading, at=placed(reading.at)) for reading in telegram.readings]),
        meter_time=placed(telegram.time),
        logical_device_name=name,
        serial=serial,
        dialect="dsmr-p1",
    )
    return statement, meter


def _event(
    notification: EventNotification, said: Said, origin: Identified, context: Context
) -> tuple[Statement, MeterFacts | None]:
    obis = format_obis(notification.obis)
    entry = Entry(obis, notification.value, None, notification.attribute, notification.class_id)
    text = objects.text(entry.data) or "" if entry.attribute == VALUE_ATTRIBUTE else ""
    name, serial = (
        text.strip() if obis in codes else "" for codes in ((objects.LOGICAL_DEVICE_NAME,), objects.SERIALS)
    )
    meter = registered(origin, said.plain.system_title, name, serial, context)
    dialect = _dialect(Traits(said.plain.system_title or b""), context, meter)
    value = objects.reading(entry, None, dialect).value
    zone, configured = zone_for(meter, dialect, context)
    at = from_octets(notification.time or b"", inverted=dialect.deviation_inverted)
    at = at.placed(zone, configured=configured) if at else None
    event = Event(
        kind="EVENT_NOTIFICATION",
        obis=obis,
        attribute=notification.attribute,
        at=at,
        code=value.mantissa if isinstance(value, Exact) else None,
        text=value if isinstance(value, str) else "",
        octets=value if isinstance(value, bytes) else b"",
    )
    told = events.of_entry(entry, at, dialect, pushed=True) or (event,)
    statement = Statement(events=told, meter_time=at, logical_device_name=name, serial=serial, dialect=dialect.name)
    return statement, meter
