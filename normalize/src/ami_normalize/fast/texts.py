"""Values of any length as fields of a Reading: texts, octets, clocks, numbers in octet-strings. Each is made once."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from ami.readings.v1 import meter_readings_pb2 as pb
from ami_dlms.axdr import Data, Tag
from ami_normalize.dialects import NO_DIALECT, Dialect
from ami_normalize.fast.clocks import Clock
from ami_normalize.model import Entry
from ami_normalize.numbers import Value
from ami_normalize.pipeline.encode import put_value
from ami_normalize.shapes import objects

_MOST_KEPT: Final = 32_768
_CLOCK, _OTHER = objects.CLOCK, "0.0.96.1.0.255"
_SHORT: Final = 0x80
_CLOCK_FIELDS: Final = [b"\x62" + bytes((length,)) for length in range(_SHORT)]
_new: Final = tuple.__new__
_INVERTED: Final = Dialect("", deviation_inverted=True)


class TextKind(NamedTuple):
    """What the text of a value depends on beside its content."""

    tag: int
    is_clock: bool
    """Its code is the clock's."""
    is_number: bool
    """An octet-string that is a number, by its dialect."""
    inverted: bool
    """The dialect inverts the sign of the deviation."""


class Text(NamedTuple):
    """A value as it is written."""

    field: bytes
    """The field of the value with its tag; empty where there is no value."""
    value: Value


class Texts:
    """Writes the values of one kind."""

    def __init__(self, kind: TextKind, clock: Clock) -> None:
        """Write values of a kind; `clock` reads the times of the same dialect."""
        self._kind = kind
        dated = kind.is_clock and not kind.is_number and kind.tag in {Tag.OCTET_STRING, Tag.DATE_TIME}
        self._clock = clock if dated else None
        self._kept: dict[Any, Text] = {}

    def of(self, content: Any) -> Text:
        """Return the value of a content, as the generic pipeline gives it."""
        if self._clock is not None:
            clocked = self._clocked(content, self._clock)
            if clocked is not None:
                return clocked
        known = self._kept.get(content)
        if known is not None:
            return known
        if len(self._kept) >= _MOST_KEPT:
            self._kept.clear()
        text = self._kept[content] = self._made(content)
        return text

    @staticmethod
    def _clocked(content: Any, clock: Clock) -> Text | None:
        """Write a clock's time without building an instant; hardly any is met twice."""
        shown = clock.text(content)
        if shown is None or len(shown) >= _SHORT:
            return None
        return _new(Text, (_CLOCK_FIELDS[len(shown)] + shown.encode(), shown))

    def _made(self, content: Any) -> Text:
        kind = self._kind
        code = _CLOCK if kind.is_clock else _OTHER
        entry = Entry(code, Data(kind.tag, content), number=kind.is_number)
        value, _ = objects.value_of(entry, None, _INVERTED if kind.inverted else NO_DIALECT)
        message = pb.Reading()
        put_value(message, value)
        return Text(message.SerializeToString(), value)
