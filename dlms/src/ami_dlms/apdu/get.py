"""GET: reading attributes (Green Book 9.3.6, 9.5)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Union

from ami_dlms.apdu.descriptors import (
    CosemAttribute,
    Selected,
    SelectiveAccess,
    read_selected,
    write_optional_access,
    write_selected,
)
from ami_dlms.apdu.reader import Reader, octet_string, u8, u32
from ami_dlms.apdu.results import (
    DataAccessResult,
    GetDataResult,
    read_data_access_result,
    read_get_data_result,
    write_get_data_result,
)
from ami_dlms.axdr import write_length
from ami_dlms.errors import ApduMalformed

GET_REQUEST = 0xC0
GET_RESPONSE = 0xC4


@dataclass(frozen=True, slots=True)
class GetRequestNormal:
    """Read one attribute, or a part of it."""

    invoke_id_and_priority: int
    attribute: CosemAttribute
    access: SelectiveAccess | None = None

    def to_bytes(self) -> bytes:
        """Encode."""
        head = bytes((GET_REQUEST, 1)) + u8(self.invoke_id_and_priority)
        return head + self.attribute.to_bytes() + write_optional_access(self.access)


@dataclass(frozen=True, slots=True)
class GetRequestNext:
    """Ask for the block after `block_number`, the last one received."""

    invoke_id_and_priority: int
    block_number: int

    def to_bytes(self) -> bytes:
        """Encode."""
        return bytes((GET_REQUEST, 2)) + u8(self.invoke_id_and_priority) + u32(self.block_number)


@dataclass(frozen=True, slots=True)
class GetRequestWithList:
    """Read several attributes."""

    invoke_id_and_priority: int
    attributes: tuple[Selected, ...]

    def to_bytes(self) -> bytes:
        """Encode."""
        return bytes((GET_REQUEST, 3)) + u8(self.invoke_id_and_priority) + write_selected(self.attributes)


@dataclass(frozen=True, slots=True)
class GetResponseNormal:
    """One value, or why there is none."""

    invoke_id_and_priority: int
    result: GetDataResult

    def to_bytes(self) -> bytes:
        """Encode."""
        return bytes((GET_RESPONSE, 1)) + u8(self.invoke_id_and_priority) + write_get_data_result(self.result)


@dataclass(frozen=True, slots=True)
class GetResponseWithDatablock:
    """A piece of an encoded value (for lists: of the list of results), or why there is none."""

    MAX_OVERHEAD: ClassVar[int] = 14
    """Octets around the piece, at most."""

    invoke_id_and_priority: int
    last: bool
    block_number: int
    result: bytes | DataAccessResult

    def to_bytes(self) -> bytes:
        """Encode."""
        head = bytes((GET_RESPONSE, 2)) + u8(self.invoke_id_and_priority) + bytes((self.last,)) + u32(self.block_number)
        if isinstance(self.result, DataAccessResult):
            return head + bytes((1, self.result))
        return head + b"\x00" + octet_string(self.result)


@dataclass(frozen=True, slots=True)
class GetResponseWithList:
    """The results of a GetRequestWithList, in its order."""

    invoke_id_and_priority: int
    results: tuple[GetDataResult, ...]

    def to_bytes(self) -> bytes:
        """Encode."""
        head = bytes((GET_RESPONSE, 3)) + u8(self.invoke_id_and_priority) + write_length(len(self.results))
        return head + b"".join(map(write_get_data_result, self.results))


GetRequest = Union[GetRequestNormal, GetRequestNext, GetRequestWithList]
GetResponse = Union[GetResponseNormal, GetResponseWithDatablock, GetResponseWithList]


def read_get_request(reader: Reader) -> GetRequest:
    """Read what follows the tag of a GET request."""
    form, invoke = reader.u8(), reader.u8()
    if form == 1:
        return GetRequestNormal(invoke, CosemAttribute.read(reader), SelectiveAccess.read_optional(reader))
    if form == 2:
        return GetRequestNext(invoke, reader.u32())
    if form == 3:
        return GetRequestWithList(invoke, reader.items(read_selected))
    raise ApduMalformed(f"{form} is no form of a GET request", offset=1)


def read_get_response(reader: Reader) -> GetResponse:
    """Read what follows the tag of a GET response."""
    form, invoke = reader.u8(), reader.u8()
    if form == 1:
        return GetResponseNormal(invoke, read_get_data_result(reader))
    if form == 2:
        last, number = reader.boolean(), reader.u32()
        refused = reader.flag()
        result = read_data_access_result(reader) if refused else reader.octet_string()
        return GetResponseWithDatablock(invoke, last, number, result)
    if form == 3:
        return GetResponseWithList(invoke, reader.items(read_get_data_result))
    raise ApduMalformed(f"{form} is no form of a GET response", offset=1)
