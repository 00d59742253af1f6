"""SET: writing attributes (Green Book 9.3.7, 9.5)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Union

from ami_dlms import axdr
from ami_dlms.apdu.descriptors import (
    CosemAttribute,
    Selected,
    SelectiveAccess,
    read_selected,
    write_optional_access,
    write_selected,
)
from ami_dlms.apdu.reader import Reader, octet_string, u8, u32, values
from ami_dlms.apdu.results import DataAccessResult, read_data_access_result, write_results
from ami_dlms.axdr import Data
from ami_dlms.errors import ApduMalformed

SET_REQUEST = 0xC1
SET_RESPONSE = 0xC5


@dataclass(frozen=True, slots=True)
class SetRequestNormal:
    """Write one attribute."""

    invoke_id_and_priority: int
    attribute: CosemAttribute
    access: SelectiveAccess | None
    value: Data

    def to_bytes(self) -> bytes:
        """Encode."""
        head = bytes((SET_REQUEST, 1)) + u8(self.invoke_id_and_priority) + self.attribute.to_bytes()
        return head + write_optional_access(self.access) + axdr.encode(self.value)


@dataclass(frozen=True, slots=True)
class SetRequestWithFirstDatablock:
    """Begin to write one attribute in blocks."""

    invoke_id_and_priority: int
    attribute: CosemAttribute
    access: SelectiveAccess | None
    last: bool
    block_number: int
    data: bytes

    def to_bytes(self) -> bytes:
        """Encode."""
        head = bytes((SET_REQUEST, 2)) + u8(self.invoke_id_and_priority) + self.attribute.to_bytes()
        block = bytes((self.last,)) + u32(self.block_number) + octet_string(self.data)
        return head + write_optional_access(self.access) + block


@dataclass(frozen=True, slots=True)
class SetRequestWithDatablock:
    """A further block of the value."""

    invoke_id_and_priority: int
    last: bool
    block_number: int
    data: bytes

    def to_bytes(self) -> bytes:
        """Encode."""
        head = bytes((SET_REQUEST, 3)) + u8(self.invoke_id_and_priority) + bytes((self.last,))
        return head + u32(self.block_number) + octet_string(self.data)


@dataclass(frozen=True, slots=True)
class SetRequestWithList:
    """Write several attributes; one value each."""

    invoke_id_and_priority: int
    attributes: tuple[Selected, ...]
    values: tuple[Data, ...]

    def to_bytes(self) -> bytes:
        """Encode."""
        head = bytes((SET_REQUEST, 4)) + u8(self.invoke_id_and_priority)
        return head + write_selected(self.attributes) + values(self.values)


@dataclass(frozen=True, slots=True)
class SetRequestWithListAndFirstDatablock:
    """Begin to write several attributes; the blocks carry the list of values."""

    invoke_id_and_priority: int
    attributes: tuple[Selected, ...]
    last: bool
    block_number: int
    data: bytes

    def to_bytes(self) -> bytes:
        """Encode."""
        head = bytes((SET_REQUEST, 5)) + u8(self.invoke_id_and_priority) + write_selected(self.attributes)
        return head + bytes((self.last,)) + u32(self.block_number) + octet_string(self.data)


@dataclass(frozen=True, slots=True)
class SetResponseNormal:
    """How the writing ended."""

    invoke_id_and_priority: int
    result: DataAccessResult

    def to_bytes(self) -> bytes:
        """Encode."""
        return bytes((SET_RESPONSE, 1)) + u8(self.invoke_id_and_priority) + bytes((self.result,))


@dataclass(frozen=True, slots=True)
class SetResponseDatablock:
    """A block was taken, the next may follow."""

    invoke_id_and_priority: int
    block_number: int

    def to_bytes(self) -> bytes:
        """Encode."""
        return bytes((SET_RESPONSE, 2)) + u8(self.invoke_id_and_priority) + u32(self.block_number)


@dataclass(frozen=True, slots=True)
class SetResponseLastDatablock:
    """The last block was taken; how the writing ended."""

    invoke_id_and_priority: int
    result: DataAccessResult
    block_number: int

    def to_bytes(self) -> bytes:
        """Encode."""
        head = bytes((SET_RESPONSE, 3)) + u8(self.invoke_id_and_priority)
        return head + bytes((self.result,)) + u32(self.block_number)


@dataclass(frozen=True, slots=True)
class SetResponseLastDatablockWithList:
    """The last block was taken; how each writing ended."""

    invoke_id_and_priority: int
    results: tuple[DataAccessResult, ...]
    block_number: int

    def to_bytes(self) -> bytes:
        """Encode."""
        head = bytes((SET_RESPONSE, 4)) + u8(self.invoke_id_and_priority)
        return head + write_results(self.results) + u32(self.block_number)


@dataclass(frozen=True, slots=True)
class SetResponseWithList:
    """How each writing of a SetRequestWithList ended, in its order."""

    invoke_id_and_priority: int
    results: tuple[DataAccessResult, ...]

    def to_bytes(self) -> bytes:
        """Encode."""
        return bytes((SET_RESPONSE, 5)) + u8(self.invoke_id_and_priority) + write_results(self.results)


SetRequest = Union[
    SetRequestNormal,
    SetRequestWithFirstDatablock,
    SetRequestWithDatablock,
    SetRequestWithList,
    SetRequestWithListAndFirstDatablock,
]
SetResponse = Union[
    SetResponseNormal,
    SetResponseDatablock,
    SetResponseLastDatablock,
    SetResponseLastDatablockWithList,
    SetResponseWithList,
]


def read_set_request(reader: Reader) -> SetRequest:
    """Read what follows the tag of a SET request."""
    form, invoke = reader.u8(), reader.u8()
    if form == 1:
        attribute, access = CosemAttribute.read(reader), SelectiveAccess.read_optional(reader)
        return SetRequestNormal(invoke, attribute, access, reader.data())
    if form == 2:
        attribute, access = CosemAttribute.read(reader), SelectiveAccess.read_optional(reader)
        last, number = reader.boolean(), reader.u32()
        return SetRequestWithFirstDatablock(invoke, attribute, access, last, number, reader.octet_string())
    if form == 3:
        last, number = reader.boolean(), reader.u32()
        return SetRequestWithDatablock(invoke, last, number, reader.octet_string())
    if form == 4:
        attributes = reader.items(read_selected)
        return SetRequestWithList(invoke, attributes, reader.values())
    if form == 5:
        attributes = reader.items(read_selected)
        last, number = reader.boolean(), reader.u32()
        return SetRequestWithListAndFirstDatablock(invoke, attributes, last, number, reader.octet_string())
    raise ApduMalformed(f"{form} is no form of a SET request", offset=1)


def read_set_response(reader: Reader) -> SetResponse:
    """Read what follows the tag of a SET response."""
    form, invoke = reader.u8(), reader.u8()
    if form == 1:
        return SetResponseNormal(invoke, read_data_access_result(reader))
    if form == 2:
        return SetResponseDatablock(invoke, reader.u32())
    if form == 3:
        result = read_data_access_result(reader)
        return SetResponseLastDatablock(invoke, result, reader.u32())
    if form == 4:
        results = reader.items(read_data_access_result)
        return SetResponseLastDatablockWithList(invoke, results, reader.u32())
    if form == 5:
        return SetResponseWithList(invoke, reader.items(read_data_access_result))
    raise ApduMalformed(f"{form} is no form of a SET response", offset=1)
