"""Meter times read quickly: hours once, as `ami_normalize.instants` reads them, and the rest by arithmetic.

A moment is `(micros, kind)`: microseconds since 1970 in UTC, and a small number that stands for how it was known and
what is doubtful about it (`Clock.kinds`). Messages of one kind differ in nothing but the number.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from datetime import date
from itertools import repeat
from operator import eq
from typing import Final, NamedTuple

from ami_normalize.instants import Origin, from_octets
from ami_normalize.plausibility import TIME_TOLERANCE_US, ZONE_TOLERANCE_US
from ami_normalize.quality import Quality

Moment = tuple[int, int]

_DATE_TIME: Final = struct.Struct(">HBBBBBBBhB")
_EPOCH: Final = date(1970, 1, 1).toordinal()
_YEARS: Final = (1970, 2261)
"""The first and the last that `from_octets` takes."""
_UNSTATED, _FLAGS = 0xFF, 0x03
_SECOND: Final = 1_000_000
_MINUTE_AT, _SECOND_AT, _HUNDREDTHS_AT = 6, 7, 8
_SHOWN: Final = len("2026-01-01T00:")
_WITH_SECOND: Final = len("2026-01-01T00:00:00")
_MOST_DEVIATION: Final = 14 * 60
_PLACED: Final = frozenset({Origin.CONFIGURED_ZONE, Origin.DEFAULT_ZONE})
"""Origins of times that state no deviation."""
_SIGNS: Final = frozenset({"+", "-"})
_MOST_KEPT: Final = 16_384
_NOT_KEPT: Final = -1
_UNKNOWN: Final[Moment] = (0, _NOT_KEPT)
"""What stands for nothing kept."""
_CHANGES: Final = -2
_UNEVEN: Final[Moment] = (0, _CHANGES)
"""What stands for an hour in which the offset changes. Told by its kind: compiled, a tuple has no identity."""
_MOST_SERIES: Final = 512
_TWO_DIGITS: Final = [f"{number:02}" for number in range(60)]


class Kind(NamedTuple):
    """How an instant was known."""

    origin: Origin
    quality: tuple[Quality, ...]


class Clock:
    """Reads the date-times of meters that share a zone and a sign of the deviation."""

    def __init__(self, zone: str, *, configured: bool, inverted: bool) -> None:
        """Place local times in `zone`; see `Instant.placed`."""
        self._zone = zone
        self._configured = configured
        self._inverted = inverted
        self._kept: dict[bytes, Moment | None] = {}
        """By date-time: meters of a fleet send at the same times."""
        self._hours: dict[bytes, Moment | None] = {}
        """By `_hour_of` a date-time: where the hour begins; None of what names no moment."""
        self._shown: dict[bytes, tuple[str, str]] = {}
        """By the same: what the clock showed in front of minute and second, and behind them."""
        self._series: dict[bytes, tuple[Moment | None, int]] = {}
        self._numbers: dict[Kind, int] = {}
        self.kinds: list[Kind] = []
        """By number."""
        self.tolerances: list[int] = []
        """By number of a kind: how far such a time may lie after its reception, in microseconds."""
        self.stated = self._number(Kind(Origin.DEVIATION_INVERTED if inverted else Origin.DEVIATION, ()))

    def read(self, octets: bytes) -> Moment | None:
        """Read a date-time of twelve octets; None of what names no moment."""
        known = self._kept.get(octets, _UNKNOWN)
        if known is None or known[1] != _NOT_KEPT:
            return known
        if len(self._kept) >= _MOST_KEPT:
            self._kept.clear()
        moment = self._kept[octets] = self._read(octets)
        return moment

    def _read(self, octets: bytes) -> Moment | None:
        hour = self._hours.get(_hour_of(octets), _UNKNOWN)
        if hour is not None and hour[1] == _NOT_KEPT:
            hour = self._hour(octets)
        if hour is None:
            return None
        minute, second = octets[_MINUTE_AT], octets[_SECOND_AT]
        if minute < 60 and second < 60 and hour[1] != _CHANGES:
            return hour[0] + (minute * 60 + second) * _SECOND, hour[1]
        return self._placed(octets)

    def series(self, stamps: Sequence[bytes]) -> tuple[Moment | None, int]:
        """Read stamps at equal distances: the first, and the distance in microseconds; None where they are not such."""
        joined = b"".join(stamps)
        try:
            return self._series[joined]
        except KeyError:
            pass
        if len(self._series) >= _MOST_SERIES:
            self._series.clear()
        series = self._series[joined] = self._distance(stamps, joined)
        return series

    def _distance(self, stamps: Sequence[bytes], joined: bytes) -> tuple[Moment | None, int]:
        if len(joined) != len(stamps) * _DATE_TIME.size or len(stamps) < 2:
            return None, 0
        moments = [self.read(stamp) for stamp in stamps]
        first, second = moments[:2]
        if first is None or second is None or second[0] <= first[0]:
            return None, 0
        step = second[0] - first[0]
        begin, kind = first
        expected = zip(range(begin, begin + step * len(moments), step), repeat(kind))
        return (first, step) if all(map(eq, moments, expected)) else (None, 0)

    def text(self, octets: bytes) -> str | None:
        """Return what the clock showed, as `Instant.iso_local` writes it; None of what names no moment."""
        around = self._shown.get(_hour_of(octets))
        if around is None:
            if self.read(octets) is None:
                return None
            around = self._show(octets)
        minute, second = octets[_MINUTE_AT], octets[_SECOND_AT]
        if minute < 60 and second < 60:
            return f"{around[0]}{_TWO_DIGITS[minute]}:{_TWO_DIGITS[second]}{around[1]}"
        instant = from_octets(octets, inverted=self._inverted)
        return instant.iso_local() if instant else None

    def completes(self, stated: bytes, local: bytes) -> bool:
        """Tell whether one date-time is another's local time, with the deviation that this leaves out."""
        known, placed = self.read(stated), self.read(local)
        if known is None or placed is None or self.kinds[placed[1]].origin not in _PLACED:
            return False
        if self.kinds[known[1]].origin in _PLACED:
            return False
        showed, with_offset = self.text(local) or "", self.text(stated) or ""
        return with_offset.startswith(showed) and with_offset[len(showed) :][:1] in _SIGNS

    def _hour(self, octets: bytes) -> Moment | None:
        """Return where the hour of a date-time begins; None where its moments have none."""
        begin = _at(octets, 0, 0)
        hour = self._stated(begin)
        if hour is None:
            first, last = self._placed(begin), self._placed(_at(octets, 59, 59))
            even = first and last == (first[0] + 3599 * _SECOND, first[1])
            hour = first if even or (first is None and last is None) else _UNEVEN
        if len(self._hours) >= _MOST_KEPT:
            self._hours.clear()
        self._hours[_hour_of(octets)] = hour
        return hour

    def _stated(self, octets: bytes) -> Moment | None:
        """Read the begin of an hour that states its deviation and that nothing is doubtful of; None of others."""
        if len(octets) != _DATE_TIME.size:
            return None
        year, month, day, _, hour, _, _, hundredths, deviation, status = _DATE_TIME.unpack(octets)
        if (
            not _YEARS[0] <= year <= _YEARS[1]
            or hour > 23
            or hundredths > 99
            or (status & _FLAGS and status != _UNSTATED)
            or not -_MOST_DEVIATION <= deviation <= _MOST_DEVIATION
        ):
            return None
        try:
            days = date(year, month, day).toordinal() - _EPOCH
        except ValueError:
            return None
        minutes = (days * 24 + hour) * 60 + (-deviation if self._inverted else deviation)
        return minutes * 60 * _SECOND + hundredths * 10_000, self.stated

    def _placed(self, octets: bytes) -> Moment | None:
        instant = from_octets(octets, inverted=self._inverted)
        if instant is None:
            return None
        placed = instant.placed(self._zone, configured=self._configured)
        return placed.micros(), self._number(Kind(placed.origin or Origin.RECEPTION, placed.quality))

    def _show(self, octets: bytes) -> tuple[str, str]:
        """Return what the clock showed around minute and second, of what names a moment."""
        instant = from_octets(_at(octets, 0, 0), inverted=self._inverted)
        text = instant.iso_local() if instant else ""
        if len(self._shown) >= _MOST_KEPT:
            self._shown.clear()
        shown = self._shown[_hour_of(octets)] = text[:_SHOWN], text[_WITH_SECOND:]
        return shown

    def _number(self, kind: Kind) -> int:
        number = self._numbers.setdefault(kind, len(self._numbers))
        if number == len(self.kinds):
            self.kinds.append(kind)
            assumed = kind.origin is Origin.DEFAULT_ZONE
            self.tolerances.append(ZONE_TOLERANCE_US if assumed else TIME_TOLERANCE_US)
        return number


def _hour_of(octets: bytes) -> bytes:
    """Return everything of a date-time but minute and second."""
    return octets[:_MINUTE_AT] + octets[_HUNDREDTHS_AT:]


def _at(octets: bytes, minute: int, second: int) -> bytes:
    """Return a date-time at another minute and second of its hour."""
    return octets[:_MINUTE_AT] + bytes((minute, second)) + octets[_HUNDREDTHS_AT:]
