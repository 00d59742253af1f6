"""ACTION: invoking methods (Green Book 9.3.8, 9.5)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, NamedTuple, Union

from ami_dlms import axdr
from ami_dlms.apdu.descriptors import CosemMethod, write_methods
from ami_dlms.apdu.reader import Reader, octet_string, u8, u32, values
from ami_dlms.apdu.results import (
    ActionResult,
    GetDataResult,
    read_action_result,
    read_get_data_result,
    write_get_data_result,
)
from ami_dlms.axdr import Data, write_length
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
class ActionRequestWithList:
    """Invoke several methods, each with a parameter (null-data where it takes none)."""

    invoke_id_and_priority: int
    methods: tuple[CosemMethod, ...]
    parameters: tuple[Data, ...]

    def to_bytes(self) -> bytes:
        """Encode."""
        head = bytes((ACTION_REQUEST, 3)) + u8(self.invoke_id_and_priority)
        return head + write_methods(self.methods) + values(self.parameters)


@dataclass(frozen=True, slots=True)
class ActionRequestWithFirstPblock:
    """Begin to invoke one method, its encoded parameter in blocks."""

    invoke_id_and_priority: int
    method: CosemMethod
    last: bool
    block_number: int
    data: bytes

    def to_bytes(self) -> bytes:
        """Encode."""
        head = bytes((ACTION_REQUEST, 4)) + u8(self.invoke_id_and_priority) + self.method.to_bytes()
        return head + bytes((self.last,)) + u32(self.block_number) + octet_string(self.data)


@dataclass(frozen=True, slots=True)
class ActionRequestWithListAndFirstPblock:
    """Begin to invoke several methods; the blocks carry the list of parameters."""

    invoke_id_and_priority: int
    methods: tuple[CosemMethod, ...]
    last: bool
    block_number: int
    data: bytes

    def to_bytes(self) -> bytes:
        """Encode."""
        head = bytes((ACTION_REQUEST, 5)) + u8(self.invoke_id_and_priority) + write_methods(self.methods)
        return head + bytes((self.last,)) + u32(self.block_number) + octet_string(self.data)


@dataclass(frozen=True, slots=True)
class ActionRequestWithPblock:
    """A further block of the parameters."""

    invoke_id_and_priority: int
    last: bool
    block_number: int
    data: bytes

    def to_bytes(self) -> bytes:
        """Encode."""
        head = bytes((ACTION_REQUEST, 6)) + u8(self.invoke_id_and_priority) + bytes((self.last,))
        return head + u32(self.block_number) + octet_string(self.data)


class ActionOutcome(NamedTuple):
    """How one method ended, and what it returned, if anything (`Action-Response-With-Optional-Data`)."""

    result: ActionResult
    data: GetDataResult | None = None

    def to_bytes(self) -> bytes:
        """Encode."""
        return bytes((self.result,)) + (b"\x00" if self.data is None else b"\x01" + write_get_data_result(self.data))


@dataclass(frozen=True, slots=True)
class ActionResponseNormal:
    """How the method ended, and what it returned, if anything."""

    invoke_id_and_priority: int
    result: ActionResult
    data: GetDataResult | None = None

    def to_bytes(self) -> bytes:
        """Encode."""
        head = bytes((ACTION_RESPONSE, 1)) + u8(self.invoke_id_and_priority)
        return head + ActionOutcome(self.result, self.data).to_bytes()


@dataclass(frozen=True, slots=True)
class ActionResponseWithPblock:
    """A piece of the encoded data a method returned (for lists: of the list of outcomes)."""

    MAX_OVERHEAD: ClassVar[int] = 13
    """Octets around the piece, at most."""

    invoke_id_and_priority: int
    last: bool
    block_number: int
    data: bytes

    def to_bytes(self) -> bytes:
        """Encode."""
        head = bytes((ACTION_RESPONSE, 2)) + u8(self.invoke_id_and_priority) + bytes((self.last,))
        return head + u32(self.block_number) + octet_string(self.data)


@dataclass(frozen=True, slots=True)
class ActionResponseWithList:
    """How each method of an ActionRequestWithList ended, in its order."""

    invoke_id_and_priority: int
    outcomes: tuple[ActionOutcome, ...]

    def to_bytes(self) -> bytes:
        """Encode."""
        head = bytes((ACTION_RESPONSE, 3)) + u8(self.invoke_id_and_priority) + write_length(len(self.outcomes))
        return head + b"".join(outcome.to_bytes() for outcome in self.outcomes)


@dataclass(frozen=True, slots=True)
class ActionResponseNextPblock:
    """A block of the parameters was taken, the next may follow."""

    invoke_id_and_priority: int
    block_number: int

    def to_bytes(self) -> bytes:
        """Encode."""
        return bytes((ACTION_RESPONSE, 4)) + u8(self.invoke_id_and_priority) + u32(self.block_number)


ActionRequest = Union[
    ActionRequestNormal,
    ActionRequestNextPblock,
    ActionRequestWithList,
    ActionRequestWithFirstPblock,
    ActionRequestWithListAndFirstPblock,
    ActionRequestWithPblock,
]
ActionResponse = Union[ActionResponseNormal, ActionResponseWithPblock, ActionResponseWithList, ActionResponseNextPblock]


def read_action_request(reader: Reader) -> ActionRequest:
    """Read what follows the tag of an ACTION request."""
    form, invoke = reader.u8(), reader.u8()
    if form == 1:
        method = CosemMethod.read(reader)
        return ActionRequestNormal(invoke, method, reader.data() if reader.flag() else None)
    if form == 2:
        return ActionRequestNextPblock(invoke, reader.u32())
    if form == 3:
        methods = reader.items(CosemMethod.read)
        return ActionRequestWithList(invoke, methods, reader.values())
    if form == 4:
        method, last, number = CosemMethod.read(reader), reader.boolean(), reader.u32()
        return ActionRequestWithFirstPblock(invoke, method, last, number, reader.octet_string())
    if form == 5:
        methods, last, number = reader.items(CosemMethod.read), reader.boolean(), reader.u32()
        return ActionRequestWithListAndFirstPblock(invoke, methods, last, number, reader.octet_string())
    if form == 6:
        last, number = reader.boolean(), reader.u32()
        return ActionRequestWithPblock(invoke, last, number, reader.octet_string())
    raise ApduMalformed(f"{form} is no form of an ACTION request", offset=1)


def read_outcome(reader: Reader) -> ActionOutcome:
    """Read how one method ended."""
    result = read_action_result(reader)
    return ActionOutcome(result, read_get_data_result(reader) if reader.flag() else None)


def read_action_response(reader: Reader) -> ActionResponse:
    """Read what follows the tag of an ACTION response."""
    form, invoke = reader.u8(), reader.u8()
    if form == 1:
        return ActionResponseNormal(invoke, *read_outcome(reader))
    if form == 2:
        last, number = reader.boolean(), reader.u32()
        return ActionResponseWithPblock(invoke, last, number, reader.octet_string())
    if form == 3:
        return ActionResponseWithList(invoke, reader.items(read_outcome))
    if form == 4:
        return ActionResponseNextPblock(invoke, reader.u32())
    raise ApduMalformed(f"{form} is no form of an ACTION response", offset=1)
