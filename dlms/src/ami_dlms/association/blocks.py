"""Block transfer of the services (Green Book 9.4.6): one side cuts octets into numbered blocks, the other joins."""

from __future__ import annotations

from typing import NamedTuple

from ami_dlms.errors import ApduMalformed, LimitExceeded

MAX_VALUE = 1 << 24
"""Octets of a value that a client joins, at most."""


class Block(NamedTuple):
    """A block: whether it is the last one, its number, its octets. The order is that of every APDU with blocks."""

    last: bool
    number: int
    data: bytes


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

    def next(self) -> Block:
        """Return the next block."""
        begin = self.sent * self._size
        self.sent += 1
        return Block(self.finished, self.sent, self._octets[begin : begin + self._size])


class BlockReceiver:
    """Joins blocks."""

    def __init__(self, limit: int = MAX_VALUE) -> None:
        """`limit`: octets that are joined at most."""
        self._limit = limit
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
        """Take a block; numbers must follow each other, wherever the sender begins.

        Raises ApduMalformed, or LimitExceeded.
        """
        if self._number is not None and number != self._number + 1:
            raise ApduMalformed(f"Block {number} follows block {self._number}.")
        if len(self._octets) + len(octets) > self._limit:
            raise LimitExceeded(f"A value in blocks is longer than {self._limit} octets.")
        self._number = number
        self._octets += octets
