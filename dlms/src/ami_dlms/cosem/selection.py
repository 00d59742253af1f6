"""Which rows and columns of a buffer a selective access means."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

from ami_dlms.apdu import DataAccessResult, SelectiveAccess
from ami_dlms.axdr import Data, Tag
from ami_dlms.cosem_time import CosemDateTime
from ami_dlms.selective import CLOCK_CLASS, RANGE, CaptureObject

Row = Sequence[Data]
DATE_TIME_LENGTH = 12
NUMBERS = frozenset(
    {
        Tag.BOOLEAN, Tag.INT8, Tag.INT16, Tag.INT32, Tag.INT64, Tag.UINT8, Tag.UINT16, Tag.UINT32, Tag.UINT64,
        Tag.ENUM, Tag.FLOAT32, Tag.FLOAT64,
    }
)  # fmt: skip


class SelectionRefused(Exception):
    """The access parameters do not fit the buffer."""

    def __init__(self, result: DataAccessResult) -> None:
        super().__init__(result.name)
        self.result = result


def select(rows: Sequence[Row], columns: Sequence[CaptureObject], access: SelectiveAccess) -> list[Row]:
    """Return the rows and columns that `access` asks for; raises SelectionRefused."""
    parameters = _members(access.parameters, Tag.STRUCTURE)
    if len(parameters) != 4:
        raise SelectionRefused(DataAccessResult.TYPE_UNMATCHED)
    return _by_range(rows, columns, parameters) if access.selector == RANGE else _by_entry(rows, columns, parameters)


def _by_range(rows: Sequence[Row], columns: Sequence[CaptureObject], parameters: Sequence[Data]) -> list[Row]:
    by = columns.index(_column(columns, parameters[0]))
    wanted = [columns.index(_column(columns, item)) for item in _members(parameters[3], Tag.ARRAY)]
    within = (
        _time_window(parameters[1], parameters[2])
        if columns[by].class_id == CLOCK_CLASS
        else _number_window(parameters[1], parameters[2])
    )
    chosen = (row for row in rows if within(row[by]))
    return [[row[index] for index in wanted] for row in chosen] if wanted else list(chosen)


def _by_entry(rows: Sequence[Row], columns: Sequence[CaptureObject], parameters: Sequence[Data]) -> list[Row]:
    from_entry, to_entry, from_column, to_column = (_number(parameter) for parameter in parameters)
    # Entry 0 does not exist; clients that count from 0 mean the first one.
    first, last = max(from_entry, 1) - 1, to_entry or len(rows)
    left, right = max(from_column, 1) - 1, to_column or len(columns)
    return [row[left:right] for row in rows[first:last]]


def _column(columns: Sequence[CaptureObject], definition: Data) -> CaptureObject:
    members = _members(definition, Tag.STRUCTURE)
    if len(members) != 4 or members[1].tag != Tag.OCTET_STRING:
        raise SelectionRefused(DataAccessResult.TYPE_UNMATCHED)
    column = CaptureObject(_number(members[0]), members[1].value, _number(members[2]), _number(members[3]))
    if column not in columns:
        raise SelectionRefused(DataAccessResult.OBJECT_UNDEFINED)
    return column


def _time_window(low: Data, high: Data) -> Callable[[Data], bool]:
    begin, end = _time(low), _time(high)

    def within(value: Data) -> bool:
        stamp = _time(value)
        return _not_after(begin, stamp) and _not_after(stamp, end)

    return within


class _Time(NamedTuple):
    """A date-time as instant and as local time; None where that is not specified."""

    utc: datetime | None
    local: datetime | None


def _not_after(first: _Time, second: _Time) -> bool:
    """Compare instants where both offsets are known, else local times; what is not specified bounds nothing."""
    if first.utc is not None and second.utc is not None:
        return first.utc <= second.utc
    return first.local is None or second.local is None or first.local <= second.local


def _number_window(low: Data, high: Data) -> Callable[[Data], bool]:
    begin, end = _number(low), _number(high)
    return lambda value: value.tag in NUMBERS and bool(begin <= value.value <= end)


def _time(value: Data) -> _Time:
    if value.tag not in (Tag.OCTET_STRING, Tag.DATE_TIME) or len(value.value) != DATE_TIME_LENGTH:
        raise SelectionRefused(DataAccessResult.TYPE_UNMATCHED)
    return _times(value.value)


@lru_cache(maxsize=8192)  # a range is looked for in the same stamps again and again
def _times(octets: bytes) -> _Time:
    stamp = CosemDateTime.from_bytes(octets)
    return _Time(stamp.utc(), stamp.local())


def _number(value: Data) -> Any:
    if value.tag not in NUMBERS:
        raise SelectionRefused(DataAccessResult.TYPE_UNMATCHED)
    return value.value


def _members(value: Data, tag: Tag) -> Sequence[Data]:
    if value.tag != tag:
        raise SelectionRefused(DataAccessResult.TYPE_UNMATCHED)
    members: Sequence[Data] = value.value
    return members
