"""A meter's own time: what its clock shows, and how instants become the stamps it understands.

Meters compare a requested range with their rows in their own local time, whatever the sign or absence of their
deviation. So instants are written to a meter exactly as its clock would show them: its offset is measured against our
clock, and its deviation echoed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from typing import Final
from zoneinfo import ZoneInfo

from ami_dlms.cosem_time import ClockStatus, CosemDateTime

_QUARTER: Final = timedelta(minutes=15)
_DRIFT: Final = timedelta(minutes=5)
_FARTHEST: Final = timedelta(hours=14)


@dataclass(frozen=True, slots=True)
class MeterTime:
    """How a meter's local time relates to UTC."""

    now: datetime
    """The instant at which the clock was read, by the meter's own clock (UTC)."""
    offset: timedelta
    """Local time minus UTC, in force at `now`."""
    deviation: int | None = None
    """The deviation the meter states, minutes, in its own sign."""
    zone: ZoneInfo | None = None
    """The zone, where the inventory gives one."""

    @classmethod
    def of(cls, clock: CosemDateTime | None, now: datetime, zone: ZoneInfo | None = None) -> MeterTime:
        """Relate a clock (None: it cannot be read) to our own time `now` (UTC)."""
        local = None if clock is None else clock.local()
        if clock is None or local is None:
            return cls(now, _offset(zone, now, timedelta(0)), None, zone)
        apparent = local.replace(tzinfo=timezone.utc) - now
        offset = round(apparent / _QUARTER) * _QUARTER
        if abs(apparent - offset) > _DRIFT or abs(offset) > _FARTHEST:
            # The clock is wrong by more than any zone: believe what it says about itself.
            offset = timedelta(minutes=-(clock.deviation or 0))
        shown = local.replace(tzinfo=timezone.utc)
        if zone is not None:
            # It may be late for the change of the hour: of two equal local times it shows the one that is nearer.
            nearer = min(_in_zone(local, zone), key=lambda instant: abs(instant - now))
            offset = shown - nearer
        return cls(shown - offset, offset, clock.deviation, zone)

    def stamp(self, instant: datetime) -> CosemDateTime:
        """Write an instant (aware) as the meter's clock would show it."""
        offset = _offset(self.zone, instant, self.offset)
        deviation = self.deviation
        if deviation is not None and offset != self.offset:
            deviation += self._sign * round((offset - self.offset) / timedelta(minutes=1))
        local = (instant.astimezone(timezone.utc) + offset).replace(tzinfo=None)
        status = ClockStatus.DAYLIGHT_SAVING if self._dst(instant) else 0
        return replace(CosemDateTime.from_datetime(local.replace(microsecond=0), int(status)), deviation=deviation)

    def instant(self, stamp: CosemDateTime) -> datetime | None:
        """Return when (UTC) a row's stamp was, None where it names no instant."""
        local = stamp.local()
        if local is None:
            return None
        if self.zone is not None:
            first, second = _in_zone(local, self.zone)
            # Of two equal local times the second is winter's, and the clock status says which one it is. What the
            # change leaves out is no such pair: there the second one comes before the first.
            return second if first < second and stamp.daylight_saving is False else first
        offset = self.offset
        if stamp.deviation is not None and self.deviation is not None:
            offset += timedelta(minutes=self._sign * (stamp.deviation - self.deviation))
        return local.replace(tzinfo=timezone.utc) - offset

    def days(self, start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
        """Cut a range (both ends inclusive) at local midnights, so that no piece holds a change of the clocks' rule."""
        first = start
        while first <= end:
            local = (first + (_offset(self.zone, first, self.offset))).replace(tzinfo=None)
            midnight = local.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
            following = self._from_local(midnight)
            yield first, min(end, following - timedelta(seconds=1))
            first = following

    def _from_local(self, local: datetime) -> datetime:
        if self.zone is not None:
            return _in_zone(local, self.zone)[0]
        return local.replace(tzinfo=timezone.utc) - self.offset

    @property
    def _sign(self) -> int:
        """-1 where deviations are UTC minus local time (Blue Book 4.1.6.1), +1 where a maker inverted them."""
        if not self.deviation:
            return -1
        return 1 if timedelta(minutes=self.deviation) == self.offset else -1

    def _dst(self, instant: datetime) -> bool:
        if self.zone is None:
            return False
        return bool(instant.astimezone(self.zone).dst())


def _in_zone(local: datetime, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """Return the instants (UTC) of a local time: two where it comes twice or not at all, else the same twice."""
    first, second = (local.replace(tzinfo=zone, fold=fold).astimezone(timezone.utc) for fold in (0, 1))
    return first, second


def _offset(zone: ZoneInfo | None, instant: datetime, otherwise: timedelta) -> timedelta:
    """Return the zone's offset at an instant, or the other one where there is no zone."""
    offset = None if zone is None else instant.astimezone(zone).utcoffset()
    return otherwise if offset is None else offset
