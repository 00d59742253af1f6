"""Block transfer of a get (Green Book 9.3.7): one side cuts a value into numbered blocks, the other joins them."""

from __future__ import annotations

from ami_dlms.apdu import GetResponseWithDatablock
from ami_dlms.errors import ApduMalformed, LimitExceeded

MAX_VALUE = 1 << 24
"""Octets of a value that a client joins, at most."""


class BlockSender:
    """Cuts octets into blocks of at most `size`; numbers start at 1."""

    def __init__(self, octets: bytes, size: int) -> None:
        self._octets, self._size = octets, max(1, size)
        self.sent = 0
        """Number of the last block sent."""

    @property
    def finished(self) -> bool:
        """Whether the last block was sent."""
        return self.sent * self._size >= len(self._octets)

    def next(self, invoke_id_and_priority: int) -> GetResponseWithDatablock:
        """Return the next block."""
        begin = self.sent * self._size
        self.sent += 1
        return GetResponseWithDatablock(
            invoke_id_and_priority, self.finished, self.sent, self._octets[begin : begin + self._size]
        )


class BlockReceiver:
    """Joins blocks."""

    def __init__(self) -> None:
        self._octets = bytearray()
        self._number: int | None = None

    @property
    def number(self) -> int:
        """Number of the last block received."""
        return self._number or 0

    @property
    def octets(self) -> bytes:
        """What was received."""
        return bytes(self._octets)

    def add(self, number: int, octets: bytes) -> None:
        """Take a block; numbers must follow each other, wherever the server begins."""
        if self._number is not None and number != self._number + 1:
            raise ApduMalformed(f"Block {number} follows block {self._number}.")
        if len(self._octets) + len(octets) > MAX_VALUE:
            raise LimitExceeded(f"A value in blocks is longer than {MAX_VALUE} octets.")
        self._number = number
        self._octets += octets
