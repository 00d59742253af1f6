"""Lists without codes, explained column by column by a dialect's layout."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ami_dlms import axdr
from ami_dlms.axdr import Data, Tag
from ami_normalize.dialects import Dialect, Layout
from ami_normalize.mapping.dialect import Column
from ami_normalize.model import Entry, ScalerUnit
from ami_normalize.shapes import lists, objects


class Explained(NamedTuple):
    """The objects a layout names, and whose layout it is."""

    dialect: Dialect
    layout: Layout
    entries: list[Entry]


def explained(items: Sequence[Data], dialects: Sequence[Dialect], *, tagged_time: bool, size: int) -> Explained | None:
    """Return the objects of a list by the first layout that fits, or None if none does.

    `size` is how many elements the list says it has: one that ends early is explained as far as it goes.
    """
    for dialect in dialects:
        for layout in dialect.layouts:
            if layout.fits(items, tagged_time=tagged_time, size=size):
                there = layout._replace(columns=layout.columns[: len(items)])
                return Explained(dialect, there, [*_clock(items, there), *_columns(items, there)])
    return None


def _columns(items: Sequence[Data], layout: Layout) -> list[Entry]:
    return [
        Entry(
            column.obis,
            axdr.NULL if column.no_value and item.value in column.no_value and item.tag in objects.INTEGERS else item,
            _stated(items, layout, index) or column.scaler_unit,
            number=_is_number(column, item),
        )
        for index, (column, item) in enumerate(zip(layout.columns, items, strict=True))
        if column.obis
    ]


def _stated(items: Sequence[Data], layout: Layout, index: int) -> ScalerUnit | None:
    """Return scaler and unit that stand behind a number, where the layout says they do."""
    following = layout.columns[index + 1 : index + 2]
    return lists.scaler_unit(items[index + 1]) if following and following[0].type == "scaler-unit" else None


def _is_number(column: Column, item: Data) -> bool:
    """Tell whether an octet-string stands for a number: an empty one is a null."""
    return (column.type == "number" or column.number) and item.tag == Tag.OCTET_STRING


def _clock(items: Sequence[Data], layout: Layout) -> list[Entry]:
    """Join date and time that stand in columns of their own."""
    parts = {column.part: item.value for column, item in zip(layout.columns, items, strict=True) if column.part}
    date, time = parts.get("date"), parts.get("time")
    if not (isinstance(date, bytes) and isinstance(time, bytes)):
        return []
    octets = date + time + b"\x80\x00\xff"  # no deviation, clock status not stated
    return [Entry(objects.CLOCK, Data(Tag.OCTET_STRING, octets))]
