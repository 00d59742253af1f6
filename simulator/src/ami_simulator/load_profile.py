"""The load profile of a virtual meter: rows computed when they are asked for, the same ones every time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import overload

from ami_dlms.cosem import Row

PERIOD_S = 900
DAYS = 40
CAPACITY = DAYS * 86_400 // PERIOD_S


class Rows(Sequence[Row]):
    """The rows of the periods `first` to `last` (numbers of 15-minute periods since the Unix epoch, both included)."""

    def __init__(self, first: int, last: int, row: Callable[[int], Row]) -> None:
        self._first, self._row = first, row
        self._length = max(0, last - first + 1)

    def __len__(self) -> int:
        """Count the rows."""
        return self._length

    @overload
    def __getitem__(self, index: int) -> Row: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Row]: ...
    def __getitem__(self, index: int | slice) -> Row | Sequence[Row]:
        """Return the row that ends a period."""
        if isinstance(index, slice):
            return [self[at] for at in range(*index.indices(self._length))]
        at = range(self._length)[index]
        return self._row(self._first + at)


class RowCache:
    """Keeps rows that were computed, as many as a profile holds."""

    def __init__(self, compute: Callable[[int], Row]) -> None:
        self._compute = compute
        self._rows: dict[int, Row] = {}

    def __call__(self, period: int) -> Row:
        """Return the row of a period."""
        row = self._rows.get(period)
        if row is None:
            if len(self._rows) > CAPACITY:
                self._rows.clear()
            row = self._rows[period] = self._compute(period)
        return row
