"""Short name referencing: READ, WRITE, UnconfirmedWrite and InformationReport (05, 06, 0C, 0D, 16, 18; Green Book 9.5).

An attribute is named by a number: the base name of its object, plus 8 for each attribute after the first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Union

from ami_dlms import axdr
from ami_dlms.apdu.reader import Reader, octet_string, optional, u8, u16, values
from ami_dlms.apdu.results import DataAccessResult, read_data_access_result
from ami_dlms.axdr import Data, write_length
from ami_dlms.errors import ApduMalformed

READ_REQUEST = 0x05
WRITE_REQUEST = 0x06
READ_RESPONSE = 0x0C
WRITE_RESPONSE = 0x0D
UNCONFIRMED_WRITE_REQUEST = 0x16
INFORMATION_REPORT = 0x18


class VariableName(NamedTuple):
    """A short name, as an unsigned number (the standard writes 0xFA00 for the association)."""

    name: int

    def to_bytes(self) -> bytes:
        """Encode."""
        return b"\x02" + u16(self.name)


class ParameterizedAccess(NamedTuple):
    """A part of an attribute."""

    name: int
    selector: int
    parameter: Data

    def to_bytes(self) -> bytes:
        """Encode."""
        return b"\x04" + u16(self.name) + u8(self.selector) + axdr.encode(self.parameter)


class BlockNumberAccess(NamedTuple):
    """Ask for the block of a read response after this one."""

    block_number: int

    def to_bytes(self) -> bytes:
        """Encode."""
        return b"\x05" + u16(self.block_number)


class ReadDataBlockAccess(NamedTuple):
    """A block of a long read request."""

    last: bool
    block_number: int
    data: bytes

    def to_bytes(self) -> bytes:
        """Encode."""
        return bytes((6, self.last)) + u16(self.block_number) + octet_string(self.data)


class WriteDataBlockAccess(NamedTuple):
    """The list of data holds a block of a long write request."""

    last: bool
    block_number: int

    def to_bytes(self) -> bytes:
        """Encode."""
        return bytes((7, self.last)) + u16(self.block_number)


Variable = Union[VariableName, ParameterizedAccess, BlockNumberAccess, ReadDataBlockAccess, WriteDataBlockAccess]
"""A `Variable-Access-Specification`."""


class DataBlockResult(NamedTuple):
    """A block of a long read response."""

    last: bool
    block_number: int
    data: bytes


class BlockNumber(NamedTuple):
    """A block of a long request was taken, the next may follow."""

    number: int


ReadResult = Union[Data, DataAccessResult, DataBlockResult, BlockNumber]
WriteResult = Union[DataAccessResult, BlockNumber]


@dataclass(frozen=True, slots=True)
class ReadRequest:
    """Read one or several variables."""

    variables: tuple[Variable, ...]

    def to_bytes(self) -> bytes:
        """Encode."""
        return bytes((READ_REQUEST,)) + _variables(self.variables)


@dataclass(frozen=True, slots=True)
class ReadResponse:
    """Values or refusals in the order of the request, or one block of them."""

    results: tuple[ReadResult, ...]

    def to_bytes(self) -> bytes:
        """Encode."""
        return bytes((READ_RESPONSE,)) + write_length(len(self.results)) + b"".join(map(_read_result, self.results))


@dataclass(frozen=True, slots=True)
class WriteRequest:
    """Write one or several variables; one value each. Unconfirmed: no response follows."""

    variables: tuple[Variable, ...]
    data: tuple[Data, ...]
    confirmed: bool = True

    def to_bytes(self) -> bytes:
        """Encode."""
        tag = WRITE_REQUEST if self.confirmed else UNCONFIRMED_WRITE_REQUEST
        return bytes((tag,)) + _variables(self.variables) + values(self.data)


@dataclass(frozen=True, slots=True)
class WriteResponse:
    """How each writing ended."""

    results: tuple[WriteResult, ...]

    def to_bytes(self) -> bytes:
        """Encode."""
        head = bytes((WRITE_RESPONSE,)) + write_length(len(self.results))
        return head + b"".join(map(_write_result, self.results))


@dataclass(frozen=True, slots=True)
class InformationReport:
    """A push: variables and their values. `time` is a GeneralizedTime in ASCII (`20261123063000Z`), or None."""

    time: bytes | None
    variables: tuple[Variable, ...]
    data: tuple[Data, ...]

    def to_bytes(self) -> bytes:
        """Encode."""
        return bytes((INFORMATION_REPORT,)) + optional(self.time) + _variables(self.variables) + values(self.data)


def _variables(variables: Sequence[Variable]) -> bytes:
    return write_length(len(variables)) + b"".join(variable.to_bytes() for variable in variables)


def _read_result(result: ReadResult) -> bytes:
    if isinstance(result, DataAccessResult):
        return bytes((1, result))
    if isinstance(result, DataBlockResult):
        return bytes((2, result.last)) + u16(result.block_number) + octet_string(result.data)
    if isinstance(result, BlockNumber):
        return b"\x03" + u16(result.number)
    return b"\x00" + axdr.encode(result)


def _write_result(result: WriteResult) -> bytes:
    if isinstance(result, BlockNumber):
        return b"\x02" + u16(result.number)
    return b"\x00" if result is DataAccessResult.SUCCESS else bytes((1, result))


def _variable(reader: Reader) -> Variable:
    at = reader.at
    choice = reader.u8()
    if choice == 2:
        return VariableName(reader.u16())
    if choice == 4:
        return ParameterizedAccess(reader.u16(), reader.u8(), reader.data())
    if choice == 5:
        return BlockNumberAccess(reader.u16())
    if choice == 6:
        return ReadDataBlockAccess(reader.boolean(), reader.u16(), reader.octet_string())
    if choice == 7:
        return WriteDataBlockAccess(reader.boolean(), reader.u16())
    raise ApduMalformed(f"{choice} is no way to name a variable", offset=at)


def _result_of_read(reader: Reader) -> ReadResult:
    at = reader.at
    choice = reader.u8()
    if choice == 0:
        return reader.data()
    if choice == 1:
        return read_data_access_result(reader)
    if choice == 2:
        return DataBlockResult(reader.boolean(), reader.u16(), reader.octet_string())
    if choice == 3:
        return BlockNumber(reader.u16())
    raise ApduMalformed(f"{choice} is no result of a read", offset=at)


def _result_of_write(reader: Reader) -> WriteResult:
    at = reader.at
    choice = reader.u8()
    if choice == 0:
        return DataAccessResult.SUCCESS
    if choice == 1:
        return read_data_access_result(reader)
    if choice == 2:
        return BlockNumber(reader.u16())
    raise ApduMalformed(f"{choice} is no result of a write", offset=at)


def read_read_request(reader: Reader) -> ReadRequest:
    """Read what follows the tag of a ReadRequest."""
    return ReadRequest(reader.items(_variable))


def read_read_response(reader: Reader) -> ReadResponse:
    """Read what follows the tag of a ReadResponse."""
    return ReadResponse(reader.items(_result_of_read))


def read_write_response(reader: Reader) -> WriteResponse:
    """Read what follows the tag of a WriteResponse."""
    return WriteResponse(reader.items(_result_of_write))


def _reader_of_writes(*, confirmed: bool) -> Callable[[Reader], WriteRequest]:
    def read(reader: Reader) -> WriteRequest:
        variables = reader.items(_variable)
        return WriteRequest(variables, reader.values(), confirmed)

    return read


read_write_request = _reader_of_writes(confirmed=True)
"""Read what follows the tag of a WriteRequest."""
read_unconfirmed_write_request = _reader_of_writes(confirmed=False)
"""Read what follows the tag of an UnconfirmedWriteRequest."""


def read_information_report(reader: Reader) -> InformationReport:
    """Read what follows the tag of an InformationReport."""
    time = reader.octet_string() if reader.flag() else None
    variables = reader.items(_variable)
    return InformationReport(time, variables, reader.values())
