"""General block transfer (Green Book 9.4.6.13): any APDU in numbered blocks, confirmed in windows, lost ones repeated.

Each side numbers its blocks from 1 and says in each how far it has the other side's blocks without a gap. A block with
the streaming bit lets more follow; one without hands the turn over, and whoever has the turn sends

1. again what the other side does not have,
2. then what it has not sent yet, up to the other side's window,
3. else an empty block, which only confirms.

The side that made the request keeps the time: it repeats its turn when nothing comes, and does not answer what tells
it nothing new. The other side answers whatever hands it the turn. So a repeated datagram never breeds another one.

Blocks do not say which exchange they belong to. What shows it: a response has no data before the request is whole, a
request none afterwards, nobody confirms what was not sent, and a repeated block is the same block. A datagram so late
that none of this tells it from the next exchange is found out by the tag, where APDUs are authenticated.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

from ami_dlms.apdu import GeneralBlockTransfer
from ami_dlms.association.blocks import MAX_VALUE
from ami_dlms.errors import LimitExceeded, UsageError

BLOCK_HEADER = 11
"""Octets of a general-block-transfer APDU beside its data, at most."""
LAST_NUMBER = 0xFFFF
MAX_WINDOW = 63


class Outgoing(NamedTuple):
    """A block of this side."""

    number: int
    last: bool
    data: bytes


class Arrival(NamedTuple):
    """What came of a received block."""

    send: list[bytes]
    """APDUs to send now."""
    apdu: bytes | None = None
    """The whole APDU, once."""
    doubtful: bool = False
    """Two blocks came with one number and different data; only an authentication tag can tell which is right."""


class BlockTransfer:
    """One exchange, a request and its response, seen from one side."""

    def __init__(
        self, longest: int, window: int, *, initiator: bool, limit: int = MAX_VALUE, asked: bool = False
    ) -> None:
        """`longest`: octets of an APDU the peer takes; `window`: blocks this side takes without confirming.

        `limit`: octets of the APDU that is joined, at most. `asked`: the request came otherwise, without blocks.
        """
        self._size = max(1, longest - BLOCK_HEADER)
        self._window = max(1, min(window, MAX_WINDOW))
        self._initiator = initiator
        self._limit = limit
        self._peer_window = 1 if not initiator else self._window
        self._queue: deque[tuple[bool, bytes]] = deque()
        self._unconfirmed: deque[Outgoing] = deque()
        self._sent = 0
        self._message_given = False
        self._held: dict[int, tuple[bool, bytes]] = {}
        self._without_gap = 0
        self._joined = bytearray()
        self._complete = asked
        self._doubtful = False
        self._message_end = 0
        self.taken: dict[int, bytes] = {}
        """The initiator's blocks by number."""

    def belongs(self, block: GeneralBlockTransfer) -> bool:
        """Tell whether a block of the initiator can be of this exchange."""
        known = self.taken.get(block.block_number)
        if not block.data or known is not None:
            return not block.data or known == block.data
        return not self._complete

    def send(self, apdu: bytes) -> list[bytes]:
        """Return the first window of this side's APDU. Raises UsageError if it has too many blocks."""
        size = self._size
        if len(apdu) > size * (LAST_NUMBER - self._sent):
            raise UsageError(f"{len(apdu)} octets are too many for blocks of {size}.")
        for begin in range(0, len(apdu), size):
            self._queue.append((begin + size >= len(apdu), apdu[begin : begin + size]))
        self._message_given = True
        return self._turn()

    def timeout(self) -> list[bytes]:
        """Return what to send again: nothing came for too long."""
        return [] if self._complete else self._turn()

    def receive(self, block: GeneralBlockTransfer) -> Arrival:
        """Take a block. Raises LimitExceeded if the APDU gets too long."""
        if block.block_number_ack > self._sent:
            return Arrival([])  # of an earlier exchange
        if self._initiator and block.data and (self._queue or block.block_number_ack < self._message_end):
            return Arrival([])  # likewise: the peer does not have this request yet
        was_complete = self._complete
        news = self._take(block) | self._confirmed(block.block_number_ack)
        self._peer_window = max(1, block.window)
        if self._complete and not was_complete:
            return Arrival([], bytes(self._joined), self._doubtful)
        my_turn = not block.streaming and (news or not self._initiator)
        return Arrival(self._turn() if my_turn and not (self._initiator and self._complete) else [])

    def _take(self, block: GeneralBlockTransfer) -> bool:
        """Keep a block and join what has no gap; tell whether it was new."""
        number = block.block_number
        if not self._without_gap < number <= self._without_gap + self._window:
            return False
        content = block.last, block.data
        held = self._held.setdefault(number, content)
        if held is not content:
            self._doubtful |= held != content
            return False
        if not self._initiator:
            self.taken[number] = block.data
        while (following := self._held.pop(self._without_gap + 1, None)) is not None:
            self._without_gap += 1
            if not self._complete:
                self._join(*following)
        return True

    def _join(self, last: bool, data: bytes) -> None:  # noqa: FBT001  # the fields of a block
        if len(self._joined) + len(data) > self._limit:
            raise LimitExceeded(f"An APDU in blocks is longer than {self._limit} octets.")
        self._joined += data
        self._complete = last

    def _confirmed(self, number: int) -> bool:
        before = len(self._unconfirmed)
        while self._unconfirmed and self._unconfirmed[0].number <= number:
            self._unconfirmed.popleft()
        return len(self._unconfirmed) < before

    def _turn(self) -> list[bytes]:
        window = min(self._window, self._peer_window)
        while self._queue and len(self._unconfirmed) < window:
            self._number(*self._queue.popleft())
            self._message_end = self._sent
        if not self._unconfirmed:
            self._number(self._message_given and not self._queue, b"")
        blocks = list(self._unconfirmed)[:window]
        return [self._encode(block, streaming=block is not blocks[-1]) for block in blocks]

    def _number(self, last: bool, data: bytes) -> None:  # noqa: FBT001  # the fields of a block
        self._sent += 1
        self._unconfirmed.append(Outgoing(self._sent, last, data))

    def _encode(self, block: Outgoing, *, streaming: bool) -> bytes:
        return GeneralBlockTransfer(
            last=block.last,
            streaming=streaming,
            window=self._window,
            block_number=block.number,
            block_number_ack=self._without_gap,
            data=block.data,
        ).to_bytes()
