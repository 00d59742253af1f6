"""Profile buffers to interval blocks (Blue Book, class 7).

Rows that leave out what repeats are resolved by `ami_dlms.cosem.buffer`. Stamps become instants in `stamps`, because
only here the zone of a clock without deviation is known. Rows stamped at equal distances become one
block a column; a missing row is a value that is `MISSING`, and a stamp off the grid starts a new block.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import lru_cache
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
from ami_normalize.shapes import objects, stamps
from ami_normalize.shapes.stamps import Given, Place
from ami_normalize.status import Status

UNNAMED = "0.0.0.0.0.0"
"""The code of a column that nothing names."""
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
    period = buffer.period_s or stamps.distance([row.stamp.micros() for row in rows if row.stamp])
    if dialect.stamps_start:
        rows = [row._replace(stamp=row.stamp and row.stamp.shifted(timedelta(seconds=period))) for row in rows]
    found: list[Block] = []
    for run in _runs(rows, period):
        found.extend(_block(buffer, run, period, dialect))
    return tuple(found)


def in_order(buffer: Buffer, dialect: Dialect, place: Place) -> list[Row]:
    """Return the rows in time order, their stamps as the meter gave them; raises RowMalformed."""
    rows = list(_rows(buffer, dialect, place))
    known = [row.stamp.micros() for row in rows if row.stamp]
    if len(known) > 1 and known[0] > known[-1]:
        rows.reverse()
    return rows


def _rows(buffer: Buffer, dialect: Dialect, place: Place) -> Iterator[Row]:
    """Yield the rows with stamps, and with every null and delta replaced by what it stands for."""
    columns = buffer.columns
    clock_at = next((index for index, column in enumerate(columns) if column.is_clock), None)
    cells = list(resolved(buffer.rows, len(columns)))
    if clock_at is None:
        yield from (Row(None, each) for each in cells)
        return
    given = [
        _given(row.value[clock_at], each, buffer, clock_at, dialect)
        for row, each in zip(buffer.rows, cells, strict=True)
    ]
    yield from map(Row, stamps.placed(given, place, buffer.period_s), cells)


def _given(cell: Data, cells: Sequence[Data], buffer: Buffer, clock_at: int, dialect: Dialect) -> Given:
    """Read the stamp of a row; where its clock does not say whether daylight saving is active, its status may."""
    if cell.tag in objects.EMPTY:
        return stamps.OUT
    read = _stamp(cell, buffer.columns[clock_at], dialect)
    if read and read.summer is None and read.utc is None and (told := _status(cells, buffer.columns, dialect)):
        return replace(read, summer=told.summer)
    return read


def _stamp(data: Data, column: Column, dialect: Dialect) -> Instant | None:
    if column.is_unix_clock and data.tag in objects.INTEGERS:
        return from_unix(data.value)
    return objects.clock(data, dialect)


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
