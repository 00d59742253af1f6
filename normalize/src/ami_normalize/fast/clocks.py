"""Meter times read quickly: the usual date-time by arithmetic, everything else as `ami_normalize.instants` reads it.

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
_UNSPECIFIED: Final = -0x8000
_UNSTATED, _FLAGS = 0xFF, 0x03
_MINUTE: Final = 60_000_000
_MOST_DEVIATION: Final = 14 * 60
_PLACED: Final = frozenset({Origin.CONFIGURED_ZONE, Origin.DEFAULT_ZONE})
"""Origins of times that state no deviation."""
_SIGNS: Final = frozenset({"+", "-"})
_MOST_KEPT: Final = 16_384
_UNKNOWN: Final[Moment] = (0, -1)
"""What stands for nothing kept."""
_MOST_SERIES: Final = 512


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
        self._days: dict[tuple[int, int, int], int | None] = {}
        self._minutes: dict[int, Moment | None] = {}
        self._offsets: dict[int, str] = {}
        """By deviation, of which there are 65,536."""
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
        if known is not _UNKNOWN:
            return known
        if len(self._kept) >= _MOST_KEPT:
            self._kept.clear()
        moment = self._kept[octets] = self._read(octets)
        return moment

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
        moments: list[Moment | None] = self._usual_moments(joined) or [self.read(stamp) for stamp in stamps]
        first, second = moments[:2]
        if first is None or second is None or second[0] <= first[0]:
            return None, 0
        step = second[0] - first[0]
        begin, kind = first
        expected = zip(range(begin, begin + step * len(moments), step), repeat(kind))
        return (first, step) if all(map(eq, moments, expected)) else (None, 0)

    def _usual_moments(self, joined: bytes) -> list[Moment | None] | None:
        """Read date-times that all state the same deviation; None where one is unusual."""
        days = self._days
        moments: list[Moment | None] = []
        stated = self.stated
        for year, month, day, _, hour, minute, second, hundredths, deviation, status in _DATE_TIME.iter_unpack(joined):
            number = days.get((year, month, day)) or self._day(year, month, day)
            if (
                number is None
                or hour > 23
                or minute > 59
                or second > 59
                or hundredths > 99
                or (status & _FLAGS and status != _UNSTATED)
                or not -_MOST_DEVIATION <= deviation <= _MOST_DEVIATION
            ):
                return None
            minutes = (number * 24 + hour) * 60 + minute + (-deviation if self._inverted else deviation)
            moments.append((minutes * _MINUTE + second * 1_000_000 + hundredths * 10_000, stated))
        return moments

    def text(self, octets: bytes) -> str | None:
        """Return what the clock showed, as `Instant.iso_local` writes it; None of what names no moment."""
        if self.read(octets) is None:
            return None
        year, month, day, _, hour, minute, second, hundredths, deviation, _ = _DATE_TIME.unpack(octets)
        if hour > 23 or minute > 59 or second > 59 or hundredths > 99:
            instant = from_octets(octets, inverted=self._inverted)
            return instant.iso_local() if instant else None
        text = f"{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}"
        if hundredths:
            text += f".{hundredths:02}0000"
        offset = self._offsets.get(deviation)
        return text + (self._offset(deviation) if offset is None else offset)

    def _offset(self, deviation: int) -> str:
        """Write the offset that a deviation comes to; nothing for one that no place on earth has."""
        offset = ""
        if -_MOST_DEVIATION <= deviation <= _MOST_DEVIATION:
            ahead = deviation if self._inverted else -deviation
            hours, minutes = divmod(abs(ahead), 60)
            offset = f"{'-' if ahead < 0 else '+'}{hours:02}:{minutes:02}"
        self._offsets[deviation] = offset
        return offset

    def completes(self, stated: bytes, local: bytes) -> bool:
        """Tell whether one date-time is another's local time, with the deviation that this leaves out."""
        known, placed = self.read(stated), self.read(local)
        if known is None or placed is None or self.kinds[placed[1]].origin not in _PLACED:
            return False
        if self.kinds[known[1]].origin in _PLACED:
            return False
        showed, with_offset = self.text(local) or "", self.text(stated) or ""
        return with_offset.startswith(showed) and with_offset[len(showed) :][:1] in _SIGNS

    def _read(self, octets: bytes) -> Moment | None:
        if len(octets) != _DATE_TIME.size:
            return None
        year, month, day, _, hour, minute, second, hundredths, deviation, status = _DATE_TIME.unpack(octets)
        number = self._day(year, month, day)
        if (
            number is not None
            and hour < 24
            and minute < 60
            and second < 60
            and hundredths < 100
            and (status == _UNSTATED or not status & _FLAGS)
        ):
            minutes = (number * 24 + hour) * 60 + minute
            if -_MOST_DEVIATION <= deviation <= _MOST_DEVIATION:
                minutes += -deviation if self._inverted else deviation
                return minutes * _MINUTE + second * 1_000_000 + hundredths * 10_000, self.stated
            if deviation == _UNSPECIFIED:
                begin = self._minute(minutes, octets)
                if begin is not None:
                    return begin[0] + second * 1_000_000 + hundredths * 10_000, begin[1]
        return self._placed(octets)

    def _placed(self, octets: bytes) -> Moment | None:
        instant = from_octets(octets, inverted=self._inverted)
        if instant is None:
            return None
        placed = instant.placed(self._zone, configured=self._configured)
        return placed.micros(), self._number(Kind(placed.origin or Origin.RECEPTION, placed.quality))

    def _day(self, year: int, month: int, day: int) -> int | None:
        """Return the days since 1970; None where there is no such day, or none that `from_octets` takes."""
        key = (year, month, day)
        try:
            return self._days[key]
        except KeyError:
            pass
        try:
            number: int | None = date(year, month, day).toordinal() - _EPOCH
        except ValueError:
            number = None
        if not 1970 <= year <= 2261:
            number = None
        if len(self._days) >= _MOST_KEPT:
            self._days.clear()
        self._days[key] = number
        return number

    def _minute(self, minutes: int, octets: bytes) -> Moment | None:
        """Place the begin of a local minute; None where it exists twice, not at all, or the offset changes in it."""
        try:
            return self._minutes[minutes]
        except KeyError:
            pass
        if len(self._minutes) >= _MOST_KEPT:
            self._minutes.clear()
        begin, end = (self._placed(octets[:7] + bytes((second, 0)) + octets[9:]) for second in (0, 59))
        other_status = [self._placed(octets[:7] + b"\x00\x00" + octets[9:11] + status) for status in (b"\x00", b"\x80")]
        plain = (
            begin is not None
            and end is not None
            and end == (begin[0] + 59_000_000, begin[1])
            and other_status == [begin, begin]
        )
        self._minutes[minutes] = begin if plain else None
        return self._minutes[minutes]

    def _number(self, kind: Kind) -> int:
        number = self._numbers.setdefault(kind, len(self._numbers))
        if number == len(self.kinds):
            self.kinds.append(kind)
            assumed = kind.origin is Origin.DEFAULT_ZONE
            self.tolerances.append(ZONE_TOLERANCE_US if assumed else TIME_TOLERANCE_US)
        return number
