"""One request of a client, from its first APDU to its result: the blocks both ways, and what the answers mean."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar, Union

from ami_dlms import axdr
from ami_dlms.apdu import (
    AccessActionResult,
    AccessGetResult,
    AccessRequest,
    AccessResponse,
    ActionOutcome,
    ActionRequestNextPblock,
    ActionRequestNormal,
    ActionRequestWithFirstPblock,
    ActionRequestWithList,
    ActionRequestWithListAndFirstPblock,
    ActionRequestWithPblock,
    ActionResponseNextPblock,
    ActionResponseNormal,
    ActionResponseWithList,
    ActionResponseWithPblock,
    ActionResult,
    Apdu,
    ConfirmedServiceError,
    Conformance,
    DataAccessResult,
    ExceptionResponse,
    GetRequestNext,
    GetRequestNormal,
    GetRequestWithList,
    GetResponseNormal,
    GetResponseWithDatablock,
    GetResponseWithList,
    SetRequestNormal,
    SetRequestWithDatablock,
    SetRequestWithFirstDatablock,
    SetRequestWithList,
    SetRequestWithListAndFirstDatablock,
    SetResponseDatablock,
    SetResponseLastDatablock,
    SetResponseLastDatablockWithList,
    SetResponseNormal,
    SetResponseWithList,
)
from ami_dlms.apdu.action import read_outcome
from ami_dlms.apdu.reader import Reader, values
from ami_dlms.apdu.results import read_get_data_result
from ami_dlms.association.blocks import Block, BlockReceiver, BlockSender
from ami_dlms.association.events import Result, SingleResult
from ami_dlms.errors import ApduMalformed, ReceivedError, UsageError

Request = Union[
    GetRequestNormal,
    GetRequestWithList,
    SetRequestNormal,
    SetRequestWithList,
    ActionRequestNormal,
    ActionRequestWithList,
    AccessRequest,
]
INVOKE_ID = 0x0F
LONG_INVOKE_ID = 0xFF_FFFF
LENGTH = 5
"""Octets of a length, at most."""
T = TypeVar("T")


class More(NamedTuple):
    """Send this APDU."""

    apdu: bytes


class Done(NamedTuple):
    """The request is answered."""

    result: Result


class Exchange:
    """A request under way."""

    def __init__(self, request: Request, limit: int, conformance: Conformance) -> None:
        """`limit` is the longest APDU the server takes, 0 for any. UsageError if the request does not fit."""
        self._request = request
        self._sender: BlockSender | None = None
        self._receiver = BlockReceiver()
        self.first = request.to_bytes()
        """The APDU that begins the exchange."""
        if limit and len(self.first) > limit:
            self.first = self._first_block(limit, conformance)

    def take(self, received: Apdu) -> More | Done | None:
        """Take an APDU of the server; None if it answers an earlier request.

        Raises ApduMalformed if it is no answer to this one, and the errors of the value joined from blocks.
        """
        if isinstance(received, (ExceptionResponse, ConfirmedServiceError)):
            return Done(received)
        request = self._request
        if isinstance(received, AccessResponse) and isinstance(request, AccessRequest):
            same = (received.long_invoke_id_and_priority ^ request.long_invoke_id_and_priority) & LONG_INVOKE_ID == 0
            return Done(_of_access(received, len(request.specifications))) if same else None
        if isinstance(received, Response) and not isinstance(request, AccessRequest):
            if (received.invoke_id_and_priority ^ request.invoke_id_and_priority) & INVOKE_ID:
                return None
            if isinstance(request, (GetRequestNormal, GetRequestWithList)):
                answer = self._on_get(received)
            elif isinstance(request, (SetRequestNormal, SetRequestWithList)):
                answer = self._on_set(received)
            else:
                answer = self._on_action(received)
            if answer is not None:
                return answer
        raise ApduMalformed(f"The meter answered {type(request).__name__} with {type(received).__name__}.")

    def _on_get(self, received: Response) -> More | Done | None:
        request = self._request
        if isinstance(received, GetResponseNormal):
            return Done(received.result)  # to a list as well, where the server refuses it as a whole
        if isinstance(received, GetResponseWithList) and isinstance(request, GetRequestWithList):
            return Done(_as_many(received.results, len(request.attributes)))
        if not isinstance(received, GetResponseWithDatablock):
            return None
        if isinstance(received.result, DataAccessResult):
            return Done(received.result)
        self._receiver.add(received.block_number, received.result)
        if not received.last:
            invoke = received.invoke_id_and_priority & INVOKE_ID | self._priority
            return More(GetRequestNext(invoke, received.block_number).to_bytes())
        if isinstance(request, GetRequestWithList):
            return Done(_as_many(_sequence(self._receiver.octets, read_get_data_result), len(request.attributes)))
        return Done(axdr.decode_exact(self._receiver.octets))

    def _on_set(self, received: Response) -> More | Done | None:
        request = self._request
        if isinstance(received, SetResponseDatablock):
            return self._next_block(received.block_number)
        if isinstance(received, (SetResponseNormal, SetResponseLastDatablock)):
            return Done(received.result)
        if isinstance(received, (SetResponseWithList, SetResponseLastDatablockWithList)) and isinstance(
            request, SetRequestWithList
        ):
            return Done(_as_many(received.results, len(request.attributes)))
        return None

    def _on_action(self, received: Response) -> More | Done | None:
        request = self._request
        if isinstance(received, ActionResponseNextPblock):
            return self._next_block(received.block_number)
        if isinstance(received, ActionResponseNormal):
            return Done(_of_action(ActionOutcome(received.result, received.data)))
        if isinstance(received, ActionResponseWithList) and isinstance(request, ActionRequestWithList):
            return Done(_as_many(tuple(map(_of_action, received.outcomes)), len(request.methods)))
        if not isinstance(received, ActionResponseWithPblock):
            return None
        self._receiver.add(received.block_number, received.data)
        if not received.last:
            invoke = received.invoke_id_and_priority & INVOKE_ID | self._priority
            return More(ActionRequestNextPblock(invoke, received.block_number).to_bytes())
        if isinstance(request, ActionRequestWithList):
            outcomes = _sequence(self._receiver.octets, read_outcome)
            return Done(_as_many(tuple(map(_of_action, outcomes)), len(request.methods)))
        return Done(_of_action(_joined_outcome(self._receiver.octets)))

    @property
    def _priority(self) -> int:
        request = self._request
        return 0 if isinstance(request, AccessRequest) else request.invoke_id_and_priority & ~INVOKE_ID

    def _first_block(self, limit: int, conformance: Conformance) -> bytes:
        request = self._request
        long_set = Conformance.BLOCK_TRANSFER_WITH_SET_OR_WRITE & conformance
        long_action = Conformance.BLOCK_TRANSFER_WITH_ACTION & conformance
        write: Callable[[Block], bytes]
        if isinstance(request, SetRequestNormal) and long_set:
            payload = axdr.encode(request.value)
            write = lambda block: SetRequestWithFirstDatablock(  # noqa: E731
                request.invoke_id_and_priority, request.attribute, request.access, *block
            ).to_bytes()
        elif isinstance(request, SetRequestWithList) and long_set:
            payload = values(request.values)
            write = lambda block: SetRequestWithListAndFirstDatablock(  # noqa: E731
                request.invoke_id_and_priority, request.attributes, *block
            ).to_bytes()
        elif isinstance(request, ActionRequestNormal) and request.parameter is not None and long_action:
            payload = axdr.encode(request.parameter)
            write = lambda block: ActionRequestWithFirstPblock(  # noqa: E731
                request.invoke_id_and_priority, request.method, *block
            ).to_bytes()
        elif isinstance(request, ActionRequestWithList) and long_action:
            payload = values(request.parameters)
            write = lambda block: ActionRequestWithListAndFirstPblock(  # noqa: E731
                request.invoke_id_and_priority, request.methods, *block
            ).to_bytes()
        else:
            raise _too_long(len(self.first), limit)
        size = limit - len(write(_NO_BLOCK)) - LENGTH
        if size <= 0:
            raise _too_long(len(self.first), limit)
        self._sender = BlockSender(payload, size)
        return write(self._sender.next())

    def _next_block(self, taken: int) -> More:
        sender, request = self._sender, self._request
        if sender is None or sender.finished or taken != sender.sent or isinstance(request, AccessRequest):
            raise ApduMalformed(f"The meter confirms block {taken} of a request, which was not the last one sent.")
        further = (
            SetRequestWithDatablock
            if isinstance(request, (SetRequestNormal, SetRequestWithList))
            else ActionRequestWithPblock
        )
        return More(further(request.invoke_id_and_priority, *sender.next()).to_bytes())


Response = (
    GetResponseNormal
    | GetResponseWithDatablock
    | GetResponseWithList
    | SetResponseNormal
    | SetResponseDatablock
    | SetResponseLastDatablock
    | SetResponseLastDatablockWithList
    | SetResponseWithList
    | ActionResponseNormal
    | ActionResponseWithPblock
    | ActionResponseWithList
    | ActionResponseNextPblock
)
"""What answers a request of these services."""
_NO_BLOCK = Block(last=False, number=1, data=b"")


def _too_long(length: int, limit: int) -> UsageError:
    return UsageError(f"The request has {length} octets; the meter takes {limit} at most.")


def _of_action(outcome: ActionOutcome) -> SingleResult:
    returned = outcome.data if outcome.result is ActionResult.SUCCESS else None
    return outcome.result if returned is None else returned


def _joined_outcome(octets: bytes) -> ActionOutcome:
    """Read what the blocks of a response carried: the returned data, or, as other meters do it, the whole outcome.

    An outcome as long as that begins with success, `00`, which as data is null and leaves octets behind it.
    """
    try:
        return ActionOutcome(ActionResult.SUCCESS, axdr.decode_exact(octets))
    except ReceivedError:
        reader = Reader(octets)
        outcome = read_outcome(reader)
        reader.end()
        return outcome


def _of_access(response: AccessResponse, wanted: int) -> tuple[SingleResult, ...]:
    results: list[SingleResult] = []
    for data, result in zip(_as_many(response.data, wanted), _as_many(response.results, wanted), strict=True):
        succeeded = result.result == DataAccessResult.SUCCESS
        silent = data.tag == axdr.Tag.NULL and isinstance(result, AccessActionResult)
        returns = isinstance(result, (AccessGetResult, AccessActionResult))
        results.append(data if succeeded and returns and not silent else result.result)
    return tuple(results)


def _sequence(octets: bytes, read: Callable[[Reader], T]) -> tuple[T, ...]:
    reader = Reader(octets)
    items = reader.items(read)
    reader.end()
    return items


def _as_many(results: Sequence[T], wanted: int) -> tuple[T, ...]:
    if len(results) != wanted:
        raise ApduMalformed(f"{len(results)} results came for a list of {wanted}.")
    return tuple(results)
