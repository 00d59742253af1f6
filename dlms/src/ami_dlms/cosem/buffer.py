"""Rows of a profile as their reader needs them: every null and every delta replaced by what it stands for.

Null-data has two meanings in a buffer (Blue Book, class 7): in the clock column the stamp of the row before plus the
capture period, in any other column the value of the row before. A delta (tags 28 to 33) adds to that value and wraps in
its type. Each response stands for itself: its first row has nothing before it, and a null or delta there stays null.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final

from ami_dlms.axdr import NULL, Data, Tag
from ami_dlms.cosem_time import CosemDateTime
from ami_dlms.errors import DataMalformed

Row = tuple[Data, ...]

EMPTY: Final = frozenset({Tag.NULL, Tag.DONT_CARE})
_DELTAS: Final = frozenset(range(Tag.DELTA_INT8, Tag.DELTA_UINT32 + 1))
_SPANS: Final = {
    tag: (-(1 << bits - 1) if signed else 0, 1 << bits)
    for tag, bits, signed in (
        (Tag.UINT8, 8, False),
        (Tag.UINT16, 16, False),
        (Tag.UINT32, 32, False),
        (Tag.UINT64, 64, False),
        (Tag.INT8, 8, True),
        (Tag.INT16, 16, True),
        (Tag.INT32, 32, True),
        (Tag.INT64, 64, True),
    )
}
"""Lowest value and number of values of each integer type, in which a delta wraps."""
_DATE_TIME_LENGTH: Final = 12
_EPOCH: Final = datetime(1970, 1, 1)  # noqa: DTZ001  local times and instants are only put in order


class RowMalformed(DataMalformed):
    """A row is no structure, or has another number of columns than the profile captures."""


def resolved(rows: Iterable[Data], width: int) -> Iterator[Row]:
    """Yield each row's `width` cells, nulls and deltas replaced by the value they mean in a column that is no clock.

    Raises RowMalformed at the first row of another width.
    """
    before: Row = ()
    for row in rows:
        if row.tag != Tag.STRUCTURE or len(row.value) != width:
            found = len(row.value) if row.tag == Tag.STRUCTURE else 1
            raise RowMalformed(f"a row has {found} columns, the profile captures {width}")
        before = tuple(map(_cell, row.value, before or (NULL,) * width))
        yield before


def stamped(rows: Iterable[Data], width: int, *, clock: int, period_s: int) -> list[Row]:
    """Return the rows resolved, and null stamps in column `clock` counted on from the row before by `period_s`.

    The rows run forward or backward in time as the first two stamps given do. A stamp counted on keeps the deviation of
    the one before: it is the right instant, even where the meter's own clock would have changed to daylight saving. A
    row whose stamp nothing tells keeps its null. Raises RowMalformed.
    """
    given = list(rows)
    counted: list[Row] = []
    step = timedelta(seconds=period_s if _forward(given, clock) else -period_s)
    before = NULL
    for row, cells in zip(given, resolved(given, width), strict=True):
        stamp = row.value[clock]
        if stamp.tag in EMPTY:
            stamp = _shifted(before, step) if step else NULL
        before = stamp
        counted.append((*cells[:clock], stamp, *cells[clock + 1 :]))
    return counted


def _cell(cell: Data, before: Data) -> Data:
    if cell.tag in EMPTY:
        return cell if before.tag in EMPTY else before
    if cell.tag not in _DELTAS:
        return cell
    if before.tag not in _SPANS:
        return NULL  # a delta to nothing is no value
    lowest, span = _SPANS[Tag(before.tag)]
    return Data(before.tag, (before.value + cell.value - lowest) % span + lowest)


def _forward(rows: Iterable[Data], clock: int) -> bool:
    members = (row.value for row in rows if row.tag == Tag.STRUCTURE and len(row.value) > clock)
    keys = (key for cells in members if (key := _order(cells[clock])) is not None)
    return next((first <= second for first, second in pairwise(keys)), True)


def _order(stamp: Data) -> float | None:
    """Return something that grows with time."""
    if stamp.tag in _SPANS:
        return float(stamp.value)
    time = _time(stamp)
    moment = None if time is None else time.utc() or time.local()
    return None if moment is None else (moment.replace(tzinfo=None) - _EPOCH).total_seconds()


def _shifted(stamp: Data, step: timedelta) -> Data:
    """Return a stamp `step` later: a date-time, or seconds since 1970."""
    if stamp.tag in _SPANS:
        lowest, span = _SPANS[Tag(stamp.tag)]
        later = stamp.value + int(step.total_seconds())
        return Data(stamp.tag, later) if lowest <= later < lowest + span else NULL
    time = _time(stamp)
    local = None if time is None else time.local()
    if time is None or local is None:
        return NULL
    try:
        moved = CosemDateTime.from_datetime(local + step, time.status)
    except OverflowError:
        return NULL
    weekday = None if time.day_of_week is None else moved.day_of_week
    hundredths = None if time.hundredths is None else moved.hundredths
    shifted = replace(moved, deviation=time.deviation, day_of_week=weekday, hundredths=hundredths)
    return Data(stamp.tag, shifted.to_bytes())


def _time(stamp: Data) -> CosemDateTime | None:
    if stamp.tag not in (Tag.OCTET_STRING, Tag.DATE_TIME) or len(stamp.value) != _DATE_TIME_LENGTH:
        return None
    return CosemDateTime.from_bytes(stamp.value)
