"""Profile buffers to interval blocks (Blue Book, class 7).

Rows that leave out what repeats are resolved by `ami_dlms.cosem.buffer`. A null stamp is counted on here, as an
instant, because only here the zone of a clock without deviation is known. Rows stamped at equal distances become one
block a column; a missing row is a value that is `MISSING`, and a stamp off the grid starts a new block.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

from ami_dlms.axdr import NULL, Data, Tag
from ami_dlms.cosem.buffer import resolved
from ami_dlms.selective import CLOCK_CLASS
from ami_normalize import status
from ami_normalize.dialects import Dialect
from ami_normalize.instants import Instant, from_unix
from ami_normalize.model import VALUE_ATTRIBUTE, Block, Entry, ScalerUnit
from ami_normalize.numbers import Exact, Value
from ami_normalize.quality import Quality
from ami_normalize.shapes import objects
from ami_normalize.status import Status

Place = Callable[[Instant, bool], Instant]
"""Puts a local time into the default zone; the flag chooses the second of two equal local times."""

UNNAMED = "0.0.0.0.0.0"
"""The code of a column that nothing names."""
_DAY = 86_400_000_000  # microseconds
_MOST_MISSING = 3000
"""Rows filled in as missing at one place, a month of quarter hours: a wider gap starts a new block instead."""


class Column(NamedTuple):
    """A capture object."""

    class_id: int
    obis: str
    attribute: int = VALUE_ATTRIBUTE
    data_index: int = 0
    scaler_unit: ScalerUnit | None = None
    number: bool = False
    """An octet-string that is a number, by a layout."""
    no_value: frozenset[int] = frozenset()
    """Raw integers that stand for no value, by a layout."""

    @property
    def is_clock(self) -> bool:
        """Whether it stamps the rows."""
        return self.class_id == CLOCK_CLASS or objects.is_clock(self.obis) or self.is_unix_clock

    @property
    def is_unix_clock(self) -> bool:
        """Whether it stamps the rows with a UNIX time (0-0:1.1.0)."""
        return self.obis.split(".")[2:5] == ["1", "1", "0"] and self.obis.startswith("0.")


class Row(NamedTuple):
    """A row with every null and delta replaced by what it stands for."""

    stamp: Instant | None
    cells: tuple[Data, ...]


class Buffer(NamedTuple):
    """The rows of a profile and what they captured."""

    obis: str
    rows: Sequence[Data]
    columns: Sequence[Column]
    period_s: int = 0
    """The capture period; 0 where not known or driven by events, then the stamps tell."""
    without: frozenset[int] = frozenset()
    """Columns that are passed over."""


@lru_cache(maxsize=1024)
def is_status(obis: str) -> bool:
    """Tell whether a code is a profile's status word (0-b:96.10.e)."""
    groups = obis.split(".")
    return groups[0] == "0" and groups[2:4] == ["96", "10"]


def blocks(buffer: Buffer, dialect: Dialect, place: Place) -> tuple[Block, ...]:
    """Return one block a column and run of equal distances, in time order.

    Without a common distance each row is a run of its own, with period 0. Raises RowMalformed
    where a row has another number of columns than are captured.
    """
    rows = in_order(buffer, dialect, place)
    period = buffer.period_s or _distance([row.stamp.micros() for row in rows if row.stamp])
    if dialect.stamps_start:
        rows = [row._replace(stamp=row.stamp and row.stamp.shifted(timedelta(seconds=period))) for row in rows]
    found: list[Block] = []
    for run in _runs(rows, period):
        found.extend(_block(buffer, run, period, dialect))
    return tuple(found)


def in_order(buffer: Buffer, dialect: Dialect, place: Place) -> list[Row]:
    """Return the rows in time order, their stamps as the meter gave them; raises RowMalformed."""
    rows = list(_rows(buffer, dialect, place))
    stamps = [row.stamp.micros() for row in rows if row.stamp]
    if len(stamps) > 1 and stamps[0] > stamps[-1]:
        rows.reverse()
    return rows


def _rows(buffer: Buffer, dialect: Dialect, place: Place) -> Iterator[Row]:
    """Yield the rows with stamps, and with every null and delta replaced by what it stands for."""
    rows, columns = buffer.rows, buffer.columns
    stamp: Instant | None = None
    clock_at = next((index for index, column in enumerate(columns) if column.is_clock), None)
    period = buffer.period_s or _spacing(rows, clock_at, dialect, place)
    step = timedelta(seconds=period * _direction(rows, clock_at, dialect, place))
    for row, cells in zip(rows, resolved(rows, len(columns)), strict=True):
        if clock_at is not None:
            given = row.value[clock_at]
            if given.tag in objects.EMPTY:
                stamp = _counted_on(stamp, step)
            else:
                read = _stamp(given, columns[clock_at], dialect)
                if read and read.summer is None and read.utc is None and (status := _status(cells, columns, dialect)):
                    read = replace(read, summer=status.summer)
                stamp = _placed(read, stamp, place)
        yield Row(stamp, cells)


def _counted_on(stamp: Instant | None, step: timedelta) -> Instant | None:
    """Return the stamp one row on; None where nothing says when, or the calendar has no such time."""
    if stamp is None or not step:
        return None
    try:
        return stamp.shifted(step)
    except OverflowError:
        return None


def _placed(read: Instant | None, before: Instant | None, place: Place) -> Instant | None:
    """Place a local stamp; where it exists twice, one not after the row before is the second."""
    if read is None:
        return None
    placed = place(read, False)  # noqa: FBT003
    if before and Quality.TIME_AMBIGUOUS in placed.quality and placed.micros() <= before.micros():
        return place(read, True)  # noqa: FBT003
    return placed


def _direction(rows: Sequence[Data], clock_at: int | None, dialect: Dialect, place: Place) -> int:
    """Return -1 if the rows come last first, else 1, going by the first two stamps given."""
    if clock_at is None:
        return 1
    given: list[int] = []
    for row in rows:
        if row.tag != Tag.STRUCTURE or len(row.value) <= clock_at or row.value[clock_at].tag in objects.EMPTY:
            continue
        read = objects.clock(row.value[clock_at], dialect)
        if read is not None:
            given.append(place(read, False).micros())  # noqa: FBT003
        if len(given) == 2:
            return -1 if given[1] < given[0] else 1
    return 1


def _spacing(rows: Sequence[Data], clock_at: int | None, dialect: Dialect, place: Place) -> int:
    """Return the seconds between two rows by the stamps among null ones, 0 where they do not agree or none is null."""
    given: list[tuple[int, int]] = []
    for index, row in enumerate(rows):
        if clock_at is None or row.tag != Tag.STRUCTURE or len(row.value) <= clock_at:
            return 0
        if row.value[clock_at].tag not in objects.EMPTY:
            read = objects.clock(row.value[clock_at], dialect)
            if read is not None:
                given.append((index, place(read, False).micros()))  # noqa: FBT003
    if len(given) == len(rows):
        return 0
    spacings = {abs(after - before) / (last - first) for (first, before), (last, after) in pairwise(given)}
    spacing = spacings.pop() / 1_000_000 if len(spacings) == 1 else 0.0
    return int(spacing) if spacing.is_integer() else 0


def _stamp(data: Data, column: Column, dialect: Dialect) -> Instant | None:
    if column.is_unix_clock and data.tag in objects.INTEGERS:
        return from_unix(data.value)
    return objects.clock(data, dialect)


def _distance(stamps: Sequence[int]) -> int:
    """Return the period in seconds that the stamps keep but for some off the grid, or 0 if they keep none."""
    steps = Counter(after - before for before, after in pairwise(stamps) if after > before)
    if not steps:
        return 0
    period = min(steps)
    if any(step % period for step in steps):  # a row captured in between, as at a power failure
        period, times = steps.most_common(1)[0]
        if period > _DAY or 2 * times <= sum(steps.values()):  # longer ones are of the calendar
            return 0
    seconds, rest = divmod(period, 1_000_000)
    return 0 if rest else seconds


def _runs(rows: Sequence[Row], period: int) -> Iterator[list[Row | None]]:
    """Cut rows into runs of equal distances; None stands for a missing row."""
    run: list[Row | None] = []
    last: Instant | None = None
    for row in rows:
        missing = missing_rows(last, row.stamp, period) if run else None
        if missing is None:
            if run:
                yield run
            run = []
        else:
            run.extend([None] * missing)
        run.append(row)
        last = row.stamp
    if run:
        yield run


def missing_rows(before: Instant | None, after: Instant | None, period: int) -> int | None:
    """Return how many rows are missing between two, or None if they are not of one run."""
    if before is None and after is None:
        return 0
    if before is None or after is None or not period:
        return None
    steps, rest = divmod(after.micros() - before.micros(), period * 1_000_000)
    return None if rest or not 1 <= steps <= _MOST_MISSING else steps - 1


def _block(buffer: Buffer, run: Sequence[Row | None], period: int, dialect: Dialect) -> Iterator[Block]:
    columns = buffer.columns
    first_end = run[0].stamp if run[0] else None
    statuses = _statuses(run, columns, dialect)
    marks = [_row_quality(row, columns, dialect) for row in run]
    seen: Counter[tuple[str, int]] = Counter()
    for index, column in enumerate(columns):
        if column.is_clock or index in buffer.without:
            continue
        values: list[Value] = []
        quality: list[tuple[Quality, ...]] = []
        unit = 255
        for row, mark in zip(run, marks, strict=True):
            if row is None:
                values.append(None)
                quality.append(mark)
                continue
            reading = objects.reading(_entry(column, row.cells[index]), None, dialect)
            value = reading.value
            values.append(Exact(int(value), 0) if isinstance(value, bool) else value)
            if value is not None:
                unit = reading.unit
            quality.append((*reading.quality, *mark) if reading.quality else mark)
        key = (column.obis, column.attribute)
        yield Block(
            profile=buffer.obis,
            obis=dialect.code(column.obis),
            values=tuple(values),
            quality=tuple(quality),
            period_s=period,
            first_end=first_end,
            attribute=column.attribute,
            unit=unit,
            statuses=statuses,
            occurrence=seen[key],
        )
        seen[key] += 1


def _entry(column: Column, cell: Data) -> Entry:
    if column.no_value and cell.tag in objects.INTEGERS and cell.value in column.no_value:
        cell = NULL
    number = column.number and cell.tag == Tag.OCTET_STRING
    return Entry(column.obis, cell, column.scaler_unit, column.attribute, column.class_id, number)


def _row_quality(row: Row | None, columns: Sequence[Column], dialect: Dialect) -> tuple[Quality, ...]:
    """Return what holds for every value of a row."""
    if row is None:
        return (Quality.MISSING,)
    clock = (Quality.TIME_RECEPTION,) if row.stamp is None else row.stamp.quality
    status = _status(row.cells, columns, dialect)
    return tuple(dict.fromkeys((*clock, *status.quality))) if status and status.quality else clock


def _status(cells: Sequence[Data], columns: Sequence[Column], dialect: Dialect) -> Status | None:
    """Return what the status word of a row says, None where the profile captures none."""
    at = _status_at(columns, dialect)
    return None if at is None else status.of(cells[at], dialect.status, dialect.companion)


def _status_at(columns: Sequence[Column], dialect: Dialect) -> int | None:
    return next((index for index, column in enumerate(columns) if is_status(dialect.code(column.obis))), None)


def _statuses(run: Sequence[Row | None], columns: Sequence[Column], dialect: Dialect) -> tuple[int, ...]:
    """Return the status word of each row (0 for a missing one), if the profile captures one as a number."""
    at = _status_at(columns, dialect)
    if at is None:
        return ()
    words = [row.cells[at].value if row else 0 for row in run]
    return tuple(words) if all(isinstance(word, int) and word >= 0 for word in words) else ()
