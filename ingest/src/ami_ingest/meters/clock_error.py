"""How wrong a meter's clock is, and what to set it to.

What the meter says about itself comes first: its deviation, in either sign, as makers invert it. Else the zone of the
inventory. With neither, only an error that is no multiple of a quarter of an hour can be told from an offset.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Final
from zoneinfo import ZoneInfo

from ami_dlms.cosem_time import CosemDateTime

_QUARTER: Final = timedelta(minutes=15)
_HOUR: Final = timedelta(hours=1)


def clock_error(clock: CosemDateTime, now: datetime, zone: ZoneInfo | None) -> timedelta | None:
    """Return by how much a clock is ahead of `now` (aware), negative if behind; None where it names no time."""
    local = clock.local()
    if local is None:
        return None
    as_utc = local.replace(tzinfo=timezone.utc)
    if clock.deviation is not None:
        return _smallest(as_utc + timedelta(minutes=sign * clock.deviation) - now for sign in (1, -1))
    if zone is not None:
        return _smallest(local.replace(tzinfo=zone, fold=fold).astimezone(timezone.utc) - now for fold in (0, 1))
    apparent = as_utc - now
    return apparent - round(apparent / _QUARTER) * _QUARTER


def right_time(clock: CosemDateTime, now: datetime, zone: ZoneInfo | None) -> CosemDateTime | None:
    """Return what a clock should show at `now`, with the deviation and status it shows; None where it must not be set.

    It must not where its offset is unknown, or where the clocks' rule changes within an hour of the old or the new
    time: the meter's own change of the hour must not meet ours.
    """
    local = clock.local()
    error = clock_error(clock, now, zone)
    if local is None or error is None or (clock.deviation is None and zone is None):
        return None
    if zone is not None and not _steady(zone, now + error, now):
        return None
    if clock.deviation is None:
        assert zone is not None  # noqa: S101  # asked above
        shown = now.astimezone(zone).replace(tzinfo=None)
    else:
        shown = local - error
    return replace(CosemDateTime.from_datetime(shown.replace(microsecond=0), clock.status), deviation=clock.deviation)


def _steady(zone: ZoneInfo, *instants: datetime) -> bool:
    """Tell whether the zone has one offset around and between the instants."""
    first, last = min(instants) - _HOUR, max(instants) + _HOUR
    around = {moment.astimezone(zone).utcoffset() for moment in (first, *instants, last)}
    return len(around) == 1


def _smallest(errors: Iterable[timedelta]) -> timedelta:
    return min(errors, key=abs)
