"""Readings and interval blocks as constants, and what of each message goes between them.

A reading whose value has a fixed width is part of one `struct` call for all that follow each other. A text has its own
length, and so has the reading around it: it is written by itself.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from enum import Enum
from operator import itemgetter
from typing import Any, Final, NamedTuple

from ami_normalize.fast import wire


class Form(Enum):
    """How the value of a reading is written."""

    CONSTANT = "constant"
    INTEGER = "integer"
    REAL = "real"
    BOOLEAN = "boolean"
    TEXT = "text"
    """Text, octets or a large number: of any length."""


class Cell(NamedTuple):
    """What varies of one reading."""

    form: Form
    slot: int = -1
    """Where its value stands among those of the template."""


_WIDTHS: Final = {Form.INTEGER: ("q", wire.MANTISSA, 9), Form.REAL: ("d", wire.REAL, 9)}
_WIDTHS[Form.BOOLEAN] = ("?", wire.BOOLEAN, 2)
"""Code of `struct`, tag, and octets with the tag."""
_INSTANT: Final = 9

Pool = tuple[Any, ...]


class _Run(NamedTuple):
    """Readings of fixed width that follow each other."""

    pack: Callable[..., bytes]
    pick: Callable[[Pool], tuple[Any, ...]]


class _Text(NamedTuple):
    """A reading with a value of any length."""

    head: bytes
    origin: bytes
    tail: bytes
    size: int
    """Octets without the field of the value."""


class Readings:
    """Writes the readings of the messages of one kind."""

    def __init__(self, cells: Sequence[Cell], parts: Sequence[wire.ReadingParts], values: int, *, dated: bool) -> None:
        """Compile; `values` is how many values the template reads, `dated` says that the readings have an instant."""
        instant = wire.MEASURED_AT if dated else b""
        width_of_instant = _INSTANT if dated else 0
        reals = sum(cell.form is Form.REAL for cell in cells)
        pool = _PoolLayout(values, reals)
        segments: list[_Run | _Text] = []
        run = _RunBuilder(pool)
        for cell, part in zip(cells, parts, strict=True):
            size = len(part.head) + width_of_instant + len(part.origin) + len(part.tail)
            if cell.form is Form.TEXT:
                segments += run.close()
                segments.append(_Text(part.head + instant, part.origin, part.tail, size))
                continue
            code, tag, width = _WIDTHS.get(cell.form, ("", part.value, len(part.value)))
            run.constant(wire.READINGS + wire.varint(size + width) + part.head + instant)
            if dated:
                run.value("q", 0)
            run.constant(part.origin + tag)
            if code:
                run.value(code, pool.real() if cell.form is Form.REAL else 1 + cell.slot)
            run.constant(part.tail)
        segments += run.close()
        self._segments = tuple(segments)
        self._constants = tuple(pool.constants)
        self._dated = dated

    def write(self, out: list[bytes], at: int, values: Pool, reals: Pool, fields: Sequence[bytes]) -> None:
        """Append the readings of a message.

        `at` is the instant they hold for, `values` what the template read, `reals` the floats in order, `fields` the
        value fields of the texts in order. Raises struct.error for a number that no `sfixed64` holds.
        """
        pool = (at,) + values + reals + self._constants  # noqa: RUF005  at half the price
        instant = wire.INT64.pack(at) if self._dated else b""
        text = 0
        for segment in self._segments:
            if isinstance(segment, _Run):
                out.append(segment.pack(*segment.pick(pool)))
                continue
            head, origin, tail, size = segment
            field = fields[text]
            text += 1
            size += len(field)
            length = bytes((size,)) if size < 0x80 else wire.varint(size)
            out += (wire.READINGS, length, head, instant, origin, field, tail)


class _PoolLayout:
    """Where things stand in the tuple that a run picks from: the instant, values, floats, constants."""

    def __init__(self, values: int, reals: int) -> None:
        self._next_real = 1 + values
        self._first_constant = 1 + values + reals
        self.constants: list[bytes] = []

    def real(self) -> int:
        self._next_real += 1
        return self._next_real - 1

    def constant(self, octets: bytes) -> int:
        self.constants.append(octets)
        return self._first_constant + len(self.constants) - 1


class _RunBuilder:
    """Collects constants and values, and joins the constants that follow each other."""

    def __init__(self, pool: _PoolLayout) -> None:
        self._pool = pool
        self._codes: list[str] = []
        self._order: list[int] = []
        self._pending = b""

    def constant(self, octets: bytes) -> None:
        self._pending += octets

    def value(self, code: str, position: int) -> None:
        self._flush()
        self._codes.append(code)
        self._order.append(position)

    def close(self) -> list[_Run | _Text]:
        self._flush()
        if not self._codes:
            return []
        run = _Run(struct.Struct("<" + "".join(self._codes)).pack, picker(self._order))
        self._codes, self._order = [], []
        return [run]

    def _flush(self) -> None:
        if self._pending:
            self._codes.append(f"{len(self._pending)}s")
            self._order.append(self._pool.constant(self._pending))
            self._pending = b""


def picker(positions: Sequence[int]) -> Callable[[Pool], tuple[Any, ...]]:
    """Return what takes the values at some positions, as a tuple also where it is only one."""
    if len(positions) == 1:
        only = positions[0]
        return lambda values: (values[only],)
    return itemgetter(*positions)


class Block:
    """Writes one interval block of integers."""

    def __init__(self, parts: wire.BlockParts, pick: Callable[[Pool], tuple[Any, ...]], rows: int) -> None:
        """Compile; `pick` takes the column of the values."""
        size = 8 * rows
        mantissas = wire.field(wire.MANTISSAS, bytes(size))[:-size] if size else b""
        body = len(parts.head) + _INSTANT + len(parts.middle) + len(mantissas) + size + len(parts.tail)
        self._head = wire.BLOCKS + wire.varint(body) + parts.head + wire.MEASURED_AT
        self._middle = parts.middle + mantissas
        self._tail = parts.tail
        self._pick = pick
        self._pack = struct.Struct(f"<{rows}q").pack

    def write(self, out: list[bytes], first_end: int, values: Pool) -> None:
        """Append the block; `first_end` is the end of its first interval. Raises struct.error as `Readings.write`."""
        out += (self._head, wire.INT64.pack(first_end), self._middle, self._pack(*self._pick(values)), self._tail)
