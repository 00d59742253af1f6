"""Selective access to a profile's buffer: by range of values (selector 1) or by entries (2); Blue Book 4.3.6."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple, Union

from ami_dlms import axdr
from ami_dlms.apdu import SelectiveAccess
from ami_dlms.axdr import Data, Tag
from ami_dlms.cosem_time import CosemDateTime
from ami_dlms.errors import DataMalformed

RANGE = 1
ENTRY = 2
CLOCK_CLASS = 8
CLOCK = bytes((0, 0, 1, 0, 0, 255))
"""0-0:1.0.0.255, the clock of a logical device."""


class CaptureObject(NamedTuple):
    """One column of a profile: an attribute, or one element of it."""

    class_id: int
    obis: bytes
    attribute: int = 2
    data_index: int = 0
    """0 is the whole attribute, n its nth element."""

    def to_data(self) -> Data:
        """Return the capture_object_definition."""
        return axdr.structure(
            axdr.uint16(self.class_id), axdr.octets(self.obis), axdr.int8(self.attribute), axdr.uint16(self.data_index)
        )

    @classmethod
    def from_data(cls, definition: Data) -> CaptureObject:
        """Read a capture_object_definition; what newer classes add to it is passed over. Raises DataMalformed."""
        members = definition.value if definition.tag == Tag.STRUCTURE else ()
        match [member.value for member in members]:
            case [int(class_id), bytes(obis), int(attribute), int(index), *_] if len(obis) == 6:
                return cls(class_id, obis, attribute, index)
        raise DataMalformed("a capture object is no structure of class, logical name, attribute and data index")


CLOCK_TIME = CaptureObject(CLOCK_CLASS, CLOCK)

Bound = Union[datetime, CosemDateTime, Data]
"""An end of a range: an aware datetime, a COSEM date-time, or the value of any other column."""


def range_descriptor(
    from_: Bound, to: Bound, *, by: CaptureObject = CLOCK_TIME, columns: Sequence[CaptureObject] = ()
) -> SelectiveAccess:
    """Ask for the rows whose column `by` lies between `from_` and `to`, both included; no `columns` means all."""
    return SelectiveAccess(
        RANGE,
        axdr.structure(by.to_data(), _bound(from_), _bound(to), axdr.array(*(column.to_data() for column in columns))),
    )


def entry_descriptor(
    from_entry: int = 1, to_entry: int = 0, *, from_column: int = 1, to_column: int = 0
) -> SelectiveAccess:
    """Ask for rows and columns by number, counted from 1 and both ends included; a `to` of 0 means the last one."""
    return SelectiveAccess(
        ENTRY,
        axdr.structure(
            axdr.uint32(from_entry), axdr.uint32(to_entry), axdr.uint16(from_column), axdr.uint16(to_column)
        ),
    )


def selected_columns(captured: Sequence[CaptureObject], access: SelectiveAccess | None) -> list[CaptureObject]:
    """Return the columns that the rows of an answer have: those the request selected of all that are captured.

    A range may name a column that is not captured; the meter answered, so it is believed. An access that is neither a
    range nor by entries selects all.
    """
    everything = list(captured)
    if access is None or access.parameters.tag != Tag.STRUCTURE or len(access.parameters.value) != 4:
        return everything
    parameters = access.parameters.value
    if access.selector == RANGE and parameters[3].tag == Tag.ARRAY:
        try:
            return [CaptureObject.from_data(definition) for definition in parameters[3].value] or everything
        except DataMalformed:
            return everything
    first, last = parameters[2].value, parameters[3].value
    if access.selector == ENTRY and isinstance(first, int) and isinstance(last, int):
        return everything[max(first, 1) - 1 : last or None]
    return everything


def _bound(value: Bound) -> Data:
    # Date-times go as octet-string, the form every server takes; tag 25 is newer and rarer.
    if isinstance(value, datetime):
        value = CosemDateTime.from_datetime(value)
    return axdr.octets(value.to_bytes()) if isinstance(value, CosemDateTime) else value
