"""Lists without codes, explained column by column by a dialect's layout."""

from __future__ import annotations

from collections.abc import Sequence

from ami_dlms.axdr import Data, Tag
from ami_normalize.dialects import Dialect, Dialects, Layout
from ami_normalize.model import Entry
from ami_normalize.shapes import objects


def entries(items: Sequence[Data], dialects: Dialects, *, tagged_time: bool) -> tuple[Dialect, list[Entry]] | None:
    """Return the dialect whose layout fits and the objects it names, or None if no layout fits."""
    found = dialects.layout(items, tagged_time=tagged_time)
    if found is None:
        return None
    dialect, layout = found
    return dialect, [*_clock(items, layout), *_columns(items, layout)]


def _columns(items: Sequence[Data], layout: Layout) -> list[Entry]:
    return [
        Entry(column.obis, item, column.scaler_unit, number=_is_number(column.type, item) or column.number)
        for column, item in zip(layout.columns, items, strict=True)
        if column.obis
    ]


def _is_number(kind: str, item: Data) -> bool:
    """Tell whether an octet-string stands for a number: an empty one is a null."""
    return kind == "number" and item.tag == Tag.OCTET_STRING


def _clock(items: Sequence[Data], layout: Layout) -> list[Entry]:
    """Join date and time that stand in columns of their own."""
    parts = {column.part: item.value for column, item in zip(layout.columns, items, strict=True) if column.part}
    date, time = parts.get("date"), parts.get("time")
    if not (isinstance(date, bytes) and isinstance(time, bytes)):
        return []
    octets = date + time + b"\x80\x00\xff"  # no deviation, clock status not stated
    return [Entry(objects.CLOCK, Data(Tag.OCTET_STRING, octets))]
