"""A server's answers to one client: an APDU for an APDU, or blocks for blocks."""

from __future__ import annotations

from ami_dlms import apdu
from ami_dlms.apdu import ExceptionResponse, GeneralBlockTransfer
from ami_dlms.association.block_transfer import BlockTransfer
from ami_dlms.association.long_requests import MAX_REQUEST
from ami_dlms.association.serving import ServerAssociation
from ami_dlms.association.states import ServerState
from ami_dlms.errors import DlmsError, LimitExceeded, UsageError

ASSOCIATION_REQUEST = 0x60
GENERAL_BLOCK_TRANSFER = 0xE0
PDU_TOO_LONG = ExceptionResponse(1, 4)
"""Service not allowed, PDU too long."""
REMEMBERED = 8
"""First blocks of earlier exchanges: one that comes late must not begin its exchange anew."""


class Responder:
    """The association of one client, and the general block transfer that is under way with it."""

    def __init__(self, association: ServerAssociation, window: int) -> None:
        self._association = association
        self._window = window
        self._transfer: BlockTransfer | None = None
        self._begun: list[bytes] = []
        self._before: dict[int, bytes] = {}

    @property
    def associated(self) -> bool:
        """Whether the client is associated."""
        return self._association.state is ServerState.ASSOCIATED

    def answer(self, octets: bytes) -> list[bytes]:
        """Return the APDUs to send."""
        if octets[:1] == bytes((GENERAL_BLOCK_TRANSFER,)) and self._association.longest_block:
            return self._on_block(octets)
        if octets[:1] == bytes((ASSOCIATION_REQUEST,)):
            self._transfer = None
            self._begun.clear()
            return [self._association.handle(octets)]
        response = self._association.handle(octets)
        longest = self._association.longest_block
        if longest and len(response) > longest:  # a block transfer of the service itself was not agreed on
            return _in_blocks(self._new_transfer(longest, asked=True), response)
        return [response]

    def _on_block(self, octets: bytes) -> list[bytes]:
        try:
            block = apdu.decode(octets)
        except DlmsError:
            return []  # as if it was lost
        if not isinstance(block, GeneralBlockTransfer):
            return []
        transfer = self._transfer_of(block)
        if transfer is None:
            return []
        try:
            arrival = transfer.receive(block)
        except LimitExceeded:
            self._transfer = None
            return [PDU_TOO_LONG.to_bytes()]
        if arrival.apdu is None:
            return arrival.send
        return _in_blocks(transfer, self._association.handle(arrival.apdu, whole=True))

    def _transfer_of(self, block: GeneralBlockTransfer) -> BlockTransfer | None:
        """Return the exchange a block belongs to, a new one where it fits no other; None if it came too late."""
        if self._transfer is not None and self._transfer.belongs(block):
            return self._transfer
        late = self._before.get(block.block_number) == block.data
        late |= block.block_number == 1 and block.data in self._begun
        if late or not block.data:
            return None
        if block.block_number == 1:
            self._begun = [*self._begun[1 - REMEMBERED :], block.data]
        self._before = self._transfer.taken if self._transfer else {}
        return self._new_transfer(self._association.longest_block)

    def _new_transfer(self, longest: int, *, asked: bool = False) -> BlockTransfer:
        self._transfer = BlockTransfer(longest, self._window, initiator=False, limit=MAX_REQUEST, asked=asked)
        return self._transfer


def _in_blocks(transfer: BlockTransfer, response: bytes) -> list[bytes]:
    try:
        return transfer.send(response)
    except UsageError:  # more blocks than there are numbers: the client takes very short APDUs
        return [PDU_TOO_LONG.to_bytes()]
