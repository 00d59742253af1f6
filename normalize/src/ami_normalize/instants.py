"""Meter time: what the clock showed, and the instant in UTC with how it was known (Blue Book, date-time)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from enum import Enum
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ami_dlms.cosem_time import CosemDateTime
from ami_dlms.errors import DlmsError
from ami_normalize.errors import SettingsInvalid
from ami_normalize.quality import Quality

_INVALID, _DOUBTFUL, _DST = 0x01, 0x02, 0x80
_FIRST_YEAR, _LAST_YEAR = 1970, 2261  # what nanoseconds since 1970 can hold, as consumers may use them
_MOST_DEVIATION = 14 * 60
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


class Origin(str, Enum):
    """How the instant was known, by the names of `ami.readings.v1.TimeOrigin`."""

    DEVIATION = "DEVIATION"
    DEVIATION_INVERTED = "DEVIATION_INVERTED"
    CONFIGURED_ZONE = "CONFIGURED_ZONE"
    DEFAULT_ZONE = "DEFAULT_ZONE"
    UTC = "UTC"
    RECEPTION = "RECEPTION"


@dataclass(frozen=True, slots=True)
class Instant:
    """A meter's time; `utc` is None where it states local time without deviation, until it is placed in a zone."""

    local: datetime
    """Naive: what the clock showed."""
    utc: datetime | None
    origin: Origin | None = None
    """None as long as `utc` is."""
    summer: bool | None = None
    """Whether daylight saving was active, where the clock status says so."""
    quality: tuple[Quality, ...] = ()

    def shifted(self, by: timedelta) -> Instant:
        """Return the instant `by` later."""
        return replace(self, local=self.local + by, utc=None if self.utc is None else self.utc + by)

    def iso(self) -> str:
        """Return ISO 8601: UTC with `Z`, or local time without offset where that is all the meter says.

        A default zone is our assumption, not the meter's word, and so adds no offset here.
        """
        if self.utc is None or self.origin is Origin.DEFAULT_ZONE:
            return self.local.isoformat()
        return self.utc.replace(tzinfo=None).isoformat() + "Z"

    def iso_local(self) -> str:
        """Return ISO 8601 as the clock showed it, with its offset where known."""
        if self.utc is None or self.origin is Origin.DEFAULT_ZONE:
            return self.local.isoformat()
        offset = self.local - self.utc.replace(tzinfo=None)
        return self.local.replace(tzinfo=timezone(offset)).isoformat()

    def placed(self, zone: str, *, later: bool = False, configured: bool = False) -> Instant:
        """Return the instant with `utc` by a zone where the meter states none; by the default zone it is flagged.

        `configured`: the zone is known to be this meter's, so that nothing is assumed. `later` chooses the second of
        two equal local times if the clock status does not (the row order of a profile).
        """
        if self.utc is not None:
            return self
        info = zone_of(zone)
        first, second = self.local.replace(tzinfo=info, fold=0), self.local.replace(tzinfo=info, fold=1)
        chosen = second if later else first
        twice = (first.utcoffset() or timedelta()) > (second.utcoffset() or timedelta())
        qualities: tuple[Quality, ...] = () if configured else (Quality.ZONE_ASSUMED,)
        if twice and self.summer is not None:
            chosen = first if self.summer else second
        elif twice and not later:
            qualities = (*qualities, Quality.TIME_AMBIGUOUS)
        utc = chosen.astimezone(timezone.utc)
        origin = Origin.CONFIGURED_ZONE if configured else Origin.DEFAULT_ZONE
        return replace(self, utc=utc, origin=origin, quality=(*self.quality, *qualities))

    def micros(self) -> int:
        """Return microseconds since 1970-01-01T00:00:00Z; `utc` must be known."""
        if self.utc is None:
            raise ValueError("a local time has no instant before it is placed in a zone")
        return micros_of(self.utc)


def micros_of(moment: datetime) -> int:
    """Return microseconds since 1970-01-01T00:00:00Z of an aware datetime."""
    since = moment - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


@lru_cache(maxsize=64)
def zone_of(name: str) -> ZoneInfo:
    """Return the time zone of an IANA name; raises SettingsInvalid for an unknown one."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise SettingsInvalid(
            f"'{name}' is no time zone; name one of the IANA database, such as Europe/Vienna."
        ) from error


def from_octets(octets: bytes, *, inverted: bool = False) -> Instant | None:
    """Read a COSEM date-time (12 octets); None if it names no moment (wildcards, impossible dates, other lengths)."""
    if len(octets) != 12:
        return None
    try:
        stated = CosemDateTime.from_bytes(octets)
        local = stated.local()
        utc = stated.utc(inverted=inverted)
    except (DlmsError, ValueError, OverflowError):
        return None
    if local is None or not _FIRST_YEAR <= local.year <= _LAST_YEAR:
        return None
    if stated.deviation is not None and abs(stated.deviation) > _MOST_DEVIATION:
        utc = None  # no place on earth has such an offset, so none is stated
    quality: list[Quality] = []
    status = stated.status
    if status is not None:
        if status & _INVALID:
            quality.append(Quality.CLOCK_INVALID)
        if status & _DOUBTFUL:
            quality.append(Quality.CLOCK_DOUBTFUL)
    origin = None
    if utc is not None:
        origin = Origin.DEVIATION_INVERTED if inverted else Origin.DEVIATION
    return Instant(local, utc, origin, None if status is None else bool(status & _DST), tuple(quality))


def from_unix(seconds: int) -> Instant | None:
    """Read a UNIX clock (seconds since 1970 in UTC)."""
    try:
        utc = _EPOCH + timedelta(seconds=seconds)
    except OverflowError:
        return None
    if utc.year > _LAST_YEAR:
        return None
    return Instant(utc.replace(tzinfo=None), utc, Origin.UTC)
