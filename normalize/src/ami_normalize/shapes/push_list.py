"""Bodies that begin with their push object list (Blue Book, Push setup, attribute 2), then the values in its order."""

from __future__ import annotations

from collections.abc import Sequence

from ami_dlms.axdr import Data, Tag
from ami_normalize.model import Entry
from ami_normalize.shapes import lists

_PUSH_SETUP = 40
_PUSH_OBJECT_LIST = 2


def entries(items: Sequence[Data], *, partial: bool = False) -> list[Entry] | None:
    """Pair values with the list in front, or None if there is no such list.

    The list may name itself first, as the standard has it, or not. With `partial`, values may be missing at the end.
    """
    if not items or items[0].tag != Tag.ARRAY or not items[0].value:
        return None
    targets = []
    for row in items[0].value:
        target = lists.attribute(row.value) if row.tag == Tag.STRUCTURE and len(row.value) >= 4 else None
        if target is None:
            return None
        targets.append(target)
    if targets[0][0] == _PUSH_SETUP and targets[0][2] == _PUSH_OBJECT_LIST:
        targets = targets[1:]
    values = items[1:]
    if len(values) > len(targets) or (len(values) < len(targets) and not partial):
        return None
    return [
        lists.valued(code, value)._replace(class_id=class_id, attribute=index)
        for (class_id, code, index), value in zip(targets, values)  # noqa: B905  a partial message has fewer values
    ]
