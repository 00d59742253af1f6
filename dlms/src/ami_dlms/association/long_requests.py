"""Requests that come in blocks, on the server's side: set and action, of one or of a list (Green Book 9.4.6)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Union

from ami_dlms import axdr
from ami_dlms.apdu import (
    ActionRequestNormal,
    ActionRequestWithFirstPblock,
    ActionRequestWithList,
    ActionRequestWithListAndFirstPblock,
    ActionRequestWithPblock,
    ActionResponseNextPblock,
    ActionResponseNormal,
    ActionResult,
    DataAccessResult,
    SetRequestNormal,
    SetRequestWithDatablock,
    SetRequestWithFirstDatablock,
    SetRequestWithList,
    SetRequestWithListAndFirstDatablock,
    SetResponseDatablock,
    SetResponseLastDatablock,
    SetResponseLastDatablockWithList,
)
from ami_dlms.apdu.reader import Reader
from ami_dlms.association.blocks import Block, BlockReceiver
from ami_dlms.axdr import Data
from ami_dlms.errors import ApduMalformed, LimitExceeded, ReceivedError

MAX_REQUEST = 1 << 20
"""Octets of a request in blocks that a server joins, at most."""
FirstBlock = Union[
    SetRequestWithFirstDatablock,
    SetRequestWithListAndFirstDatablock,
    ActionRequestWithFirstPblock,
    ActionRequestWithListAndFirstPblock,
]
WholeRequest = Union[SetRequestNormal, SetRequestWithList, ActionRequestNormal, ActionRequestWithList]


class LongRequestFailed(Exception):
    """The blocks do not make a request; `response` says why."""

    def __init__(self, response: SetResponseLastDatablock | ActionResponseNormal) -> None:
        super().__init__(type(response).__name__)
        self._response = response

    @classmethod
    def none_under_way(cls, block: SetRequestWithDatablock | ActionRequestWithPblock) -> LongRequestFailed:
        """Answer a further block that nothing came before."""
        if isinstance(block, SetRequestWithDatablock):
            return cls(_set_failed(block, DataAccessResult.NO_LONG_SET_IN_PROGRESS, block.block_number))
        return cls(ActionResponseNormal(block.invoke_id_and_priority, ActionResult.NO_LONG_ACTION_IN_PROGRESS))

    def to_bytes(self) -> bytes:
        """Encode the response."""
        return self._response.to_bytes()


class LongRequest:
    """A request of which not every block came yet."""

    def __init__(self, first: FirstBlock) -> None:
        self._first = first
        self._blocks = BlockReceiver(MAX_REQUEST)

    def add(self, block: Block) -> WholeRequest | None:
        """Take a block; return the whole request with the last one. Raises LongRequestFailed."""
        try:
            if not self._blocks.number and block.number != 1:
                raise ApduMalformed(f"The first block has number {block.number}.")
            self._blocks.add(block.number, block.data)
            return self._whole() if block.last else None
        except ReceivedError as error:
            raise self._failed(block, error) from None

    def confirm(self, number: int) -> SetResponseDatablock | ActionResponseNextPblock:
        """Return the response that lets the next block come."""
        invoke = self._first.invoke_id_and_priority
        setting = isinstance(self._first, (SetRequestWithFirstDatablock, SetRequestWithListAndFirstDatablock))
        return SetResponseDatablock(invoke, number) if setting else ActionResponseNextPblock(invoke, number)

    def written(
        self, results: Sequence[DataAccessResult], number: int
    ) -> SetResponseLastDatablock | SetResponseLastDatablockWithList:
        """Return the response to the last block of a set."""
        invoke = self._first.invoke_id_and_priority
        if isinstance(self._first, SetRequestWithListAndFirstDatablock):
            return SetResponseLastDatablockWithList(invoke, tuple(results), number)
        return SetResponseLastDatablock(invoke, results[0], number)

    def _whole(self) -> WholeRequest:
        first, octets = self._first, self._blocks.octets
        invoke = first.invoke_id_and_priority
        if isinstance(first, SetRequestWithFirstDatablock):
            return SetRequestNormal(invoke, first.attribute, first.access, axdr.decode_exact(octets))
        if isinstance(first, SetRequestWithListAndFirstDatablock):
            return SetRequestWithList(invoke, first.attributes, _values(octets))
        if isinstance(first, ActionRequestWithFirstPblock):
            return ActionRequestNormal(invoke, first.method, axdr.decode_exact(octets))
        return ActionRequestWithList(invoke, first.methods, _values(octets))

    def _failed(self, block: Block, error: ReceivedError) -> LongRequestFailed:
        first = self._first
        if isinstance(first, (SetRequestWithFirstDatablock, SetRequestWithListAndFirstDatablock)):
            result = DataAccessResult.TYPE_UNMATCHED
            if isinstance(error, LimitExceeded):
                result = DataAccessResult.LONG_SET_ABORTED
            elif isinstance(error, ApduMalformed):
                result = DataAccessResult.DATA_BLOCK_NUMBER_INVALID
            return LongRequestFailed(_set_failed(first, result, block.number))
        return LongRequestFailed(ActionResponseNormal(first.invoke_id_and_priority, ActionResult.LONG_ACTION_ABORTED))


def _set_failed(
    request: SetRequestWithFirstDatablock | SetRequestWithListAndFirstDatablock | SetRequestWithDatablock,
    result: DataAccessResult,
    number: int,
) -> SetResponseLastDatablock:
    return SetResponseLastDatablock(request.invoke_id_and_priority, result, number)


def _values(octets: bytes) -> tuple[Data, ...]:
    reader = Reader(octets)
    data = reader.values()
    reader.end()
    return data
