"""ACTION: invoking methods (Green Book 9.3.8, 9.5)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Union

from ami_dlms import axdr
from ami_dlms.apdu.descriptors import CosemMethod
from ami_dlms.apdu.reader import Reader, octet_string, u8, u32
from ami_dlms.apdu.results import (
    ActionResult,
    GetDataResult,
    read_action_result,
    read_get_data_result,
    write_get_data_result,
)
from ami_dlms.axdr import Data
from ami_dlms.errors import ApduMalformed

ACTION_REQUEST = 0xC3
ACTION_RESPONSE = 0xC7


@dataclass(frozen=True, slots=True)
class ActionRequestNormal:
    """Invoke one method."""

    invoke_id_and_priority: int
    method: CosemMethod
    parameter: Data | None = None

    def to_bytes(self) -> bytes:
        """Encode."""
        head = bytes((ACTION_REQUEST, 1)) + u8(self.invoke_id_and_priority) + self.method.to_bytes()
        return head + (b"\x00" if self.parameter is None else b"\x01" + axdr.encode(self.parameter))


@dataclass(frozen=True, slots=True)
class ActionRequestNextPblock:
    """Ask for the block of the return value after `block_number`."""

    invoke_id_and_priority: int
    block_number: int

    def to_bytes(self) -> bytes:
        """Encode."""
        return bytes((ACTION_REQUEST, 2)) + u8(self.invoke_id_and_priority) + u32(self.block_number)


@dataclass(frozen=True, slots=True)
class ActionResponseNormal:
    """How the method ended, and what it returned, if anything."""

    invoke_id_and_priority: int
    result: ActionResult
    data: GetDataResult | None = None

    def to_bytes(self) -> bytes:
        """Encode."""
        head = bytes((ACTION_RESPONSE, 1)) + u8(self.invoke_id_and_priority) + bytes((self.result,))
        return head + (b"\x00" if self.data is None else b"\x01" + write_get_data_result(self.data))


@dataclass(frozen=True, slots=True)
class ActionResponseWithPblock:
    """A piece of an encoded return value."""

    invoke_id_and_priority: int
    last: bool
    block_number: int
    data: bytes

    def to_bytes(self) -> bytes:
        """Encode."""
        head = bytes((ACTION_RESPONSE, 2)) + u8(self.invoke_id_and_priority) + bytes((self.last,))
        return head + u32(self.block_number) + octet_string(self.data)


ActionRequest = Union[ActionRequestNormal, ActionRequestNextPblock]
ActionResponse = Union[ActionResponseNormal, ActionResponseWithPblock]


def read_action_request(reader: Reader) -> ActionRequest:
    """Read what follows the tag of an ACTION request."""
    form, invoke = reader.u8(), reader.u8()
    if form == 1:
        method = CosemMethod.read(reader)
        return ActionRequestNormal(invoke, method, reader.data() if reader.flag() else None)
    if form == 2:
        return ActionRequestNextPblock(invoke, reader.u32())
    raise ApduMalformed(f"{form} is no supported form of an ACTION request", offset=1)


def read_action_response(reader: Reader) -> ActionResponse:
    """Read what follows the tag of an ACTION response."""
    form, invoke = reader.u8(), reader.u8()
    if form == 1:
        result = read_action_result(reader)
        return ActionResponseNormal(invoke, result, read_get_data_result(reader) if reader.flag() else None)
    if form == 2:
        last, number = reader.boolean(), reader.u32()
        return ActionResponseWithPblock(invoke, last, number, reader.octet_string())
    raise ApduMalformed(f"{form} is no supported form of an ACTION response", offset=1)
