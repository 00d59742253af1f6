"""A compiled shape: what to compare, what to unpack, and how to make the APDU of it."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any, Final

from ami_dlms.apdu import Apdu
from ami_dlms.shapes.heads import Shaped, attributes_of, trace
from ami_dlms.shapes.skeleton import Node, Run, builder, runs, size
from ami_dlms.shapes.trace import Convert, Repeat, Span, Trace, Untraceable

_FLAT: Final = 4096
"""Values read in one call; more of them only row by row, so that a template stays small beside its message."""

Read = Callable[[bytes], tuple[Any, ...]]


class Template:
    """The shape of messages that differ in nothing but their values.

    Compared and hashed by identity: two templates of one cache are two shapes. `length` is the octets of a message,
    `mask` has ones where they are constant, `constant` has those octets (both big-endian integers over the message).
    `weight` is about how many octets it takes to keep.
    """

    __slots__ = (
        "__weakref__", "_builders", "_runs", "attributes", "constant", "kind", "length", "mask", "plan", "read",
        "weight",
    )  # fmt: skip

    def __init__(self, apdu: Apdu, buf: bytes) -> None:
        """Make the template of a message and what the generic decoder made of it. Raises Untraceable."""
        walk, self.kind, self.attributes = trace(apdu, buf)
        self.length = len(buf)
        mask = bytearray(b"\xff" * len(buf))
        for offset, width, _ in walk.spans:
            mask[offset : offset + width] = bytes(width)
        self.mask = int.from_bytes(mask, "big")
        self.constant = int.from_bytes(buf, "big") & self.mask
        self.read: Read = _reader(walk)
        """Gives the values of a message that fits, in the order of the slots. Raises UnicodeDecodeError where a
        utf8-string is not UTF-8."""
        self._builders = tuple(map(builder, self.attributes))
        self.weight = 1024 + 3 * self.length + 450 * sum(map(size, self.attributes)) + 40 * min(len(walk.spans), _FLAT)
        self._runs: tuple[Run, ...] | None = None
        self.plan: Any = None
        """Room for what a user of the cache compiles on top of this template; it goes when the template goes."""
        if self.rebuild(self.read(buf)) != apdu:
            raise Untraceable  # a value that is not equal to itself: no proof, no template

    def fits(self, buf: bytes) -> bool:
        """Say whether a message has this shape."""
        return len(buf) == self.length and int.from_bytes(buf, "big") & self.mask == self.constant

    def rebuild(self, values: Sequence[Any]) -> Shaped:
        """Make the APDU that the generic decoder makes of the same message."""
        rest = iter(values)
        return self.kind(*[build(rest) for build in self._builders])

    @property
    def named(self) -> dict[str, Node]:
        """The attributes of the APDU by name, as nodes."""
        return dict(zip(attributes_of(self.kind), self.attributes))  # noqa: B905  equal by construction

    @property
    def runs(self) -> tuple[Run, ...]:
        """Where the values stand in the APDU: the fields in order, rows once."""
        if self._runs is None:
            self._runs = tuple(_numbered(self.named))
        return self._runs


def _numbered(attributes: dict[str, Node]) -> list[Run]:
    done: list[Run] = []
    for name, node in attributes.items():
        for fields, count in runs(node, (name,)):
            if not fields:
                continue
            last = done[-1] if done else Run((), 0)
            if count == 1 and done and last.rows == 1:
                done[-1] = Run(last.fields + fields, last.start)
            else:
                done.append(Run(fields, last.start + len(last.fields) * last.rows, count))
    return done


def _reader(walk: Trace) -> Read:
    """Compile the reading of the values."""
    if len(walk.spans) <= _FLAT:
        read: Read = struct.Struct(_format(walk.spans, 0, len(walk.buf))).unpack
    else:
        read = _pieces(walk)
    return _converting(read, tuple(walk.converts)) if walk.converts else read


def _format(spans: Sequence[Span], begin: int, end: int) -> str:
    """Write the `struct` format of octets `begin` to `end`: constants are passed over."""
    codes, at = [">"], begin
    for offset, width, code in spans:
        if offset > at:
            codes.append(f"{offset - at}x")
        codes.append(code)
        at = offset + width
    codes.append(f"{end - at}x")
    return "".join(codes)


def _pieces(walk: Trace) -> Read:
    """Compile the reading of a long message: its rows one by one, what is between them at once."""
    pieces: list[tuple[struct.Struct, int, int]] = []
    done, at = 0, 0
    for repeat in walk.repeats:
        if repeat.last - repeat.first <= _FLAT // 4:
            continue
        if repeat.first - done > _FLAT:
            raise Untraceable
        row = _row(walk.spans, repeat)
        pieces.append((struct.Struct(_format(walk.spans[done : repeat.first], at, repeat.begin)), at, repeat.begin))
        pieces.append((struct.Struct(row), repeat.begin, repeat.end))
        done, at = repeat.last, repeat.end
    rest = walk.spans[done:]
    pieces.append((struct.Struct(_format(rest, at, len(walk.buf))), at, len(walk.buf)))
    if len(rest) > _FLAT:
        raise Untraceable

    def read(buf: bytes) -> tuple[Any, ...]:
        return tuple(
            chain.from_iterable(
                chain.from_iterable(piece.iter_unpack(buf[begin:end])) for piece, begin, end in pieces if begin < end
            )
        )

    return read


def _row(spans: Sequence[Span], repeat: Repeat) -> str:
    """Write the format of one row. Raises Untraceable where the rows are laid out differently, or a row is long."""
    width = (repeat.last - repeat.first) // repeat.rows
    octets, uneven = divmod(repeat.end - repeat.begin, repeat.rows)
    if uneven or width > _FLAT:
        raise Untraceable
    first = spans[repeat.first : repeat.first + width]
    for number in range(1, repeat.rows):
        shift, start = number * octets, repeat.first + number * width
        for one, other in zip(first, spans[start : start + width]):  # noqa: B905  both have `width`
            if other.offset != one.offset + shift:
                raise Untraceable
    return _format(first, repeat.begin, repeat.begin + octets)


def _converting(read: Read, converts: tuple[tuple[int, Convert], ...]) -> Read:
    """Make text and bit-strings of the octets `struct` gives."""

    def converted(buf: bytes) -> tuple[Any, ...]:
        values = list(read(buf))
        for position, convert in converts:
            values[position] = convert(values[position])
        return tuple(values)

    return converted
