"""Which invocation counters of one key were seen: a sliding window, as IPsec keeps it (RFC 4303, section 3.4.3).

A window is the highest counter seen, which of the last 1024 were seen, and the first four octets of the tags of the
last 32 seen. It is kept as the bytes of a serialized `ami.ledger.v1.Window`, so that the ledger's record is the memory
itself, a million of them are small, and nothing is copied to write one. `judge` and `mark` give the new bytes.

    0d highest:4  12 length:2 tags  1a length:2 seen  [22 length:2 counters]  [28 01]

Lengths are varints of two octets, also where one would do. `seen` is a little-endian two's complement number: bit i
tells of counter highest - i, and its sign of all older ones, so that a meter whose counters all arrive has one octet.
The tags are in the order seen, the newest first; `counters` (their low 16 bits) is there only where that is not the
order of the counters.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from itertools import islice
from typing import Final, NamedTuple

from ami.ledger.v1 import window_pb2

WINDOW: Final = 1024
"""Counters below the highest that may still come."""
RECENT: Final = 32
"""Tags kept."""
COUNTERS: Final = 1 << 32
"""An invocation counter has 32 bits, and never begins again under its key."""
THRESHOLDS: Final = tuple(COUNTERS - (1 << left) for left in (24, 20, 16))
"""Counters past which a finding tells, once each, that the key must be changed."""

_NEAR_END: Final = THRESHOLDS[0]
_TAG: Final = 4
_MASK: Final = (1 << WINDOW) - 1
_LENGTHS: Final = [bytes((length & 0x7F | 0x80, length >> 7)) for length in range(256)]
_TAGS: Final = [b"\x12" + length for length in _LENGTHS]
_SEEN: Final = [b"\x1a" + length for length in _LENGTHS]  # longer than `seen` can be: compared with, never written
_SEEN_HEADS: Final = frozenset(_SEEN[1 : 2 + WINDOW // 8])
_COUNTERS: Final = [b"\x22" + length for length in _LENGTHS]
_SUSPECTED: Final = b"\x28\x01"
_ALL: Final = b"\xff"
_FULL: Final = _TAGS[RECENT * _TAG]
_KEPT: Final = 8 + (RECENT - 1) * _TAG
_END: Final = 8 + RECENT * _TAG
_FULL_END: Final = _END + 3


class Verdict(str, Enum):
    """What the window says of a counter."""

    ACCEPTED = "ACCEPTED"
    """New."""
    RETRANSMISSION = "RETRANSMISSION"
    """Seen with the same tag, or so long ago that its tag is not known any more."""
    COUNTER_REUSED = "COUNTER_REUSED"
    """Seen with another tag."""
    STALE_COUNTER = "STALE_COUNTER"
    """Below the window."""


class Finding(str, Enum):
    """What the window tells beside its verdict, once."""

    RESET = "COUNTER_RESET_SUSPECTED"
    EXHAUSTION = "COUNTER_NEARLY_EXHAUSTED"


class Ruling(NamedTuple):
    """A verdict, and what it lets find."""

    verdict: Verdict
    finding: Finding | None = None
    highest: int = 0
    """The highest counter seen before, where the verdict or the finding is about it."""


ACCEPTED: Final = Ruling(Verdict.ACCEPTED)
RETRANSMISSION: Final = Ruling(Verdict.RETRANSMISSION)
_NEARLY_EXHAUSTED: Final = Ruling(Verdict.ACCEPTED, Finding.EXHAUSTION)


def judge(state: bytes | None, counter: int, tag: bytes) -> tuple[bytes, Ruling]:
    """Judge a counter whose tag (its first four octets) is verified; give the window after it, and the ruling."""
    if state is not None and counter <= _NEAR_END:
        step = counter - int.from_bytes(state[1:5], "little")
        if step > 0:
            found = _ahead(state, counter, step, tag)
            if found is not None:
                return found, ACCEPTED
        elif _is_again(state, -step, tag):
            return state, RETRANSMISSION
    if state is None:
        return _first(counter, tag), _accepted(-1, counter)
    window = Window.of(state)
    highest = window.highest
    verdict = window.verdict(counter, tag)
    if verdict is Verdict.ACCEPTED:
        window.add(counter, tag)
        window.suspected = False
        return window.packed(), _accepted(highest, counter)
    if verdict is Verdict.RETRANSMISSION:
        return state, RETRANSMISSION
    if verdict is Verdict.STALE_COUNTER and not window.suspected and counter < highest // 2:
        window.suspected = True
        return window.packed(), Ruling(verdict, Finding.RESET, highest)
    return state, Ruling(verdict, highest=highest)


def mark(state: bytes | None, counter: int, tag: bytes) -> bytes:
    """Note a counter as seen, without a verdict; one below the window leaves the window as it is."""
    window = Window.of(state) if state is not None else Window(counter, 0, [])
    if window.verdict(counter, tag) is Verdict.ACCEPTED:
        window.add(counter, tag)
    return window.packed()


def restored(value: bytes) -> bytes:
    """Give the bytes of a window that the ledger holds, written by whatever program; raises `DecodeError`."""
    if len(value) > 11 and value[0] == 0x0D and value[5] == 0x12:
        tags = value[6] & 0x7F | value[7] << 7
        end = 8 + tags
        if tags <= RECENT * _TAG and not tags % _TAG and value[end : end + 3] in _SEEN_HEADS:
            length = value[end + 1] & 0x7F | value[end + 2] << 7
            if len(value) == end + 3 + length:
                return value
    return Window.of(value).packed()


def _ahead(state: bytes, counter: int, step: int, tag: bytes) -> bytes | None:
    """Give the window after a higher counter where the tags are in the order of the counters; else None.

    Not worth reading as such: it does what `Window.add` does, on the bytes, since nearly every message comes by here.
    """
    size = len(state)
    if step < WINDOW and size > _FULL_END and state[5:8] == _FULL and state[_END:_FULL_END] == _SEEN[size - _FULL_END]:
        head, tags, seen = _FULL, state[8:_KEPT], state[_FULL_END:]  # nothing follows `seen`
        if step == 1 and seen == _ALL:
            return b"".join((b"\x0d", counter.to_bytes(4, "little"), head, tag, tags, _SEEN[1], _ALL))
    else:
        end = 8 + (state[6] & 0x7F | state[7] << 7)
        seen = state[end + 3 :]
        if len(seen) != (state[end + 1] & 0x7F | state[end + 2] << 7):
            return None
        tags = state[8 : min(end, _KEPT)] if step < WINDOW else b""
        head = _TAGS[_TAG + len(tags)]
    number = int.from_bytes(seen, "little", signed=True) << step | 1 if step < WINDOW else 1
    bits = number.bit_length()
    if bits >= WINDOW:
        number = _folded(number)
        bits = number.bit_length()
    length = (bits >> 3) + 1
    after = number.to_bytes(length, "little", signed=True)
    return b"".join((b"\x0d", counter.to_bytes(4, "little"), head, tag, tags, _SEEN[length], after))


def _is_again(state: bytes, age: int, tag: bytes) -> bool:
    """Tell whether a counter is certainly a retransmission, where the tags are in the order of the counters."""
    end = 8 + (state[6] & 0x7F | state[7] << 7)
    seen = state[end + 3 :]
    if age >= WINDOW or len(seen) != (state[end + 1] & 0x7F | state[end + 2] << 7):
        return False
    number = int.from_bytes(seen, "little", signed=True)
    if not number >> age & 1:
        return False
    at = 8 + _TAG * (number & (1 << age) - 1).bit_count()
    return at >= end or state[at : at + _TAG] == tag


def _first(counter: int, tag: bytes) -> bytes:
    """Give the window of the first counter of a key."""
    return b"".join((b"\x0d", counter.to_bytes(4, "little"), _TAGS[_TAG], tag, _SEEN[1], b"\x01"))


def _folded(seen: int) -> int:
    """Give a number with the same lowest 1024 bits, short where all of them are set."""
    lowest = seen & _MASK
    return -1 if lowest == _MASK else lowest


def _accepted(highest: int, counter: int) -> Ruling:
    passed = any(highest <= threshold < counter for threshold in THRESHOLDS)
    return _NEARLY_EXHAUSTED if passed else ACCEPTED


@dataclass(slots=True)
class Window:
    """A window opened."""

    highest: int
    seen: int
    """Bit i: counter highest - i was seen."""
    recent: list[tuple[int, bytes]] = field(default_factory=list)
    """Counters and tags of the last seen, the newest first, as far as they are in the window."""
    suspected: bool = False
    """A reset of the counter was told of, and nothing new came since."""

    @classmethod
    def of(cls, state: bytes) -> Window:
        """Open a serialized `ami.ledger.v1.Window`; raises `DecodeError`."""
        message = window_pb2.Window.FromString(state)
        seen = int.from_bytes(message.seen, "little", signed=True) & _MASK
        window = cls(message.highest, seen, suspected=message.reset_suspected)
        tags = [message.tags[at : at + _TAG] for at in range(0, len(message.tags), _TAG)]
        if message.counters:
            low = [int.from_bytes(message.counters[at : at + 2], "little") for at in range(0, len(message.counters), 2)]
            counters: Iterator[int] = (message.highest - (message.highest - each & 0xFFFF) for each in low)
        else:
            counters = window.descending()
        window.recent = list(zip(counters, tags, strict=False))
        return window

    def packed(self) -> bytes:
        """Give the bytes."""
        seen = _folded(self.seen)
        length = seen.bit_length() // 8 + 1
        tags = b"".join(tag for _counter, tag in self.recent)
        counters = [counter for counter, _tag in self.recent]
        ordered = counters == list(islice(self.descending(), RECENT))
        low = b"" if ordered else b"".join((each & 0xFFFF).to_bytes(2, "little") for each in counters)
        return b"".join(
            (
                b"\x0d",
                self.highest.to_bytes(4, "little"),
                _TAGS[len(tags)],
                tags,
                _SEEN[length],
                seen.to_bytes(length, "little", signed=True),
                _COUNTERS[len(low)] + low if low else b"",
                _SUSPECTED if self.suspected else b"",
            )
        )

    def verdict(self, counter: int, tag: bytes) -> Verdict:
        """Say what a counter is."""
        age = self.highest - counter
        if age < 0:
            return Verdict.ACCEPTED
        if age >= WINDOW:
            return Verdict.STALE_COUNTER
        if not self.seen >> age & 1:
            return Verdict.ACCEPTED
        known = next((each for number, each in self.recent if number == counter), tag)
        return Verdict.RETRANSMISSION if known == tag else Verdict.COUNTER_REUSED

    def add(self, counter: int, tag: bytes) -> None:
        """Note a counter as seen that is in the window or above it."""
        if counter > self.highest:
            self.seen = self.seen << min(counter - self.highest, WINDOW) & _MASK
            self.highest = counter
        self.seen |= 1 << self.highest - counter
        self.recent.insert(0, (counter, tag))
        lowest = self.highest - WINDOW
        self.recent = [each for each in self.recent if each[0] > lowest][:RECENT]

    def descending(self) -> Iterator[int]:
        """Yield the counters seen, the highest first."""
        seen = self.seen
        while seen:
            bit = seen & -seen
            yield self.highest - bit.bit_length() + 1
            seen ^= bit
