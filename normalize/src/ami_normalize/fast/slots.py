"""Which slot of a template a value of the decoded message was read from, by the value's identity."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from ami_dlms.apdu import Apdu
from ami_dlms.axdr import CompactArray, Data, Tag
from ami_dlms.shapes import Path, Template


class Places(NamedTuple):
    """Where the values of one decoded message stand. Holds only as long as that message is kept."""

    slots: dict[int, int]
    """The slot of each value that varies, by `id` of its Data."""
    constants: frozenset[int]
    """`id` of every Data in which nothing varies."""
    attributes: dict[str, int]
    """The slots of the APDU's own attributes that vary."""


def places(template: Template, apdu: Apdu) -> Places:
    """Find the values of `apdu`, which was made by `template.rebuild`."""
    slots: dict[int, int] = {}
    attributes: dict[str, int] = {}
    for run in template.runs:
        width = len(run.fields)
        for row in range(run.rows):
            for position, field in enumerate(run.fields):
                slot = run.start + row * width + position
                if len(field.path) == 1 and field.tag is None:
                    attributes[str(field.path[0])] = slot
                else:
                    slots[id(_at(apdu, field.path, row))] = slot
    constants: set[int] = set()
    for name in template.named:
        for data in _roots(getattr(apdu, name)):
            _constant(data, slots, constants)
    return Places(slots, frozenset(constants), attributes)


def _at(apdu: Apdu, path: Path, row: int) -> Any:
    found = getattr(apdu, str(path[0]))
    for step in path[1:]:
        number = row if step is None else int(step)
        items = found.value if isinstance(found, Data) else found
        if isinstance(items, CompactArray):
            items = items.items
        found = items[number]
    return found


def _roots(attribute: object) -> Iterator[Data]:
    if isinstance(attribute, Data):
        yield attribute
    elif isinstance(attribute, tuple):
        yield from (item for item in attribute if isinstance(item, Data))


def _constant(data: Data, slots: dict[int, int], constants: set[int]) -> bool:
    """Note every Data without a slot inside; tell whether this one is such."""
    if id(data) in slots:
        return False
    inner: tuple[Data, ...] = ()
    if data.tag in {Tag.ARRAY, Tag.STRUCTURE}:
        inner = data.value
    elif data.tag == Tag.COMPACT_ARRAY:
        inner = data.value.items
    fixed = all([_constant(item, slots, constants) for item in inner])  # noqa: C419  all of them are looked at
    if fixed:
        constants.add(id(data))
    return fixed
