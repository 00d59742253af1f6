"""One request of a client by short names, from its first APDU to its result (READ and WRITE; Green Book 9.4.6)."""

from __future__ import annotations

from ami_dlms.apdu import (
    Apdu,
    BlockNumber,
    BlockNumberAccess,
    ConfirmedServiceError,
    DataBlockResult,
    ExceptionResponse,
    ReadRequest,
    ReadResponse,
    WriteRequest,
    WriteResponse,
)
from ami_dlms.apdu.reader import Reader
from ami_dlms.apdu.short_name import ReadResult, read_read_response
from ami_dlms.association.blocks import BlockReceiver
from ami_dlms.association.events import SingleResult
from ami_dlms.association.exchange import Done, More
from ami_dlms.errors import ApduMalformed, UsageError


class VariableExchange:
    """A request under way. Short names know no invoke id: a response belongs to the request before it."""

    def __init__(self, request: ReadRequest | WriteRequest, limit: int) -> None:
        """`limit` is the longest APDU the server takes, 0 for any. UsageError if the request does not fit."""
        self._request = request
        self._blocks = BlockReceiver()
        self.first = request.to_bytes()
        """The APDU that begins the exchange."""
        if limit and len(self.first) > limit:
            raise UsageError(f"The request has {len(self.first)} octets; the meter takes {limit} at most.")

    def take(self, received: Apdu) -> More | Done | None:
        """Take an APDU of the server. Raises ApduMalformed if it is no answer to this request."""
        if isinstance(received, (ExceptionResponse, ConfirmedServiceError)):
            return Done(received)
        if isinstance(received, ReadResponse) and isinstance(self._request, ReadRequest):
            block = received.results[0] if len(received.results) == 1 else None
            return self._on_block(block) if isinstance(block, DataBlockResult) else self._done(received.results)
        if isinstance(received, WriteResponse) and isinstance(self._request, WriteRequest):
            return self._done(received.results)
        raise ApduMalformed(f"The meter answered {type(self._request).__name__} with {type(received).__name__}.")

    def _on_block(self, block: DataBlockResult) -> More | Done:
        self._blocks.add(block.block_number, block.data)
        if not block.last:
            return More(ReadRequest((BlockNumberAccess(block.block_number),)).to_bytes())
        reader = Reader(self._blocks.octets)
        response = read_read_response(reader)
        reader.end()
        return self._done(response.results)

    def _done(self, results: tuple[ReadResult, ...]) -> Done:
        wanted = len(self._request.variables)
        single: list[SingleResult] = []
        for result in results:
            if isinstance(result, (DataBlockResult, BlockNumber)):
                raise ApduMalformed("A block stands where a result is due.")
            single.append(result)
        if len(single) != wanted:
            raise ApduMalformed(f"{len(single)} results came for {wanted} variables.")
        return Done(tuple(single))
