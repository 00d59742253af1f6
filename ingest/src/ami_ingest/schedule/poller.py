"""Polls the inventory: every meter at its interval, a bounded number at a time."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from typing import Final, Protocol

import structlog

from ami_dlms.errors import DlmsError
from ami_dlms.obis import format_obis
from ami_ingest.config.model import Meter, Profile, Schedule
from ami_ingest.errors import IngestError, SessionError
from ami_ingest.meters.access import MeterAccess
from ami_ingest.meters.counters import CounterStore
from ami_ingest.meters.meter_time import MeterTime
from ami_ingest.meters.reading import MeterReader
from ami_ingest.meters.session import MeterSession
from ami_ingest.record import RawRecord
from ami_ingest.spool.file import Position

_SPREAD_S: Final = 5.0
"""First polls are spread over at most so long, so that a restart is no stampede."""


class Store(Protocol):
    """Where polled records go, with how far profiles were read: the spool."""

    async def put(self, records: Sequence[RawRecord], positions: Sequence[Position] = ()) -> None:
        """Take records and wait until they are safe."""

    async def room(self) -> None:
        """Wait until more can be taken."""

    def position(self, meter: str, profile: bytes) -> int | None:
        """Return the stamp of the last row of a profile, microseconds."""


class Poller:
    """Polls each meter at its interval until cancelled. One meter's trouble costs one slot for its timeouts."""

    def __init__(
        self,
        meters: Sequence[Meter],
        store: Store,
        counters: CounterStore,
        *,
        agent: str,
        concurrency: int,
        log: structlog.typing.FilteringBoundLogger,
    ) -> None:
        self._meters = meters
        self._store = store
        self._counters = counters
        self._agent = agent
        self._concurrency = concurrency
        self._slots = asyncio.Semaphore(concurrency)
        self._log = log
        self.succeeded = 0
        """Polls that read everything asked."""
        self.failed = 0
        """Polls that ended with an error."""

    async def run(self) -> None:
        """Poll until cancelled."""
        tasks = [
            asyncio.create_task(self._keep_polling(meter, schedule), name=f"poll {meter.id}")
            for meter in self._meters
            for schedule in meter.schedules
        ]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _keep_polling(self, meter: Meter, schedule: Schedule) -> None:
        loop = asyncio.get_running_loop()
        log = self._log.bind(meter=meter.id)
        reader = MeterReader(MeterAccess.of(meter), self._counters, agent=self._agent, log=log)
        spread = min(_SPREAD_S, schedule.every_s / 4) if len(self._meters) > self._concurrency else 0.0
        due = loop.time() + random.uniform(0, spread)  # noqa: S311  no secret
        while True:
            await asyncio.sleep(max(0.0, due - loop.time()))
            async with self._slots:
                await self._store.room()
                await self._poll_and_report(meter, schedule, reader, log)
            # Missed turns are skipped, not made up for: the profile holds what was missed.
            missed = max(0.0, loop.time() - due) // schedule.every_s
            due += (missed + 1) * schedule.every_s

    async def _poll_and_report(
        self,
        meter: Meter,
        schedule: Schedule,
        reader: MeterReader,
        log: structlog.typing.FilteringBoundLogger,
    ) -> None:
        try:
            records = await self._poll(meter, schedule, reader)
        except IngestError as error:
            self.failed += 1
            remedy = error.remedy if isinstance(error, SessionError) else ""
            log.warning(str(error), address=str(meter.address), remedy=remedy)
        except DlmsError as error:
            self.failed += 1
            log.warning("Exchange Failed", cause=str(error), address=str(meter.address))
        except Exception:
            # A defect shown by one meter must not end the polling of the others; it is reported in full.
            self.failed += 1
            log.exception("poll failed by a defect of ours", address=str(meter.address))
        else:
            self.succeeded += 1
            log.info("polled", records=records)

    async def _poll(self, meter: Meter, schedule: Schedule, reader: MeterReader) -> int:
        """Read everything configured for a meter; return how many records that made."""
        count = 0
        session = await reader.open()
        try:
            for target in schedule.read:
                reading = await reader.read(session, target)
                await self._store.put(reading.records)
                count += len(reading.records)
            if schedule.profiles:
                clock = await reader.clock(session)
                for profile in schedule.profiles:
                    count += await self._poll_profile(meter, profile, reader, session, clock)
        finally:
            await session.close()
            pushed = reader.pushes(session)
            if pushed:
                await self._store.put(pushed)
        return count + len(pushed)

    async def _poll_profile(
        self,
        meter: Meter,
        profile: Profile,
        reader: MeterReader,
        session: MeterSession,
        clock: MeterTime,
    ) -> int:
        """Read from after the last row that is on disk, or the last hours configured, to the meter's own present."""
        obis = profile.obis
        position = await asyncio.to_thread(self._store.position, meter.id, obis)
        start = clock.now - timedelta(seconds=profile.last)
        if position is not None:
            start = max(start, datetime.fromtimestamp(position / 1e6, tz=timezone.utc) + timedelta(seconds=1))
            period = timedelta(seconds=(await reader.period_s(session, obis)) or 0)
            if start + period > clock.now + timedelta(seconds=1):
                return 0  # no row can have come since
        count = 0
        async for reading in reader.profile(session, obis, start, clock.now, clock):
            positions = []
            if reading.last_row is not None:
                positions.append(Position(meter.id, obis, round(reading.last_row.timestamp() * 1e6)))
            await self._store.put(reading.records, positions)
            count += len(reading.records)
        self._log.debug("profile read", meter=meter.id, profile=format_obis(obis), records=count)
        return count
