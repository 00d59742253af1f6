"""Reading the rows of a profile: those since the last time in a turn, those that are missing later.

How far a profile has been read stands in the spool, written in one transaction with the rows themselves. The spool
publishes what it holds, so "on disk" is as strong as "acknowledged by Kafka": after a crash no row is missing, and no
more than one answer is read again.

After an absence of more than a day the newest rows are read first. What is left is a range that stands beside the
position and shrinks from its beginning as backfill reads it, day by day; a restart goes on with it. Another absence
meanwhile is another range. Single rows that an answer did not have are asked for once more, later: some meters store
late, others had no power, and only asking tells.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from typing import Final, Protocol

from ami_dlms.obis import format_obis
from ami_ingest.config.model import Profile
from ami_ingest.errors import ExchangeFailed
from ami_ingest.meters.meter_time import MeterTime
from ami_ingest.meters.reading import MeterReader, Reading
from ami_ingest.meters.rows import Hole, holes
from ami_ingest.meters.session import MeterSession
from ami_ingest.record import RawRecord
from ami_ingest.spool.file import Position

_SECOND: Final = timedelta(seconds=1)
_DAYS_AT_ONCE: Final = 2
"""Local days that a turn reads; what is older is left to backfill."""
_LEFT_FROM: Final = b"<"
_LEFT_TO: Final = b">"
"""Behind a profile's OBIS code: the positions that bound what is left of an absence."""
_ABSENCES: Final = (b"", b"2", b"3", b"4")
"""Behind these: of which of several; one more is joined with the last, and what was read in between is read again."""


class Store(Protocol):
    """Where polled records go, with how far profiles were read: the spool."""

    async def put(self, records: Sequence[RawRecord], positions: Sequence[Position] = ()) -> None:
        """Take records and wait until they are safe, together with the positions they move."""

    async def room(self) -> None:
        """Wait until more can be taken."""

    def position(self, meter: str, profile: bytes) -> int | None:
        """Return the stamp of the last row of a profile, microseconds."""


class RowsRead:
    """How far one profile of one meter has been read."""

    def __init__(self, store: Store, meter: str, profile: Profile) -> None:
        self._store = store
        self._meter = meter
        self._profile = profile

    async def newest(self, reader: MeterReader, session: MeterSession, clock: MeterTime) -> tuple[int, list[Hole]]:
        """Read what came since the last time; return how many records that made, and where rows are missing."""
        obis = self._profile.obis
        last = await self._position()
        start = clock.now - timedelta(seconds=self._profile.last)
        period_s = await reader.period_s(session, obis) or 0
        if last is not None and last - clock.now > timedelta(seconds=max(period_s, 60)):
            last = None  # the meter's clock was set back: what it stores from now on would be passed over
        if last is not None:
            start = last + _SECOND
            if start + timedelta(seconds=period_s) > clock.now + _SECOND:
                return 0, []  # no row can have come since
        days = list(clock.days(start, clock.now))
        if len(days) > _DAYS_AT_ONCE:
            recent = days[-_DAYS_AT_ONCE][0]
            await self._leave(start, recent)
            start = recent
            last = None
        records = 0
        missing: list[Hole] = []
        async for reading in reader.profile(session, obis, start, clock.now, clock):
            # A stamp beyond the range is a clock that has jumped: following it would pass real rows over.
            came = [stamp for stamp in reading.stamps if stamp <= clock.now]
            missing += holes(last, came, period_s)
            last = max(came, default=last) if last is None else max([last, *came])
            await self._put(reading, [] if last is None or not came else [self._stand(last)])
            records += len(reading.records)
        return records, missing

    async def left(self) -> Hole | None:
        """Return what is left of an absence: the range not yet read, both ends inclusive."""
        return next((left for _, left in await self._absences() if left is not None), None)

    async def next_day(self, reader: MeterReader, session: MeterSession, clock: MeterTime) -> int:
        """Read the first local day of what is left; return how many rows came."""
        which, left = next(((which, left) for which, left in await self._absences() if left is not None), (b"", None))
        if left is None:
            return 0
        first, last = next(clock.days(*left))
        rows = 0
        async for reading in reader.profile(session, self._profile.obis, first, last, clock):
            if reading.rows is None:
                raise ExchangeFailed(
                    f"Rows Refused (profile {format_obis(self._profile.obis)})",
                    "check the access rights of this client; the rows stay due",
                )
            await self._put(reading, [self._stand(last + _SECOND, _LEFT_FROM + which)])
            rows += len(reading.stamps)
        return rows

    async def fill(self, reader: MeterReader, session: MeterSession, clock: MeterTime, hole: Hole) -> int:
        """Read the rows of a hole; return how many came."""
        rows = 0
        async for reading in reader.profile(session, self._profile.obis, *hole, clock):
            if reading.rows:
                await self._put(reading, [])
            rows += len(reading.stamps)
        return rows

    async def _leave(self, start: datetime, recent: datetime) -> None:
        """Leave everything before `recent` to backfill, beside what is left of earlier absences."""
        absences = await self._absences()
        which, left = next((each for each in absences if each[1] is None), absences[-1])
        first = start if left is None else min(start, left[0])
        bounds = [self._stand(first, _LEFT_FROM + which), self._stand(recent - _SECOND, _LEFT_TO + which)]
        await self._store.put([], bounds)

    async def _absences(self) -> list[tuple[bytes, Hole | None]]:
        """Return the absences, each with what is left of it; up to one that never was, if there is room for it."""
        found: list[tuple[bytes, Hole | None]] = []
        for which in _ABSENCES:
            start = await self._position(_LEFT_FROM + which)
            end = None if start is None else await self._position(_LEFT_TO + which)
            found.append((which, None if start is None or end is None or start > end else (start, end)))
            if start is None:
                break
        return found

    async def _put(self, reading: Reading, positions: list[Position]) -> None:
        await self._store.put(reading.records, positions)

    async def _position(self, which: bytes = b"") -> datetime | None:
        stamp_us = await asyncio.to_thread(self._store.position, self._meter, self._profile.obis + which)
        return None if stamp_us is None else datetime.fromtimestamp(stamp_us / 1e6, tz=timezone.utc)

    def _stand(self, stamp: datetime, which: bytes = b"") -> Position:
        return Position(self._meter, self._profile.obis + which, round(stamp.timestamp() * 1e6))
