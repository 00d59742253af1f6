"""The load profile of a virtual meter: rows computed when they are asked for, the same ones every time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timezone
from typing import overload

from ami_dlms.apdu import DataAccessResult, SelectiveAccess
from ami_dlms.axdr import Data
from ami_dlms.cosem import ProfileGeneric, Row
from ami_dlms.cosem_time import CosemDateTime
from ami_dlms.errors import DlmsError
from ami_dlms.selective import CLOCK_TIME, RANGE

PERIOD_S = 900
DAYS = 40
CAPACITY = DAYS * 86_400 // PERIOD_S
_MARGIN_S = 2 * 86_400
"""Local times and instants are less than this apart."""


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

    def around(self, begin: int, end: int) -> Rows:
        """Return the rows that may lie between two seconds of the Unix epoch, and some more on either side."""
        last = self._first + self._length - 1
        first = max(self._first, (begin - _MARGIN_S) // PERIOD_S)
        return Rows(first, min(last, (end + _MARGIN_S) // PERIOD_S), self._row)


class LoadProfile(ProfileGeneric):
    """A profile whose rows are computed: a range is not looked for in all of them."""

    def select(self, attribute: int, access: SelectiveAccess) -> Data | DataAccessResult:
        """Return the selected rows and columns, possibly none."""
        window = _window(access)
        rows = self.rows()
        if window is None or not isinstance(rows, Rows):
            return super().select(attribute, access)
        near = rows.around(*window)
        return ProfileGeneric(
            self.logical_name, self.columns, lambda: near, capture_period=PERIOD_S, capacity=CAPACITY
        ).select(attribute, access)


def _window(access: SelectiveAccess) -> tuple[int, int] | None:
    """Return the seconds a range of the clock is about, local times taken as UTC; None where it is something else."""
    if access.selector != RANGE:
        return None
    try:
        by, begin, end, _ = access.parameters.value
        if by != CLOCK_TIME.to_data():
            return None
        times = [CosemDateTime.from_bytes(stamp.value).local() for stamp in (begin, end)]
    except (DlmsError, TypeError, ValueError, AttributeError):
        return None  # the generic way says what is wrong
    if times[0] is None or times[1] is None:
        return None
    first, last = (int(time.replace(tzinfo=timezone.utc).timestamp()) for time in times if time is not None)
    return first, last
