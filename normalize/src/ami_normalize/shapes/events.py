"""What meters say of events: event logs, event codes, alarm and error registers (IEC 62056-6-1, Blue Book class 7).

    0-b:99.98.e   event log, a profile     a row is an event, its code in the column 0-b:96.11.e
    1-b:99.97.e   power failure log        a row is a failure, its stamp the end, its duration in the column 0-b:96.7.e
    0-b:96.11.e   event code               pushed: an event; polled: a reading, the code of the last one
    0-b:97.98.e   alarm register (0 to 9), alarm descriptor (20 to 29)   each bit that is set is an event
    0-b:97.97.e   error register           likewise

A register is a reading all the same, so that nothing of it is lost; one that is zero is nothing but a reading.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Final, NamedTuple

from ami_dlms.axdr import BitString, Data, Tag
from ami_dlms.obis import parse_obis
from ami_normalize.dialects import Dialect
from ami_normalize.instants import Instant
from ami_normalize.model import VALUE_ATTRIBUTE, Entry, Event
from ami_normalize.numbers import Exact
from ami_normalize.shapes import objects, profile
from ami_normalize.shapes.profile import Buffer, Column
from ami_normalize.shapes.stamps import Place
from ami_schemas import event_types
from ami_schemas.event_types import EventMeaning

_CODE, _ALARM, _ERROR = "code", "alarm", "error"
_MOST_BITS: Final = 64
_DESCRIPTORS: Final = 20
"""Value group E of alarm descriptor 1; alarm registers begin at 0, what stands between are their filters."""


class Source(NamedTuple):
    """An object that tells of events."""

    kind: str
    """`code`, `alarm` or `error`."""
    number: int
    """Which register, from 1."""


@lru_cache(maxsize=4096)
def source(obis: str) -> Source | None:
    """Return what a code tells of events, None where it does not."""
    a, _, c, d, e, f = parse_obis(obis)
    if a != 0 or f != 255:
        return None
    if (c, d) == (96, 11) and e < 100:
        return Source(_CODE, e + 1)
    if (c, d) == (97, 97) and e < 10:
        return Source(_ERROR, e + 1)
    if (c, d) == (97, 98) and (e < 10 or _DESCRIPTORS <= e < _DESCRIPTORS + 10):
        return Source(_ALARM, e % _DESCRIPTORS + 1)
    return None


def of_entry(entry: Entry, at: Instant | None, dialect: Dialect, *, pushed: bool) -> tuple[Event, ...]:
    """Return the events that one object of a message tells of.

    An event code is an event where the meter sends it by itself.
    """
    obis = dialect.code(entry.obis)
    told = source(obis) if entry.attribute == VALUE_ATTRIBUTE else None
    if told is None:
        return ()
    if told.kind == _CODE:
        code = entry.data.value if entry.data.tag in objects.NUMBERS else 0
        return (of_code(obis, code, at, dialect),) if pushed and code else ()
    return tuple(_of_bits(obis, told, entry.data, at, dialect))


def of_code(obis: str, code: int, at: Instant | None, dialect: Dialect) -> Event:
    """Return the event of a code."""
    return _event(event_types.event(code, dialect.companion), event_types.UNKNOWN_EVENT, obis, code, at)


def _of_bits(obis: str, told: Source, data: Data, at: Instant | None, dialect: Dialect) -> Iterator[Event]:
    unknown = event_types.UNKNOWN_ERROR if told.kind == _ERROR else event_types.UNKNOWN_ALARM
    for bit in _bits(data):
        yield _event(event_types.alarm(told.number, bit, dialect.companion), unknown, obis, bit, at)


def _event(meaning: EventMeaning | None, unknown: str, obis: str, code: int, at: Instant | None) -> Event:
    kind, text, event_type = meaning or EventMeaning(unknown, "")
    return Event(kind, obis, VALUE_ATTRIBUTE, at, code, text, event_type=event_type)


def _bits(data: Data) -> list[int]:
    """Return the numbers of the bits that are set: 0 is the lowest of an integer, the first of a bit-string."""
    value = data.value
    if data.tag in objects.INTEGERS:
        return [bit for bit in range(_MOST_BITS) if value >> bit & 1]
    if data.tag == Tag.BIT_STRING and isinstance(value, BitString):
        bits = "".join(f"{octet:08b}" for octet in value.octets)[: value.length]
        return [bit for bit, one in enumerate(bits[:_MOST_BITS]) if one == "1"]
    return []


# --- logs


class Log(NamedTuple):
    """A profile buffer that is a log."""

    buffer: Buffer
    told: frozenset[int]
    """Columns that are told by its events: the codes, or the duration of power failures."""

    @property
    def rest(self) -> Buffer | None:
        """What it captures beside what its events tell, if anything."""
        without = self.buffer.without | self.told
        columns = self.buffer.columns
        more = any(index not in without and not column.is_clock for index, column in enumerate(columns))
        return self.buffer._replace(without=without) if more else None


def log(buffer: Buffer) -> Log | None:
    """Return a buffer as a log, or None if it is none."""
    codes = frozenset(index for index, column in enumerate(buffer.columns) if _is_code(column)) - buffer.without
    if codes:
        return Log(buffer, codes)
    a, _, c, d, _, _ = parse_obis(buffer.obis)
    if a in {0, 1} and (c, d) == (99, 97):
        return Log(buffer, frozenset(index for index, column in enumerate(buffer.columns) if _is_duration(column)))
    return None


def _is_code(column: Column) -> bool:
    told = source(column.obis)
    return column.attribute == VALUE_ATTRIBUTE and told is not None and told.kind == _CODE


def _is_duration(column: Column) -> bool:
    a, _, c, d, _, _ = parse_obis(column.obis)
    return a == 0 and (c, d) == (96, 7)


def of_log(found: Log, dialect: Dialect, place: Place) -> tuple[Event, ...]:
    """Return the events of a log, in time order; raises RowMalformed as `profile.blocks` does."""
    columns = found.buffer.columns
    events: list[Event] = []
    for row in profile.in_order(found.buffer, dialect, place):
        codes = [(columns[index], row.cells[index]) for index in sorted(found.told)]
        if any(_is_code(column) for column, _ in codes):
            events += [_of_cell(column, cell, row.stamp, dialect) for column, cell in codes]
        else:
            events.append(_power_failure(found.buffer.obis, codes, row.stamp, dialect))
    return tuple(events)


def _of_cell(column: Column, cell: Data, at: Instant | None, dialect: Dialect) -> Event:
    obis = dialect.code(column.obis)
    if cell.tag in objects.NUMBERS:
        return of_code(obis, cell.value, at, dialect)
    value = objects.reading(Entry(column.obis, cell), None, dialect).value
    octets = value if isinstance(value, bytes) else b""
    return Event(
        event_types.UNKNOWN_EVENT,
        obis,
        VALUE_ATTRIBUTE,
        at,
        text=value if isinstance(value, str) else "",
        octets=octets,
    )


def _power_failure(obis: str, durations: Sequence[tuple[Column, Data]], at: Instant | None, dialect: Dialect) -> Event:
    kind, text, event_type = event_types.POWER_FAILURE
    for column, cell in durations:
        value = objects.reading(Entry(column.obis, cell, column.scaler_unit), None, dialect).value
        if isinstance(value, Exact):
            return Event(
                kind,
                dialect.code(column.obis),
                VALUE_ATTRIBUTE,
                at,
                None,
                f"{text}, after {value} s",
                event_type=event_type,
            )
    return Event(kind, obis, VALUE_ATTRIBUTE, at, None, text, event_type=event_type)
