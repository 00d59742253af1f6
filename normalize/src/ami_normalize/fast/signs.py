"""What a string can steer: whether interpretation sees an OBIS code, a date-time, a text, and which known beginnings.

Numbers steer nothing but themselves. Strings do: a list is explained by codes, times and texts in it, and a dialect is
known by how texts begin. The sign of a string is all that interpretation can learn from it beside its value, as a small
number: messages of one shape whose strings have the same signs are interpreted alike.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, TypeVar

from ami_dlms.axdr import Data, Tag
from ami_normalize.dialects import Dialects
from ami_normalize.fast.clocks import Clock
from ami_normalize.mapping.dialect import flag_of
from ami_normalize.shapes import lists, objects

UNSAFE: Final = -1
"""The sign of a string that is an OBIS code: what it names depends on its value, so no plan holds for others."""
CLOCK: Final = -2
"""The sign of a date-time."""
_MOST_KEPT: Final = 65_536
DATE_TIME: Final = 12
DATED: Final = frozenset({Tag.OCTET_STRING, Tag.DATE_TIME})
_FLAG: Final = 3
_SOMEBODY: Final = "-"

_Text = TypeVar("_Text", str, bytes)

STRINGS: Final = frozenset({Tag.OCTET_STRING, Tag.VISIBLE_STRING, Tag.UTF8_STRING, Tag.DATE_TIME})


class Signs:
    """The signs of strings and of system titles, for the dialects in force."""

    def __init__(self, dialects: Dialects, clock: Clock) -> None:
        """Collect all beginnings that some dialect asks for; `clock` reads date-times, whatever their zone."""
        conditions = [condition for dialect in dialects.in_order for condition in dialect.match]
        columns = [column for dialect in dialects.in_order for layout in dialect.layouts for column in layout.columns]
        self._texts = _distinct(
            text for condition in conditions for text in (condition.list_version, condition.logical_device_name)
        )
        self._starts = _distinct(column.starts for column in columns)
        self._titles = _distinct(condition.system_title for condition in conditions)
        self._begins = frozenset(begin[0] for begin in self._titles)
        """First octets of the titles asked for: hardly any other title needs a look at them."""
        self._flags = frozenset(condition.flag for condition in conditions if condition.flag)
        self._clock = clock
        self._makers: dict[bytes, str] = {}
        self._numbers: dict[tuple[object, ...], int] = {}
        self._kept: dict[tuple[int, bytes | str], int] = {}

    def of(self, tag: int, value: bytes | str) -> int:
        """Return the sign of a string with its tag."""
        if len(value) == DATE_TIME and tag in DATED and self._clock.read(value) is not None:  # type: ignore[arg-type]
            return CLOCK
        key = (tag, value)
        known = self._kept.get(key)
        if known is not None:
            return known
        if len(self._kept) >= _MOST_KEPT:
            self._kept.clear()
        sign = self._kept[key] = self._sign(Data(tag, value))
        return sign

    def of_column(self, tag: int, values: Sequence[bytes]) -> object:
        """Return the signs of strings of twelve octets, one a row: a single one where all are a profile's stamps."""
        if self._clock.series(values)[0] is not None:
            return CLOCK
        signs = tuple([self.of(tag, value) for value in values])
        return UNSAFE if UNSAFE in signs else signs

    def of_title(self, title: bytes) -> object:
        """Return what dialects can see of a system title."""
        if title[0] in self._begins:
            begun = tuple([begin for begin in self._titles if title.startswith(begin)])
            if begun:
                return self._maker(title), begun
        return self._makers.get(title[:_FLAG]) or self._maker(title)

    def _maker(self, title: bytes) -> str:
        """Return the three letters of a maker, if some dialect asks for them; else that there is a title."""
        flag = flag_of(title)
        if len(self._makers) >= _MOST_KEPT:
            self._makers.clear()
        maker = self._makers[title[:_FLAG]] = flag if flag in self._flags else _SOMEBODY
        return maker

    def _sign(self, data: Data) -> int:
        """Give what can be seen of a string a number."""
        if lists.obis(data) is not None:
            return UNSAFE
        text = objects.text(data)
        raw = data.value.decode("latin-1") if isinstance(data.value, bytes) else str(data.value)
        seen = (
            text is not None,
            bool(text),
            tuple(begin for begin in self._texts if (text or "").startswith(begin)),
            tuple(begin for begin in self._starts if raw.startswith(begin)),
        )
        return self._numbers.setdefault(seen, len(self._numbers))


def _distinct(beginnings: Iterable[_Text]) -> tuple[_Text, ...]:
    return tuple(dict.fromkeys(begin for begin in beginnings if begin))
