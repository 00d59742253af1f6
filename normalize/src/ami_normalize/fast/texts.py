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


class Texts:
    """Writes the values of one kind."""

    def __init__(self, kind: TextKind, clock: Clock) -> None:
        """Write values of a kind; `clock` reads the times of the same dialect."""
        self._kind = kind
        dated = kind.is_clock and not kind.is_number and kind.tag in {Tag.OCTET_STRING, Tag.DATE_TIME}
        self._clock = clock if dated else None
        self._kept: dict[Any, tuple[bytes, Value]] = {}
        """The field and the value of a content."""

    def field(self, content: Any) -> bytes:
        """Return the field of the value of a content, with its tag; empty where there is no value."""
        if self._clock is not None:  # hardly any is met twice
            shown = self._clock.text(content)
            if shown is not None and len(shown) < _SHORT:
                return _CLOCK_FIELDS[len(shown)] + shown.encode()
        return (self._kept.get(content) or self._keep(content))[0]

    def value(self, content: Any) -> Value:
        """Return the value of a content, as the generic pipeline gives it."""
        return (self._kept.get(content) or self._keep(content))[1]

    def _keep(self, content: Any) -> tuple[bytes, Value]:
        if len(self._kept) >= _MOST_KEPT:
            self._kept.clear()
        made = self._kept[content] = self._made(content)
        return made

    def _made(self, content: Any) -> tuple[bytes, Value]:
        kind = self._kind
        code = _CLOCK if kind.is_clock else _OTHER
        entry = Entry(code, Data(kind.tag, content), number=kind.is_number)
        value, _ = objects.value_of(entry, None, _INVERTED if kind.inverted else NO_DIALECT)
        message = pb.Reading()
        put_value(message, value)
        return message.SerializeToString(), value
