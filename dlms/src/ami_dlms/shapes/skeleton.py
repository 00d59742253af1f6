"""What all messages of one shape have in common, as a tree: constants, and slots for what varies.

The leaves come in the order of the message, so that a tree and the values of its slots, in that order, are a message:
`builder` compiles what makes it. A node's path says where its value stands in the decoded APDU.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import islice, repeat
from typing import Any, Final, NamedTuple, Union

from ami_dlms.axdr import CompactArray, Data, Tag, TypeDescription

Path = tuple[Union[str, int, None], ...]
"""An attribute of the APDU, then a position in each collection on the way (of a compact-array: among its items); None
stands for the number of the row."""


class Fixed(NamedTuple):
    """A constant: Data with all that is in it, or an attribute of the APDU."""

    value: Any


class Slot(NamedTuple):
    """A value that varies. `tag` is None where it is no Data: an attribute of the APDU, or a part of one."""

    tag: int | None
    code: str
    """How `struct` reads it."""


class Group(NamedTuple):
    """A collection of members that differ. `tag` is None where it is a bare tuple."""

    tag: int | None
    members: tuple[Node, ...]


class Rows(NamedTuple):
    """A collection of members alike: the rows of a profile."""

    tag: int | None
    times: int
    row: Node


class Packed(NamedTuple):
    """A compact-array; `items` is a bare tuple."""

    description: TypeDescription
    items: Node


Node = Union[Fixed, Slot, Group, Rows, Packed]


class Field(NamedTuple):
    """A slot and where its value stands."""

    path: Path
    tag: int | None


class Run(NamedTuple):
    """Fields whose values follow each other, `rows` times: once, or once in each row.

    The value of field `f` in row `r` is `values[start + r * len(fields) + f]`; a column is the slice `column(f)`.
    """

    fields: tuple[Field, ...]
    start: int
    rows: int = 1

    def column(self, field: int) -> slice:
        """Return where the values of one field stand, row by row."""
        width = len(self.fields)
        return slice(self.start + field, self.start + self.rows * width, width)


Build = Callable[[Iterator[Any]], Any]

_data: Final = partial(tuple.__new__, Data)
"""Makes a Data of a pair, without a call in Python."""


def builder(node: Node) -> Build:
    """Compile what makes a node's value, equal to the generic decoder's, of the values that come next."""
    if isinstance(node, Fixed):
        return _fixed_builder(node.value)
    if isinstance(node, Slot):
        return next if node.tag is None else _slot_builder(node.tag)
    if isinstance(node, Packed):
        return _packed_builder(node)
    build = _rows_builder(node) if isinstance(node, Rows) else _group_builder(node)
    tag = node.tag
    if tag is None:
        return build
    return lambda values: _data((tag, build(values)))


def _fixed_builder(value: Any) -> Build:
    return lambda _: value


def _slot_builder(tag: int) -> Build:
    return lambda values: _data((tag, next(values)))


def _group_builder(node: Group) -> Build:
    members = tuple(map(builder, node.members))
    return lambda values: tuple([member(values) for member in members])


def _packed_builder(node: Packed) -> Build:
    items = builder(node.items)
    return lambda values: Data(Tag.COMPACT_ARRAY, CompactArray(node.description, items(values)))


def _rows_builder(node: Rows) -> Build:
    table = _table_builder(node)
    if table is not None:
        return table
    row, each = builder(node.row), range(node.times)
    return lambda values: tuple([row(values) for _ in each])


def _table_builder(node: Rows) -> Build | None:
    """Compile rows of nothing but slots and constants: column by column, which needs no call for a value."""
    row = node.row
    if not isinstance(row, Group):
        return None
    members = [member for member in row.members if isinstance(member, (Fixed, Slot))]
    if len(members) < len(row.members):
        return None
    width = sum(isinstance(member, Slot) for member in members)

    def build(values: Iterator[Any]) -> tuple[Any, ...]:
        cells = tuple(islice(values, node.times * width))
        columns: list[Iterable[Any]] = []
        field = 0
        for member in members:
            if isinstance(member, Slot):
                columns.append(map(_data, zip(repeat(member.tag), cells[field::width])))
                field += 1
            else:
                columns.append(repeat(member.value))
        rows = zip(*columns)  # noqa: B905  constants have no end
        return tuple(map(_data, zip(repeat(row.tag), rows)))

    return build


def fields(node: Node, path: Path) -> Iterator[Field]:
    """Give the fields of a tree in order; of rows, those of every row."""
    if isinstance(node, Slot):
        yield Field(path, node.tag)
    elif isinstance(node, Packed):
        yield from fields(node.items, path)
    elif isinstance(node, (Group, Rows)):
        for position, member in enumerate(node.members if isinstance(node, Group) else (node.row,) * node.times):
            yield from fields(member, (*path, position))


def runs(node: Node, path: Path) -> Iterator[tuple[tuple[Field, ...], int]]:
    """Give the fields of a tree and how often they repeat; rows within rows are told one by one."""
    if isinstance(node, Packed):
        yield from runs(node.items, path)
    elif isinstance(node, Rows):
        yield tuple(fields(node.row, (*path, None))), node.times
    elif isinstance(node, Group):
        for position, member in enumerate(node.members):
            yield from runs(member, (*path, position))
    else:
        yield tuple(fields(node, path)), 1


def size(node: Node) -> int:
    """Count the nodes: what a tree costs to keep."""
    if isinstance(node, Group):
        return 1 + sum(map(size, node.members))
    if isinstance(node, Rows):
        return 1 + size(node.row)
    return 1 + size(node.items) if isinstance(node, Packed) else 1
