"""What a string can steer: whether interpretation sees an OBIS code, a date-time, a text, and which known beginnings.

Numbers steer nothing but themselves. Strings do: a list is explained by codes, times and texts in it, and a dialect is
known by how texts begin. The sign of a string is all that interpretation can learn from it beside its value, as a small
number: messages of one shape whose strings have the same signs are interpreted alike.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, TypeVar

from ami_dlms.axdr import Data, Tag
from ami_normalize.dialects import Dialects
from ami_normalize.instants import from_octets
from ami_normalize.mapping.dialect import flag_of
from ami_normalize.shapes import lists, objects

UNSAFE: Final = -1
"""The sign of a string that is an OBIS code: what it names depends on its value, so no plan holds for others."""
_MOST_KEPT: Final = 65_536

_Text = TypeVar("_Text", str, bytes)

STRINGS: Final = frozenset({Tag.OCTET_STRING, Tag.VISIBLE_STRING, Tag.UTF8_STRING, Tag.DATE_TIME})


class Signs:
    """The signs of strings and of system titles, for the dialects in force."""

    def __init__(self, dialects: Dialects) -> None:
        """Collect all beginnings that some dialect asks for."""
        conditions = [condition for dialect in dialects.in_order for condition in dialect.match]
        columns = [column for dialect in dialects.in_order for layout in dialect.layouts for column in layout.columns]
        self._texts = _distinct(
            text for condition in conditions for text in (condition.list_version, condition.logical_device_name)
        )
        self._starts = _distinct(column.starts for column in columns)
        self._titles = _distinct(condition.system_title for condition in conditions)
        self._flags = frozenset(condition.flag for condition in conditions if condition.flag)
        self._numbers: dict[tuple[object, ...], int] = {}
        self._kept: dict[tuple[int, bytes | str], int] = {}

    def of(self, tag: int, value: bytes | str) -> int:
        """Return the sign of a string with its tag."""
        key = (tag, value)
        try:
            return self._kept[key]
        except KeyError:
            pass
        if len(self._kept) >= _MOST_KEPT:
            self._kept.clear()
        sign = self._kept[key] = self._sign(Data(tag, value))
        return sign

    def of_title(self, title: bytes) -> object:
        """Return what dialects can see of a system title."""
        if not title:
            return None
        flag = flag_of(title)
        begun = tuple(begin for begin in self._titles if title.startswith(begin)) if self._titles else ()
        return (flag if flag in self._flags else "", begun) if begun or flag in self._flags else ""

    def _sign(self, data: Data) -> int:
        if lists.obis(data) is not None:
            return UNSAFE
        text = objects.text(data)
        clock = data.tag in {Tag.OCTET_STRING, Tag.DATE_TIME} and from_octets(data.value) is not None
        raw = data.value.decode("latin-1") if isinstance(data.value, bytes) else str(data.value)
        seen = (
            clock,
            text is not None,
            bool(text),
            tuple(begin for begin in self._texts if (text or "").startswith(begin)),
            tuple(begin for begin in self._starts if raw.startswith(begin)),
        )
        return self._numbers.setdefault(seen, len(self._numbers))


def _distinct(beginnings: Iterable[_Text]) -> tuple[_Text, ...]:
    return tuple(dict.fromkeys(begin for begin in beginnings if begin))
