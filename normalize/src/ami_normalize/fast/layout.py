"""Readings and interval blocks as constants, and what of each message goes between them.

Readings are written by one `struct` call, since all widths are fixed: those of texts are part of what decides the
layout of a message.
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


class Readings:
    """Writes the readings of the messages of one kind."""

    def __init__(
        self,
        cells: Sequence[Cell],
        parts: Sequence[wire.ReadingParts],
        values: int,
        widths: Sequence[int],
        *,
        dated: bool,
    ) -> None:
        """Compile; `values` is how many values the template reads, `dated` says that the readings have an instant.

        `widths` are the octets of the value fields of the texts, in order.
        """
        instant = wire.MEASURED_AT if dated else b""
        width_of_instant = _INSTANT if dated else 0
        pool = _PoolLayout(values, sum(cell.form is Form.REAL for cell in cells), len(widths))
        run = _RunBuilder(pool)
        left = iter(widths)
        for cell, part in zip(cells, parts, strict=True):
            if cell.form is Form.TEXT:
                width = next(left)
                code, tag = f"{width}s", b""
            else:
                code, tag, width = _WIDTHS.get(cell.form, ("", part.value, len(part.value)))
            size = len(part.head) + width_of_instant + len(part.origin) + width + len(part.tail)
            run.constant(wire.READINGS + wire.varint(size) + part.head + instant)
            if dated:
                run.value("q", 0)
            run.constant(part.origin + tag)
            if code:
                run.value(code, pool.place(cell))
            run.constant(part.tail)
        self._pack, self._pick = run.close()
        self._constants = tuple(pool.constants)

    def write(self, out: list[bytes], at: int, values: Pool, reals: Pool, fields: Pool) -> None:
        """Append the readings of a message.

        `at` is the instant they hold for, `values` what the template read, `reals` the floats in order, `fields` the
        value fields of the texts in order. Raises struct.error for a number that no `sfixed64` holds.
        """
        pool = (at,) + values + reals + fields + self._constants  # noqa: RUF005  at half the price
        out.append(self._pack(*self._pick(pool)))


class _PoolLayout:
    """Where things stand in the tuple that a run picks from: the instant, values, floats, texts, constants."""

    def __init__(self, values: int, reals: int, texts: int) -> None:
        self._next_real = 1 + values
        self._next_text = self._next_real + reals
        self._first_constant = self._next_text + texts
        self.constants: list[bytes] = []

    def place(self, cell: Cell) -> int:
        """Return where the value of a cell stands; floats and texts come in order."""
        if cell.form is Form.REAL:
            self._next_real += 1
            return self._next_real - 1
        if cell.form is Form.TEXT:
            self._next_text += 1
            return self._next_text - 1
        return 1 + cell.slot

    def constant(self, octets: bytes) -> int:
        """Return where some octets stand that are the same in all messages."""
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

    def close(self) -> tuple[Callable[..., bytes], Callable[[Pool], tuple[Any, ...]]]:
        """Return what packs, and what picks its arguments from the pool."""
        self._flush()
        return struct.Struct("<" + "".join(self._codes)).pack, picker(self._order)

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
