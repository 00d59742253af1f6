"""Profile buffers inside pushes: whose rows they are, and what their columns are.

A buffer says of its columns nothing but their number. What they are comes from the capture objects in the same message,
else from the registry, else from a layout of rows; scalers from wherever they are known.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from ami_dlms.axdr import Data, Tag
from ami_normalize.dialects import Dialect, Dialects, Layout
from ami_normalize.meter import MeterFacts, ProfileFacts
from ami_normalize.model import VALUE_ATTRIBUTE, Entry
from ami_normalize.pipeline.outcome import Refused
from ami_normalize.shapes import lists, objects
from ami_normalize.shapes.profile import UNNAMED, Buffer, Column
from ami_schemas.reasons import Reason

STAGE: Final = "interpret"
PROFILE_CLASS: Final = 7
BUFFER: Final = VALUE_ATTRIBUTE
_CAPTURE_OBJECTS, _CAPTURE_PERIOD = 3, 4
_MOST_COLUMNS: Final = 256
_NO_PROFILES: Final[Mapping[str, ProfileFacts]] = {}


def set_aside(
    entries: Sequence[Entry],
    dialect: Dialect,
    dialects: Dialects,
    meter: MeterFacts | None,
    system_title: bytes = b"",
) -> tuple[list[Entry], list[Buffer]]:
    """Part the objects of a push from its profile buffers; raises Refused (CONTEXT_MISSING) for columns unknown.

    A buffer without rows says nothing and is left out.
    """
    captured = {entry.obis: entry.data for entry in entries if _is_profile(entry, _CAPTURE_OBJECTS)}
    periods = {entry.obis: entry.data.value for entry in entries if is_period(entry)}
    rest: list[Entry] = []
    buffers: list[Buffer] = []
    for entry in entries:
        rows = _rows(entry.data) if entry.attribute == BUFFER and entry.class_id in {0, PROFILE_CLASS} else None
        if rows is None:
            rest.append(entry)
            continue
        period = periods.get(entry.obis)
        stated = _stated(captured[entry.obis]) if entry.obis in captured else None
        facts = profiles_of(meter).get(entry.obis)
        buffer = _buffer(entry.obis, rows, stated, period if isinstance(period, int) else 0, facts)
        if buffer is None:
            laid_out = of_layout(rows, [dialect, *dialects.laying_out(system_title)], entry.obis)
            buffer = laid_out and laid_out.buffer
        if buffer is not None:
            buffers.append(buffer)
        elif entry.class_id == PROFILE_CLASS and rows:
            raise unknown_columns(entry.obis)
        elif entry.class_id != PROFILE_CLASS:
            rest.append(entry)
    return rest, buffers


def unknown_columns(obis: str) -> Refused:
    """Return why rows cannot be read."""
    told = f"the capture objects of profile {obis} are not known; register them, or map a layout of its rows"
    return Refused(Reason.CONTEXT_MISSING, STAGE, told)


def profiles_of(meter: MeterFacts | None) -> Mapping[str, ProfileFacts]:
    """Return what is registered of a meter's profiles."""
    return meter.profiles if meter else _NO_PROFILES


def completed(columns: Sequence[Column], facts: ProfileFacts | None) -> list[Column]:
    """Return columns with the scalers and units that the registry knows of them."""
    known = {column[:4]: column.scaler_unit for column in facts.columns} if facts else {}
    return [column if column.scaler_unit else column._replace(scaler_unit=known.get(column[:4])) for column in columns]


def bare(items: Sequence[Data], meter: MeterFacts | None) -> Buffer | None:
    """Return rows that nothing names as those of the one profile registered of their meter that they fit."""
    fitting = [
        Buffer(obis, items, facts.columns, facts.period_s)
        for obis, facts in profiles_of(meter).items()
        if _fit(items, facts.columns)
    ]
    return fitting[0] if len(fitting) == 1 else None


class LaidOut(NamedTuple):
    """Rows that a layout explains, and whose layout it is."""

    dialect: Dialect
    buffer: Buffer


def of_layout(items: Sequence[Data], dialects: Sequence[Dialect], obis: str = "") -> LaidOut | None:
    """Return rows by the first layout of rows that they fit; `obis` is their profile, where they say so."""
    for dialect in dialects:
        for layout in dialect.layouts:
            if layout.profile and obis in {"", layout.profile} and layout.fits_rows(items):
                return LaidOut(dialect, _laid_out(items, layout))
    return None


def _laid_out(items: Sequence[Data], layout: Layout) -> Buffer:
    columns = [
        Column(
            0, column.obis or UNNAMED, scaler_unit=column.scaler_unit, number=column.number, no_value=column.no_value
        )
        for column in layout.columns
    ]
    without = frozenset(index for index, column in enumerate(layout.columns) if not column.obis)
    return Buffer(layout.profile, items, columns, layout.period_s, without)


def _buffer(
    obis: str, rows: Sequence[Data], stated: Sequence[Column] | None, period_s: int, facts: ProfileFacts | None
) -> Buffer | None:
    columns = stated or (facts.columns if facts else None)
    if not columns or not rows:
        return None
    return Buffer(obis, rows, completed(columns, facts), period_s or (facts.period_s if facts else 0))


def is_period(entry: Entry) -> bool:
    """Tell whether an object is the capture period of a profile."""
    return _is_profile(entry, _CAPTURE_PERIOD)


def _is_profile(entry: Entry, attribute: int) -> bool:
    return entry.class_id == PROFILE_CLASS and entry.attribute == attribute


def _rows(data: Data) -> Sequence[Data] | None:
    """Return the rows of a buffer, None for what is no array of structures."""
    if data.tag not in {Tag.ARRAY, Tag.COMPACT_ARRAY}:
        return None
    rows: Sequence[Data] = data.value.items if data.tag == Tag.COMPACT_ARRAY else data.value
    return rows if all(row.tag == Tag.STRUCTURE for row in rows) else None


def _fit(items: Sequence[Data], columns: Sequence[Column]) -> bool:
    """Tell whether rows can be of these columns: as many, and a time where the clock is."""
    if not items or any(row.tag != Tag.STRUCTURE or len(row.value) != len(columns) for row in items):
        return False
    clocks = [index for index, column in enumerate(columns) if column.is_clock]
    return all(
        cell.tag in objects.EMPTY
        or objects.is_time(cell)
        or (columns[index].is_unix_clock and cell.tag in objects.INTEGERS)
        for row in items
        for index in clocks
        for cell in (row.value[index],)
    )


def _stated(data: Data) -> list[Column] | None:
    """Read capture objects; None if they are none."""
    if data.tag != Tag.ARRAY or len(data.value) > _MOST_COLUMNS:
        return None
    found = []
    for row in data.value:
        target = lists.attribute(row.value) if row.tag == Tag.STRUCTURE else None
        if target is None:
            return None
        index = row.value[3].value if len(row.value) > 3 else 0
        found.append(Column(*target, index if isinstance(index, int) else 0))
    return found
