"""Date and time as COSEM writes them (Blue Book clause 4.1.6.1).

    year(2) month day day-of-week hour minute second hundredths deviation(2) clock-status

An octet of FF (year FFFF) is a wildcard. The deviation is minutes from local time to UTC (UTC = local + deviation;
Central European Time is -60), 8000 unspecified; it includes daylight saving. Some makers invert its sign.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from enum import IntFlag
from typing import Final

from ami_dlms.errors import DataMalformed, UsageError

_DATE_TIME: Final = struct.Struct(">HBBBBBBBhB")
_UNSPECIFIED: Final = -0x8000


class ClockStatus(IntFlag):
    """Bits of the clock status."""

    INVALID = 0x01
    DOUBTFUL = 0x02
    DIFFERENT_BASE = 0x04
    INVALID_STATUS = 0x08
    DAYLIGHT_SAVING = 0x80


@dataclass(frozen=True)
class CosemDateTime:
    """A date-time; None is a wildcard or unspecified."""

    year: int | None
    month: int | None
    day: int | None
    day_of_week: int | None
    hour: int | None
    minute: int | None
    second: int | None
    hundredths: int | None
    deviation: int | None
    """Minutes from local time to UTC."""
    status: int | None
    """Clock status bits, see ClockStatus."""

    @classmethod
    def from_bytes(cls, octets: bytes) -> CosemDateTime:
        """Read twelve octets. Raises DataMalformed where the length is another."""
        if len(octets) != _DATE_TIME.size:
            raise DataMalformed(f"a date-time has 12 octets, not {len(octets)}")
        year, *fields, deviation, status = _DATE_TIME.unpack(octets)
        month, day, weekday, hour, minute, second, hundredths = (None if field == 0xFF else field for field in fields)
        return cls(
            None if year == 0xFFFF else year,
            month,
            day,
            weekday,
            hour,
            minute,
            second,
            hundredths,
            None if deviation == _UNSPECIFIED else deviation,
            None if status == 0xFF else status,
        )

    @classmethod
    def from_datetime(cls, moment: datetime, status: int | None = 0) -> CosemDateTime:
        """Make one from an aware datetime, keeping its offset; from a naive one with the deviation unspecified."""
        offset = moment.utcoffset()
        return cls(
            moment.year,
            moment.month,
            moment.day,
            moment.isoweekday(),
            moment.hour,
            moment.minute,
            moment.second,
            moment.microsecond // 10_000,
            None if offset is None else -round(offset.total_seconds() / 60),
            status,
        )

    def to_bytes(self) -> bytes:
        """Write twelve octets."""
        parts = (self.month, self.day, self.day_of_week, self.hour, self.minute, self.second, self.hundredths)
        try:
            return _DATE_TIME.pack(
                0xFFFF if self.year is None else self.year,
                *(0xFF if part is None else part for part in parts),
                _UNSPECIFIED if self.deviation is None else self.deviation,
                0xFF if self.status is None else self.status,
            )
        except struct.error as error:
            raise UsageError(f"a field of a date-time does not fit its octets: {error}") from None

    def local(self) -> datetime | None:
        """Return the local time without offset; None where date, hour or minute is open or no such time exists."""
        if None in (self.year, self.month, self.day, self.hour, self.minute):
            return None
        try:
            return datetime(  # noqa: DTZ001  local time: its offset is the caller's business
                self.year or 0,
                self.month or 0,
                self.day or 0,
                self.hour or 0,
                self.minute or 0,
                self.second or 0,
                (self.hundredths or 0) * 10_000,
            )
        except ValueError:
            return None

    def utc(self, *, inverted: bool = False) -> datetime | None:
        """Return the instant; None without a deviation or a complete local time. `inverted`: the maker's sign."""
        local = self.local()
        if local is None or self.deviation is None:
            return None
        shift = timedelta(minutes=-self.deviation if inverted else self.deviation)
        try:
            return (local + shift).replace(tzinfo=timezone.utc)
        except OverflowError:
            return None

    @property
    def daylight_saving(self) -> bool | None:
        """Whether daylight saving is in force; None where the status is unspecified."""
        return None if self.status is None else bool(self.status & ClockStatus.DAYLIGHT_SAVING)


def date_from_bytes(octets: bytes) -> CosemDateTime:
    """Read a five-octet date: year(2) month day day-of-week; the time is left open."""
    if len(octets) != 5:
        raise DataMalformed(f"a date has 5 octets, not {len(octets)}")
    return CosemDateTime.from_bytes(octets + b"\xff\xff\xff\xff\x80\x00\xff")


def time_from_bytes(octets: bytes) -> CosemDateTime:
    """Read a four-octet time: hour minute second hundredths; the date is left open."""
    if len(octets) != 4:
        raise DataMalformed(f"a time has 4 octets, not {len(octets)}")
    return CosemDateTime.from_bytes(b"\xff\xff\xff\xff\xff" + octets + b"\x80\x00\xff")
