"""ACCESS: reading, writing and invoking in one request (D9, DA; Green Book 9.3.5, 9.5)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Union

from ami_dlms.apdu.descriptors import CosemAttribute, CosemMethod, SelectiveAccess
from ami_dlms.apdu.reader import Reader, octet_string, u32, values
from ami_dlms.apdu.results import ActionResult, DataAccessResult, read_action_result, read_data_access_result
from ami_dlms.axdr import Data, write_length
from ami_dlms.errors import ApduMalformed

ACCESS_REQUEST = 0xD9
ACCESS_RESPONSE = 0xDA

_GET, _SET, _ACTION, _GET_SELECTED, _SET_SELECTED = 1, 2, 3, 4, 5


class AccessGet(NamedTuple):
    """Read an attribute, or a part of it; its place in the list of data is null-data."""

    attribute: CosemAttribute
    access: SelectiveAccess | None = None

    def to_bytes(self) -> bytes:
        """Encode."""
        return _attribute(_GET, self.attribute, self.access)


class AccessSet(NamedTuple):
    """Write an attribute, or a part of it."""

    attribute: CosemAttribute
    access: SelectiveAccess | None = None

    def to_bytes(self) -> bytes:
        """Encode."""
        return _attribute(_SET, self.attribute, self.access)


class AccessAction(NamedTuple):
    """Invoke a method."""

    method: CosemMethod

    def to_bytes(self) -> bytes:
        """Encode."""
        return bytes((_ACTION,)) + self.method.to_bytes()


AccessSpecification = Union[AccessGet, AccessSet, AccessAction]


class AccessGetResult(NamedTuple):
    """How a reading ended."""

    result: DataAccessResult

    def to_bytes(self) -> bytes:
        """Encode."""
        return bytes((_GET, self.result))


class AccessSetResult(NamedTuple):
    """How a writing ended."""

    result: DataAccessResult

    def to_bytes(self) -> bytes:
        """Encode."""
        return bytes((_SET, self.result))


class AccessActionResult(NamedTuple):
    """How a method ended."""

    result: ActionResult

    def to_bytes(self) -> bytes:
        """Encode."""
        return bytes((_ACTION, self.result))


AccessResult = Union[AccessGetResult, AccessSetResult, AccessActionResult]


@dataclass(frozen=True, slots=True)
class AccessRequest:
    """A list of accesses, and as many data: values to write, parameters of methods, null-data for the rest."""

    long_invoke_id_and_priority: int
    specifications: tuple[AccessSpecification, ...]
    data: tuple[Data, ...]
    date_time: bytes = b""

    def to_bytes(self) -> bytes:
        """Encode."""
        head = bytes((ACCESS_REQUEST,)) + u32(self.long_invoke_id_and_priority) + octet_string(self.date_time)
        return head + _list(self.specifications) + values(self.data)


@dataclass(frozen=True, slots=True)
class AccessResponse:
    """Data and results in the order of the request; it may be repeated in front, so that the answer stands alone."""

    long_invoke_id_and_priority: int
    data: tuple[Data, ...]
    results: tuple[AccessResult, ...]
    date_time: bytes = b""
    specifications: tuple[AccessSpecification, ...] | None = None

    def to_bytes(self) -> bytes:
        """Encode."""
        head = bytes((ACCESS_RESPONSE,)) + u32(self.long_invoke_id_and_priority) + octet_string(self.date_time)
        repeated = b"\x00" if self.specifications is None else b"\x01" + _list(self.specifications)
        return head + repeated + values(self.data) + _list(self.results)


def _attribute(choice: int, attribute: CosemAttribute, access: SelectiveAccess | None) -> bytes:
    if access is None:
        return bytes((choice,)) + attribute.to_bytes()
    return bytes((choice + 3,)) + attribute.to_bytes() + access.to_bytes()


def _list(items: Sequence[AccessSpecification | AccessResult]) -> bytes:
    return write_length(len(items)) + b"".join(item.to_bytes() for item in items)


def _read_specification(reader: Reader) -> AccessSpecification:
    at = reader.at
    choice = reader.u8()
    if choice == _ACTION:
        return AccessAction(CosemMethod.read(reader))
    if choice not in (_GET, _SET, _GET_SELECTED, _SET_SELECTED):
        raise ApduMalformed(f"{choice} is no form of access", offset=at)
    attribute = CosemAttribute.read(reader)
    access = SelectiveAccess(reader.u8(), reader.data()) if choice in (_GET_SELECTED, _SET_SELECTED) else None
    return AccessGet(attribute, access) if choice in (_GET, _GET_SELECTED) else AccessSet(attribute, access)


def _read_result(reader: Reader) -> AccessResult:
    at = reader.at
    choice = reader.u8()
    if choice == _GET:
        return AccessGetResult(read_data_access_result(reader))
    if choice == _SET:
        return AccessSetResult(read_data_access_result(reader))
    if choice == _ACTION:
        return AccessActionResult(read_action_result(reader))
    raise ApduMalformed(f"{choice} is no form of access", offset=at)


def read_access_request(reader: Reader) -> AccessRequest:
    """Read what follows the tag."""
    invoke, date_time = reader.u32(), reader.octet_string()
    specifications = reader.items(_read_specification)
    return AccessRequest(invoke, specifications, reader.values(), date_time)


def read_access_response(reader: Reader) -> AccessResponse:
    """Read what follows the tag."""
    invoke, date_time = reader.u32(), reader.octet_string()
    repeated = reader.items(_read_specification) if reader.flag() else None
    data = reader.values()
    return AccessResponse(invoke, data, reader.items(_read_result), date_time, repeated)
