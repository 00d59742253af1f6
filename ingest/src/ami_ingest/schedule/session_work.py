"""What is done in a session of one meter: a turn's readings, the clock, the rows that are missing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timezone

import structlog

from ami_dlms.cosem_time import CosemDateTime
from ami_ingest.config.model import ClockPolicy, Meter
from ami_ingest.meters.clock_error import right_time
from ami_ingest.meters.reading import ClockReading, MeterReader, Reading
from ami_ingest.meters.rows import Hole
from ami_ingest.meters.session import MeterSession
from ami_ingest.meters.signal import in_words, strength
from ami_ingest.record import RawRecord
from ami_ingest.schedule.job import BackfillJob, TurnJob
from ami_ingest.schedule.rows_read import RowsRead, Store
from ami_ingest.schedule.stats import PollStats


class SessionWork:
    """Does the jobs of one meter in an open session; what they bring goes to the store."""

    def __init__(
        self,
        meter: Meter,
        reader: MeterReader,
        session: MeterSession,
        *,
        store: Store,
        stats: PollStats,
        log: structlog.typing.FilteringBoundLogger,
    ) -> None:
        self._meter = meter
        self._reader = reader
        self._session = session
        self._store = store
        self._stats = stats
        self._log = log

    async def turn(self, job: TurnJob) -> dict[bytes, list[Hole]]:
        """Do what is left of a turn; return where rows of profiles are missing. Raises SessionError."""
        missing: dict[bytes, list[Hole]] = {}
        records: list[RawRecord] = []
        schedule = job.schedule
        try:
            clock = await self._checked_clock()
            while job.read < len(schedule.read):
                reading = await self._reader.read(self._session, schedule.read[job.read])
                self._look_at_signal(reading)
                records += reading.records
                job.read += 1
        finally:
            await self._put(records)
            job.records += len(records)
        while job.profiles < len(schedule.profiles):
            profile = schedule.profiles[job.profiles]
            rows = RowsRead(self._store, self._meter.id, profile)
            count, holes = await rows.newest(self._reader, self._session, clock.time)
            if holes or await rows.left() is not None:
                missing[profile.obis] = holes
            job.records += count
            job.profiles += 1
        return missing

    async def backfill(self, job: BackfillJob, preempted: Callable[[], bool]) -> bool:
        """Read what is missing until all is done or `preempted`; tell whether all is. Raises SessionError."""
        rows = RowsRead(self._store, self._meter.id, job.profile)
        clock = (await self._reader.clock(self._session)).time
        while await rows.left() is not None:
            job.found += await rows.next_day(self._reader, self._session, clock)
            if preempted():
                return False
        period_s = await self._reader.period_s(self._session, job.profile.obis) or 1
        while job.holes:
            hole = job.holes[0]
            came = await rows.fill(self._reader, self._session, clock, hole)
            del job.holes[0]
            job.found += came
            wanted = round((hole[1] - hole[0]).total_seconds() / period_s) + 1
            self._stats.rows_missing[self._meter.group] += max(0, wanted - came)
            if preempted():
                return False
        return True

    async def _put(self, records: Sequence[RawRecord]) -> None:
        if records:
            await self._store.put(records)

    def _look_at_signal(self, reading: Reading) -> None:
        """Count the signal strength where that is what was read, and say where it is weak."""
        dbm = strength(reading.exchange.class_id, reading.exchange.attribute, reading.result)
        if dbm is None:
            return
        self._stats.signals[self._meter.group].observe(dbm)
        if dbm < self._meter.signal.warn_under:
            self._stats.signals_weak[self._meter.group] += 1
            self._log.warning(
                "the meter's signal is weak",
                meter=self._meter.id,
                signal=in_words(dbm),
                dbm=dbm,
                remedy="look at its antenna and where that hangs, or try the SIM card of another operator",
            )

    async def _checked_clock(self) -> ClockReading:
        """Read the clock, say where it is wrong, and set it where that is wished."""
        reading = await self._reader.clock(self._session)
        policy, error = self._meter.clock, reading.error
        if error is None or reading.shown is None:
            return reading
        off_s = error.total_seconds()
        if abs(off_s) > policy.warn_over_s:
            self._stats.clocks_off[self._meter.group] += 1
            self._log.warning(
                "the meter's clock is wrong",
                meter=self._meter.id,
                off_s=round(off_s, 1),
                remedy="set it, or let the agent do so (clock.set_over); its rows carry wrong times",
            )
        if policy.set_over_s is not None and abs(off_s) > policy.set_over_s:
            return await self._set_clock(policy, reading.shown, off_s) or reading
        return reading

    async def _set_clock(self, policy: ClockPolicy, shown: CosemDateTime, off_s: float) -> ClockReading | None:
        """Set the clock and read it again; None where it was left as it is."""
        to = right_time(shown, datetime.now(timezone.utc), self._meter.zone)
        fields = {"meter": self._meter.id, "old": _text(shown), "off_s": round(off_s, 1), "over_s": policy.set_over_s}
        if to is None:
            self._log.info(
                "the meter's clock is not set now: its offset is not known, or the hour changes around its time",
                **fields,
            )
            return None
        if not await self._reader.set_clock(self._session, to):
            self._log.warning(
                "the meter refuses to have its clock set",
                **fields,
                remedy="give this client the right to write 8:0.0.1.0.0.255:2, or do not ask for it",
            )
            return None
        self._stats.clocks_set[self._meter.group] += 1
        self._log.warning("the meter's clock was set", **fields, new=_text(to))
        return await self._reader.clock(self._session)


def _text(clock: CosemDateTime) -> str:
    """Write what a clock shows: local time and its deviation."""
    local = clock.local()
    deviation = "" if clock.deviation is None else f" (deviation {clock.deviation} min)"
    return f"{'no time' if local is None else local.isoformat(' ')}{deviation}"
