"""Profile generic (class 7, version 1): rows of captured values."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from enum import IntEnum

from ami_dlms import axdr
from ami_dlms.apdu import DataAccessResult, SelectiveAccess
from ami_dlms.axdr import Data
from ami_dlms.cosem.objects import CosemObject
from ami_dlms.cosem.selection import SelectionRefused, select
from ami_dlms.selective import CLOCK_TIME, ENTRY, RANGE, CaptureObject

Row = Sequence[Data]
BUFFER = 2


class SortMethod(IntEnum):
    """How the buffer is ordered."""

    FIFO = 1
    LIFO = 2
    LARGEST = 3
    SMALLEST = 4
    NEAREST_TO_ZERO = 5
    FARTHEST_FROM_ZERO = 6


class ProfileGeneric(CosemObject):
    """A table of captured values. `rows` gives its content whenever it is read, in the order of the buffer."""

    class_id = 7
    version = 1
    selectors = {BUFFER: (RANGE, ENTRY)}  # noqa: RUF012  # a ClassVar of the base class
    methods = (1, 2)

    def __init__(
        self,
        logical_name: bytes,
        columns: Sequence[CaptureObject],
        rows: Callable[[], Sequence[Row]],
        *,
        capture_period: int,
        capacity: int,
        sort_method: SortMethod = SortMethod.FIFO,
        sort_object: CaptureObject = CLOCK_TIME,
    ) -> None:
        """`capture_period` is in seconds (0: captured by events), `capacity` the most rows the buffer holds."""
        self.columns = tuple(columns)
        self.rows = rows
        super().__init__(
            logical_name,
            {
                BUFFER: lambda: _array(rows()),
                3: axdr.array(*(column.to_data() for column in columns)),
                4: axdr.uint32(capture_period),
                5: axdr.enum(sort_method),
                6: sort_object.to_data(),
                7: lambda: axdr.uint32(len(rows())),
                8: axdr.uint32(capacity),
            },
        )

    def select(self, attribute: int, access: SelectiveAccess) -> Data | DataAccessResult:  # noqa: ARG002  # only the buffer
        """Return the selected rows and columns, possibly none."""
        try:
            return _array(select(self.rows(), self.columns, access))
        except SelectionRefused as refusal:
            return refusal.result


def _array(rows: Iterable[Row]) -> Data:
    return axdr.array(*(axdr.structure(*row) for row in rows))
