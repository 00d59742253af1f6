"""What a server answers where there is no value (Green Book 9.5, `Data-Access-Result` and `Action-Result`)."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from typing import Union

from ami_dlms import axdr
from ami_dlms.apdu.reader import Reader
from ami_dlms.axdr import Data, write_length


class DataAccessResult(IntEnum):
    """How an access to an attribute ended."""

    SUCCESS = 0
    HARDWARE_FAULT = 1
    TEMPORARY_FAILURE = 2
    READ_WRITE_DENIED = 3
    OBJECT_UNDEFINED = 4
    OBJECT_CLASS_INCONSISTENT = 9
    OBJECT_UNAVAILABLE = 11
    TYPE_UNMATCHED = 12
    SCOPE_OF_ACCESS_VIOLATED = 13
    DATA_BLOCK_UNAVAILABLE = 14
    LONG_GET_ABORTED = 15
    NO_LONG_GET_IN_PROGRESS = 16
    LONG_SET_ABORTED = 17
    NO_LONG_SET_IN_PROGRESS = 18
    DATA_BLOCK_NUMBER_INVALID = 19
    OTHER_REASON = 250

    @classmethod
    def _missing_(cls, value: object) -> DataAccessResult | None:
        """Take codes the standard does not list as other-reason: the server said no all the same."""
        return cls.OTHER_REASON if isinstance(value, int) and 0 <= value <= 0xFF else None


class ActionResult(IntEnum):
    """How the invocation of a method ended."""

    SUCCESS = 0
    HARDWARE_FAULT = 1
    TEMPORARY_FAILURE = 2
    READ_WRITE_DENIED = 3
    OBJECT_UNDEFINED = 4
    OBJECT_CLASS_INCONSISTENT = 9
    OBJECT_UNAVAILABLE = 11
    TYPE_UNMATCHED = 12
    SCOPE_OF_ACCESS_VIOLATED = 13
    DATA_BLOCK_UNAVAILABLE = 14
    LONG_ACTION_ABORTED = 15
    NO_LONG_ACTION_IN_PROGRESS = 16
    OTHER_REASON = 250

    @classmethod
    def _missing_(cls, value: object) -> ActionResult | None:
        """Take codes the standard does not list as other-reason: the server said no all the same."""
        return cls.OTHER_REASON if isinstance(value, int) and 0 <= value <= 0xFF else None


GetDataResult = Union[Data, DataAccessResult]
"""A value, or why there is none."""


def read_data_access_result(reader: Reader) -> DataAccessResult:
    """Read a Data-Access-Result."""
    return DataAccessResult(reader.u8())


def read_action_result(reader: Reader) -> ActionResult:
    """Read an Action-Result."""
    return ActionResult(reader.u8())


def read_get_data_result(reader: Reader) -> GetDataResult:
    """Read a Get-Data-Result: choice 0 data, 1 the reason."""
    return read_data_access_result(reader) if reader.flag() else reader.data()


def write_get_data_result(result: GetDataResult) -> bytes:
    """Write a Get-Data-Result."""
    if isinstance(result, DataAccessResult):
        return bytes((1, result))
    return b"\x00" + axdr.encode(result)


def write_results(results: Sequence[IntEnum]) -> bytes:
    """Write a SEQUENCE OF result codes."""
    return write_length(len(results)) + bytes(results)
