"""General block transfer: the blocks of one APDU joined (IEC 62056-5-3, 9.4.6.13)."""

from __future__ import annotations

from typing import NamedTuple

from ami_dlms.framing.units import GENERAL_BLOCK_TRANSFER, length_at

_LAST = 0x80
_STREAMING = 0x40
_WINDOW = 0x3F
_HEADER = 6


class Block(NamedTuple):
    """One general-block-transfer APDU."""

    last: bool
    number: int
    """Counted from 1, modulo 65536."""
    data: bytes
    streaming: bool = False
    """More blocks follow at once."""
    window: int = 0
    """How many blocks its sender takes without confirming; 0 where it knows no confirming."""

    @property
    def asks(self) -> bool:
        """Its sender waits for a confirmation."""
        return not self.streaming and self.window > 0


class BlockTaken(NamedTuple):
    """A block that an assembler has joined to a transfer."""

    block: Block
    without_gap: int
    """The block up to which none is missing."""
    source: int | None
    destination: int | None


def read_block(apdu: bytes) -> Block | None:
    """Read a general-block-transfer APDU: control, block number, number acknowledged, data; None if it is not one."""
    if len(apdu) <= _HEADER or apdu[0] != GENERAL_BLOCK_TRANSFER:
        return None
    content = length_at(apdu, _HEADER)
    if content is None or content[0] + content[1] != len(apdu):
        return None
    control, number = apdu[1], int.from_bytes(apdu[2:4], "big")
    streaming, window = bool(control & _STREAMING), control & _WINDOW
    return Block(bool(control & _LAST), number, apdu[content[1] :], streaming, window)


class Blocks:
    """The blocks of one transfer, in any order; each is kept once, the damaged ones until they are repeated."""

    def __init__(self) -> None:
        self._taken: dict[int, tuple[bytes, bool]] = {}
        self._last: int | None = None
        self._next = 1

    def __bool__(self) -> bool:
        return bool(self._taken)

    def belongs(self, block: Block, *, intact: bool) -> bool:
        """Tell whether `block` can be of this transfer: nothing of it yet, or the same once more."""
        if not self._taken or not intact:
            return True
        held = self._taken.get(block.number)
        if held is None:
            return self._last is None or block.number < self._last
        return held[0] == block.data or not held[1]

    def add(self, block: Block, *, intact: bool) -> None:
        """Take a block that belongs here."""
        held = self._taken.get(block.number)
        if held is None or (intact and not held[1]):
            self._taken[block.number] = (block.data, intact)
        if block.last:
            self._last = block.number
        while self._next in self._taken:
            self._next += 1

    @property
    def without_gap(self) -> int:
        """The block up to which none is missing, 0 where the first is."""
        return self._next - 1

    @property
    def ended(self) -> bool:
        """The last block is there, whatever is missing before it."""
        return self._last is not None

    @property
    def gapless(self) -> bool:
        """Every block from the first to the last is there."""
        return self._last is not None and self._next == self._last + 1

    @property
    def sound(self) -> bool:
        """Nothing is missing and nothing is damaged."""
        return self.gapless and not self.damaged

    @property
    def damaged(self) -> bool:
        """A block came in a frame with a wrong check sequence and was not repeated."""
        return any(not self._taken[number][1] for number in self._numbers())

    @property
    def joined(self) -> bytes:
        """The APDU; meaningful if `gapless`."""
        return b"".join(self._taken[number][0] for number in self._numbers())

    def _numbers(self) -> list[int]:
        return sorted(number for number in self._taken if self._last is None or number <= self._last)
