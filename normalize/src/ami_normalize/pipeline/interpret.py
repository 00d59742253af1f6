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
from ami_normalize.dialects import NO_DIALECT, Dialect, Layout, Traits
from ami_normalize.instants import Instant, from_octets
from ami_normalize.learning.fingerprint import fingerprint
from ami_normalize.meter import NO_LIMITS, MeterFacts
from ami_normalize.model import VALUE_ATTRIBUTE, Block, Entry, Event, Reading, Statement
from ami_normalize.numbers import Exact
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
_PROFILE_CLASS = 7
_BUFFER, _CAPTURE_OBJECTS, _CAPTURE_PERIOD = 2, 3, 4
_MOST_COLUMNS = 256


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
    """Return the objects that a notification or an answer holds, and whose they are; raises Refused."""
    found = (
        _notified(content, said, context)
        if isinstance(content, DataNotification)
        else _answer(content, said, origin, context)
    )
    if not len(context.registry):
        return found
    texts = {found.dialect.code(entry.obis): objects.text(entry.data) or "" for entry in found.entries}
    name, serial = (
        next((text for code in codes if (text := texts.get(code, "").strip())), "")
        for codes in ((objects.LOGICAL_DEVICE_NAME,), objects.SERIALS)
    )
    return replace(found, meter=registered(origin, said.plain.system_title, name, serial, context))


def _zone(meter: MeterFacts | None, dialect: Dialect, context: Context) -> tuple[str, bool]:
    """Return the zone of a meter's clock, and whether it is known to be this meter's."""
    known = (meter.zone if meter else "") or dialect.zone
    return known or context.default_zone, bool(known)


# --- notifications


def _notified(notification: DataNotification, said: Said, context: Context) -> Objects:
    body = notification.body
    title = said.plain.system_title or b""
    if body.tag == Tag.COMPACT_ARRAY:
        body = Data(Tag.ARRAY, tuple(body.value.items))
    if body.tag in {Tag.ARRAY, Tag.STRUCTURE}:
        partial = Quality.TRUNCATED in said.quality
        entries = push_list.entries(body.value, partial=partial) or lists.entries(body.value)
        if entries is not None:
            dialect = context.dialects.of(_traits(entries, title, said.deviation, len(entries)))
            return _with_buffers(entries, notification.date_time, dialect)
        found = positional.explained(
            body.value, context.dialects, tagged_time=notification.tagged_date_time, system_title=title
        )
        if found is not None:
            return Objects(found.entries, notification.date_time, found.dialect, layout=found.layout)
    kind = Tag(body.tag).name.lower().replace("_", "-")
    size = f" of {len(body.value)}" if body.tag in {Tag.ARRAY, Tag.STRUCTURE} else ""
    raise Refused(
        Reason.MAPPING_MISSING,
        STAGE,
        f"no layout is known for a body that is a {kind}{size}",
        fingerprint=fingerprint(notification.body),
    )


def _traits(entries: Sequence[Entry], title: bytes, deviation: str, count: int) -> Traits:
    texts = {entry.obis: objects.text(entry.data) or "" for entry in entries}
    version = next((text for obis, text in texts.items() if objects.is_list_version(obis)), "")
    return Traits(title, version, texts.get(objects.LOGICAL_DEVICE_NAME, ""), deviation, tuple(texts), count)


def _with_buffers(entries: Sequence[Entry], time: bytes, dialect: Dialect) -> Objects:
    """Set aside profile buffers whose capture objects are in the same message."""
    captured = {entry.obis: entry for entry in entries if _is_profile(entry, _CAPTURE_OBJECTS)}
    periods = {entry.obis: entry for entry in entries if _is_profile(entry, _CAPTURE_PERIOD)}
    buffers = []
    rest = []
    for entry in entries:
        columns = _columns(captured[entry.obis].data) if entry.obis in captured else None
        if columns and _is_profile(entry, _BUFFER) and entry.data.tag == Tag.ARRAY:
            period = periods[entry.obis].data.value if entry.obis in periods else None
            buffers.append(
                profile.Buffer(entry.obis, entry.data.value, columns, period if isinstance(period, int) else 0)
            )
        else:
            rest.append(entry)
    return Objects(rest, time, dialect, buffers)


def _is_profile(entry: Entry, attribute: int) -> bool:
    return entry.class_id == _PROFILE_CLASS and entry.attribute == attribute


def _columns(data: Data) -> list[profile.Column] | None:
    """Read capture objects; None if they are none."""
    if data.tag != Tag.ARRAY or len(data.value) > _MOST_COLUMNS:
        return None
    found = []
    for row in data.value:
        target = lists.attribute(row.value) if row.tag == Tag.STRUCTURE else None
        if target is None:
            return None
        found.append(profile.Column(target[0], target[1], target[2]))
    return found


# --- answers


def _answer(answer: Answer, said: Said, origin: Identified, context: Context) -> Objects:
    found = answer_entries(answer, origin.exchange)
    name = origin.exchange.logical_device_name.decode("latin-1") if origin.exchange else ""
    dialect = context.dialects.of(Traits(said.plain.system_title or b"", logical_device_name=name))
    return Objects(found.entries, b"", dialect, found.buffers, polled=True)


# --- objects to values


def state(found: Objects, context: Context) -> Statement:
    """Value the objects; raises Refused where there is nothing to value. The readings are in the order of the entries.

    Of a dialect whose nulls are absent objects, those have no reading.
    """
    dialect = found.dialect
    zone, configured = _zone(found.meter, dialect, context)

    def place(instant: Instant, later: bool) -> Instant:  # noqa: FBT001
        return instant.placed(zone, later=later, configured=configured)

    header = from_octets(found.header_time, inverted=dialect.deviation_inverted)
    entries = valued_entries(found)
    stated = [objects.clock(entry.data, dialect) for entry in entries if objects.is_clock(dialect.code(entry.obis))]
    clock = next((instant for instant in stated if instant is not None), None)
    at = clock or header
    at = None if at is None else place(at, False)  # noqa: FBT003
    readings = _numbered(objects.reading(entry, at, dialect) for entry in entries)
    told = [event for entry in entries for event in events.of_entry(entry, at, dialect, pushed=not found.polled)]
    blocks: list[Block] = []
    try:
        for buffer in found.buffers:
            log = events.log(buffer)
            if log is not None:
                told.extend(events.of_log(log, dialect, place))
            if log is None or log.has_more:
                blocks.extend(profile.blocks(buffer, dialect, place, without=log.told if log else frozenset()))
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
    zone, configured = _zone(meter, NO_DIALECT, context)

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
    dialect = context.dialects.of(Traits(said.plain.system_title or b""))
    obis = format_obis(notification.obis)
    entry = Entry(obis, notification.value, None, notification.attribute, notification.class_id)
    reading = objects.reading(entry, None, dialect)
    value = reading.value
    names = (reading,) if reading.attribute == VALUE_ATTRIBUTE else ()
    name, serial = _text(names, (objects.LOGICAL_DEVICE_NAME,)), _text(names, objects.SERIALS)
    meter = registered(origin, said.plain.system_title, name, serial, context)
    zone, configured = _zone(meter, dialect, context)
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
