"""Reads the inventory: every meter at its turns, what was missed in between, and what somebody asks for now.

One heap holds what is not due yet, one queue what is due; at most `poll.concurrency` jobs run, each a task of its own
while it runs. A meter that waits costs an entry, not a task. A meter that hangs costs one slot for one timeout.
"""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import itertools
import random
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

import structlog

from ami_ingest.bounded import bounded
from ami_ingest.config.model import Meter, Network, Poll, Profile, Schedule
from ami_ingest.config.target import Target
from ami_ingest.errors import DeadlinePassed, MeterUnknown, NotCalled, SessionError
from ami_ingest.meters import failure
from ami_ingest.meters.access import MeterAccess
from ami_ingest.meters.counters import CounterStore
from ami_ingest.meters.ping import Pinged, ping
from ami_ingest.meters.read import ProfileRange, readings_in
from ami_ingest.meters.reading import MeterReader, Reading
from ami_ingest.meters.rows import Hole
from ami_ingest.meters.session import MeterSession
from ami_ingest.meters.session_keys import SessionKeys
from ami_ingest.schedule import backoff, turns
from ami_ingest.schedule.job import AskedJob, BackfillJob, Job, Priority, TurnJob
from ami_ingest.schedule.networks import networks_of
from ami_ingest.schedule.queue import ReadyQueue
from ami_ingest.schedule.report import Report
from ami_ingest.schedule.roster import MeterState
from ami_ingest.schedule.rows_read import Store
from ami_ingest.schedule.session_work import SessionWork
from ami_ingest.schedule.sessions import Sessions, Work
from ami_ingest.schedule.stats import PollStats
from ami_ingest.transport.link import Link

T = TypeVar("T")
_EXTRA: Final = 4
"""Slots beyond the concurrency for what is asked on demand: who asks does not wait for meters that hang."""
_LONGEST_SLEEP_S: Final = 60.0
"""The clock of this machine may be set: so often it is looked at."""
_SET_BACK_S: Final = 60.0
"""A clock that is behind where it was by more than this was set back."""
_BACKFILL_TRIES: Final = 3
_BACKFILL_S: Final = 600.0
"""How long backfill may hold a meter and a slot; it lets go by itself after the step in which half of that passes."""
_CLOSING_AT_ONCE: Final = 200
_CLOSING_S: Final = 5.0
"""How long a stop waits for associations to be released."""
_NO_LIMIT: Final = 1 << 30


class Scheduler:
    """Polls meters until cancelled."""

    def __init__(
        self,
        meters: Sequence[Meter],
        store: Store,
        counters: CounterStore,
        *,
        agent: str,
        poll: Poll,
        log: structlog.typing.FilteringBoundLogger,
        key_store: Path | None = None,
        most_open: int = _NO_LIMIT,
        now: Callable[[], float] = time.time,
        dice: Callable[[], float] = random.random,
    ) -> None:
        """`key_store` is the file that wraps the dedicated keys of associations.

        `most_open` bounds the associations that are kept idle; beyond it, the longest idle one is released.
        """
        self._store = store
        self._poll = poll
        self._log = log
        self._now = now
        self._dice = dice
        self._states: dict[str, MeterState] = {}
        self._due: list[tuple[float, int, Job]] = []
        self._tickets = itertools.count(1)
        self._ready = ReadyQueue(poll.connections_per_s, self._connects, now())
        self._running: set[asyncio.Task[None]] = set()
        self._leaving: dict[str, MeterState] = {}
        """Meters that are gone, and whose last job still runs."""
        self._wake = asyncio.Event()
        self._looked = now()
        self._said_missed = float("-inf")
        self._missed_unsaid = 0
        self.stats = PollStats()
        """What metrics and health read."""
        self._report = Report(self.stats, log)
        self._session_keys = SessionKeys(key_store, log)
        self._sessions = Sessions(
            store, counters, self.stats, self._session_keys, agent=agent, log=log, most_open=most_open, now=now
        )
        self.apply(meters)

    # -- the inventory ------------------------------------------------------------------------------------------

    def wrap_by(self, key_store: Path | None) -> None:
        """Wrap the dedicated keys of associations to come by another file."""
        self._session_keys.use(key_store)

    def apply(self, meters: Iterable[Meter], poll: Poll | None = None) -> None:
        """Take the inventory as it is now. What did not change goes on: sessions, turns, what was learned.

        `poll` gives other bounds; jobs that run beyond them end as they would.
        """
        now = self._now()
        if poll is not None:
            if poll.connections_per_s != self._poll.connections_per_s:
                self._ready.limit_all(poll.connections_per_s, now)
            self._poll = poll
        wanted = {meter.id: meter for meter in meters}
        networks = networks_of(wanted.values())
        for name in set(self._states) - set(wanted):
            self._forget(self._states.pop(name))
        for name, meter in wanted.items():
            known = self._states.get(name)
            if known is None:
                self._welcome(MeterState(meter, networks.get(name)), now)
            elif known.meter != meter or known.network != networks.get(name):
                self._change(known, meter, networks.get(name), now)
        self._ready.limit(networks.values(), now)
        self._wake.set()

    def _change(self, state: MeterState, meter: Meter, network: Network | None, now: float) -> None:
        before, state.meter, state.network = state.meter, meter, network
        if _way(before) != _way(meter):
            # It is reached in another way: nothing of the old session and of what was learned holds.
            self._forget(state)
            self._welcome(MeterState(meter, network), now)
            return
        old = {schedule.name: schedule for schedule in before.schedules}
        for schedule in meter.schedules:
            if old.pop(schedule.name, None) != schedule:
                state.turns.pop(schedule.name, None)
                self._plan(state, schedule, turns.first(schedule, now, turns.place(meter.id, schedule.name)))
        for name in old:
            state.turns.pop(name, None)

    def _welcome(self, state: MeterState, now: float) -> None:
        """Take a new meter; where one of its name is still busy, it waits for that."""
        meter = state.meter
        self._states[meter.id] = state
        state.busy = meter.id in self._leaving
        for schedule in meter.schedules:
            self._plan(state, schedule, turns.first(schedule, now, turns.place(meter.id, schedule.name)))

    def _forget(self, state: MeterState) -> None:
        """Let a meter go: what is asked of it fails, what it holds is closed when its job is done."""
        state.gone = True
        state.turns.clear()
        state.backfills.clear()
        if state.breaker.open:
            self.stats.breakers_open -= 1
        for job in state.parked:
            if isinstance(job, AskedJob):
                _fail(job, _unknown(job.meter))
        state.parked.clear()
        if not state.busy and state.session is not None:
            self._spawn(self._close_held(state), state)
        link, state.link = state.link, None
        if link is not None:
            self._spawn_closing(link.close())
        if state.busy:
            # One that waits for a predecessor's job has none of its own: that of the predecessor is still waited for.
            self._leaving.setdefault(state.meter.id, state)

    # -- what others ask for ------------------------------------------------------------------------------------

    async def read(
        self,
        meter_id: str,
        targets: Sequence[Target],
        profile: ProfileRange | None,
        take: Callable[[Reading], Awaitable[None]],
    ) -> None:
        """Read attributes, and at most one profile range, of a meter of the inventory, before all else.

        `take` gets each reading as it comes; the meter is read on when that is done. A job of that meter that runs is
        finished first. Nothing goes to the store. Raises MeterUnknown, SessionError or another IngestError.
        """
        taken = 0

        async def work(reader: MeterReader, session: MeterSession) -> None:
            nonlocal taken
            number = 0
            async for reading in readings_in(reader, session, targets, profile):
                number += 1
                if number > taken:  # where a kept association ended on the way, the new one begins again
                    taken = number
                    await take(reading)

        await self._ask(meter_id, work)

    async def ping(self, meter_id: str) -> Pinged:
        """Read the logical device name of a meter of the inventory, before all else; raises as `read`."""
        state = self._states.get(meter_id)
        reused = state.session if state is not None else None

        async def work(reader: MeterReader, session: MeterSession) -> Pinged:
            return await ping(reader, session, reused=session is reused)

        return await self._ask(meter_id, work)

    def adopt(self, meter_id: str, link: Link) -> None:
        """Take a connection that a meter of the inventory has made; its jobs use it. Raises MeterUnknown."""
        state = self._states.get(meter_id)
        if state is None:
            raise _unknown(meter_id)
        before, state.link = state.link, link
        if before is not None:
            self._spawn_closing(before.close())
        self._unpark(state)
        self._wake.set()

    async def _ask(self, meter_id: str, work: Callable[[MeterReader, MeterSession], Awaitable[T]]) -> T:
        if meter_id not in self._states:
            raise _unknown(meter_id)
        done: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._push(AskedJob(meter_id, work, done, self._now()))
        self._wake.set()
        return await done

    # -- the loop -----------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Poll until cancelled; then release what is associated."""
        try:
            while True:
                self._wake.clear()
                now = self._now()
                self._follow_clock(now)
                self._admit(now)
                self._start(now)
                self._release_idle(now)
                await self._sleep(now)
        finally:
            await self._stop()

    def _follow_clock(self, now: float) -> None:
        """Plan anew where this machine's clock was set back: else nobody is read until it is as late again."""
        before, self._looked = self._looked, now
        if before - now < _SET_BACK_S:
            return
        self._log.warning(
            "this machine's clock was set back: all turns are planned anew",
            by_s=round(before - now),
            remedy="let something keep it right (`ami doctor`); records carry the time of their reception",
        )
        for state in self._states.values():
            for name, job in list(state.turns.items()):
                self._plan(state, job.schedule, turns.following(job.schedule, now, turns.place(state.meter.id, name)))
            for backfill in state.backfills.values():
                self._later(backfill, now)

    async def _sleep(self, now: float) -> None:
        times = [now + _LONGEST_SLEEP_S]
        if self._due:
            times.append(self._due[0][0])
        if self._sessions.next_idle is not None:
            times.append(self._sessions.next_idle)
        lowest = self._lowest()
        if lowest is not None:
            ready_at = self._ready.ready_at(now, lowest)
            if ready_at is not None:
                times.append(ready_at)
        timer = asyncio.get_running_loop().call_later(max(0.0, min(times) - now), self._wake.set)
        try:
            await self._wake.wait()
        finally:
            timer.cancel()

    def _admit(self, now: float) -> None:
        """Move what is due to what is ready."""
        while self._due and self._due[0][0] <= now:
            _, ticket, job = heapq.heappop(self._due)
            state = self._states.get(job.meter)
            if isinstance(job, AskedJob) or job.ticket != ticket or state is None or not _current(state, job):
                continue
            self._push(job)

    def _push(self, job: Job) -> None:
        state = self._states[job.meter]
        self._ready.push(job, state.network, self._now())

    def _later(self, job: TurnJob | BackfillJob, at: float) -> None:
        job.ticket = next(self._tickets)
        heapq.heappush(self._due, (at, job.ticket, job))

    def _lowest(self) -> Priority | None:
        """Return the least priority there is a slot for; None where there is none for any."""
        spare = self._poll.concurrency - len(self._running)
        if spare > 0:
            return Priority.BACKFILL
        return Priority.ON_DEMAND if spare > -_EXTRA else None

    def _start(self, now: float) -> None:
        while (lowest := self._lowest()) is not None:
            popped = self._ready.pop(now, lowest)
            if popped is None:
                break
            job, lane = popped
            state = self._states.get(job.meter)
            if state is None and isinstance(job, AskedJob):
                _fail(job, _unknown(job.meter))
            if state is None or not self._may_start(state, job, now):
                self._ready.release(lane)
                continue
            self._spawn(self._run(state, job, lane), state)
        self.stats.waiting = {
            priority.name.lower().replace("_", "-"): self._ready.waiting[priority] for priority in Priority
        }
        self.stats.running = len(self._running)

    def _may_start(self, state: MeterState, job: Job, now: float) -> bool:
        """Tell whether a job that is ready starts now; what does not is dealt with."""
        if not _current(state, job):
            return False
        if state.busy:
            state.parked.append(job)
            return False
        if isinstance(job, TurnJob):
            if now >= job.deadline:
                self._not_in_time(state, job, now)
                return False
            if state.meter.address.scheme.is_call_in and state.session is None and state.link is None:
                state.parked.append(job)
                self._later(job, job.deadline)
                return False
        return True

    def _connects(self, job: Job) -> bool:
        state = self._states.get(job.meter)
        return state is not None and state.session is None and state.link is None and not state.busy

    def _spawn(self, work: Coroutine[Any, Any, None], state: MeterState) -> None:
        state.busy = True
        self._spawn_closing(work)

    def _spawn_closing(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._running.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._wake.set()
        if not task.cancelled() and task.exception() is not None:
            self._log.error("a job ended by a defect of ours", exc_info=task.exception())

    async def _stop(self) -> None:
        for task in list(self._running):
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        for state in self._states.values():
            for job in state.parked:
                if isinstance(job, AskedJob):
                    job.done.cancel()
        held = [state for state in self._states.values() if state.session is not None]
        gate = asyncio.Semaphore(_CLOSING_AT_ONCE)

        async def close(state: MeterState) -> None:
            async with gate:
                await self._close_held(state)

        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(asyncio.gather(*map(close, held), return_exceptions=True), _CLOSING_S)

    # -- turns --------------------------------------------------------------------------------------------------

    def _plan(self, state: MeterState, schedule: Schedule, turn: turns.Turn) -> None:
        if not schedule.active:
            return
        job = TurnJob(state.meter.id, schedule, turn.due, turn.deadline)
        state.turns[schedule.name] = job
        self._later(job, turn.due)

    def _plan_next(self, state: MeterState, job: TurnJob, now: float) -> None:
        """Plan the turn after this one; turns that passed meanwhile, or that the breaker passes over, are missed."""
        schedule = job.schedule
        where = turns.place(state.meter.id, schedule.name)
        turn = turns.following(schedule, max(now, job.due), where)
        skipped = state.breaker.skipped(schedule.every_s) * schedule.every_s
        turn = turns.Turn(turn.due + skipped, turn.deadline + skipped)
        missed = turns.between(schedule, job.due, turn.due, where)
        if missed:
            self.stats.by_deadline[state.meter.group, "missed"] += missed
        self._plan(state, schedule, turn)

    def _not_in_time(self, state: MeterState, job: TurnJob, now: float) -> None:
        """Count a turn whose deadline passed before it began: in one line for many, as it happens to many at a time."""
        self.stats.by_deadline[state.meter.group, "missed"] += 1
        if job.failures and state.breaker.failure():
            self.stats.breakers_open += 1
        self._plan_next(state, job, now)
        if job in state.parked:
            state.parked.remove(job)
            self._report.count(
                state, NotCalled("Meter Has Not Called", "check its network, and where it is told to call")
            )
            return
        self._missed_unsaid += 1
        if now - self._said_missed >= 60:
            self._log.warning(
                "turns were missed: their deadlines passed before they could begin",
                turns=self._missed_unsaid,
                example=state.meter.id,
                remedy="allow more at once (poll.concurrency, the network's limits), or ask less often",
            )
            self._said_missed, self._missed_unsaid = now, 0

    # -- jobs ---------------------------------------------------------------------------------------------------

    async def _run(self, state: MeterState, job: Job, lane: str | None) -> None:
        """Do a job, and leave the meter to the next one."""
        try:
            if isinstance(job, AskedJob):
                await self._asked(state, job)
            elif isinstance(job, TurnJob):
                await self._turn(state, job)
            else:
                await self._backfill(state, job)
        finally:
            if state.gone and state.session is not None:
                await self._sessions.drop(state)
            self._ready.release(lane)
            self._free(state)

    def _free(self, state: MeterState) -> None:
        name = state.meter.id
        if self._leaving.get(name) is state:
            del self._leaving[name]
            successor = self._states.get(name)
            if successor is None:
                return
            state = successor
        state.busy = False
        self._unpark(state)

    def _unpark(self, state: MeterState) -> None:
        parked, state.parked = state.parked, []
        for job in parked:
            if self._states.get(job.meter) is state:
                self._push(job)

    async def _asked(self, state: MeterState, job: AskedJob) -> None:
        if job.done.cancelled():
            return
        using = asyncio.ensure_future(self._sessions.use(state, job.work))
        # Who asked may go away, or its time be up: the meter is not to be read on for nobody.
        job.done.add_done_callback(lambda _done: using.cancel())
        try:
            result = await using
        except asyncio.CancelledError:
            job.done.cancel()
            raise
        except Exception as error:  # noqa: BLE001  whatever it is belongs to who asked
            self._report.count(state, error)
            _fail(job, error)
        else:
            self._report.count(state, None)
            if not job.done.done():
                job.done.set_result(result)
            self._succeeded(state)

    async def _turn(self, state: MeterState, job: TurnJob) -> None:
        await self._store.room()
        left_s = job.deadline - self._now()
        if left_s <= 0:
            if _current(state, job):
                self._not_in_time(state, job, self._now())
            return
        try:
            missing = await self._within(
                left_s, state, lambda reader, session: self._work(state, reader, session).turn(job)
            )
        except Exception as error:  # noqa: BLE001  one meter's trouble, or a defect it shows, is not the others'
            # Who was given no time for a single answer is not to blame.
            fair = not isinstance(error, DeadlinePassed) or left_s >= state.meter.link.request_timeout_s
            self._turn_failed(state, job, error, fair=fair)
            return
        self._report.count(state, None)
        now = self._now()
        self.stats.by_deadline[state.meter.group, "in-time" if now <= job.deadline else "late"] += 1
        self._log.info("polled", meter=job.meter, schedule=job.schedule.name, records=job.records)
        self._succeeded(state)
        if _current(state, job):
            self._plan_next(state, job, now)
            for profile in job.schedule.profiles:
                if profile.obis in missing:
                    self._look_for(state, profile, missing[profile.obis], now)

    def _turn_failed(self, state: MeterState, job: TurnJob, error: Exception, *, fair: bool) -> None:
        """Try again within the deadline where that makes sense, else count the turn as failed.

        `fair`: the meter had its time, and its breaker counts it as well.
        """
        now = self._now()
        job.failures += 1
        again = isinstance(error, SessionError) and error.again and not state.breaker.open
        at = now + backoff.pause(job.failures, self._dice)
        if again and job.failures <= state.meter.link.retries and at < job.deadline and _current(state, job):
            self._report.count(state, error, next_try_s=round(at - now, 1))
            self._later(job, at)
            return
        self._report.count(state, error)
        self.stats.by_deadline[state.meter.group, "missed"] += 1
        opened = fair and state.breaker.failure() and not state.gone
        if opened:
            self.stats.breakers_open += 1
        if not _current(state, job):
            return
        self._plan_next(state, job, now)
        if opened:
            self._log.warning(
                "the meter failed turn after turn: it is probed less often from now on",
                meter=job.meter,
                failed_turns=state.breaker.failed,
                remedy="see its errors before this one; asking it on demand always tries",
            )

    async def _backfill(self, state: MeterState, job: BackfillJob) -> None:
        await self._store.room()
        try:
            done = await self._within(
                _BACKFILL_S,
                state,
                lambda reader, session: self._work(state, reader, session).backfill(job, self._better_waits(state)),
            )
        except Exception as error:  # noqa: BLE001  one meter's trouble, or a defect it shows, is not the others'
            self._report.count(state, error)
            job.failures += 1
            if isinstance(error, SessionError) and error.again and job.failures <= _BACKFILL_TRIES:
                self._later(job, self._now() + backoff.pause(job.failures, self._dice))
            else:
                state.backfills.pop(job.profile.obis, None)  # the next turn that finds rows missing begins anew
            return
        self._report.count(state, None)
        job.failures = 0
        if done:
            state.backfills.pop(job.profile.obis, None)
            self._log.info("missing rows were looked for", meter=job.meter, rows=job.found)
        elif _current(state, job):
            job.due = self._now()
            self._later(job, job.due)

    async def _within(self, seconds: float, state: MeterState, work: Work[T]) -> T:
        """Do work in a session of the meter for so long at most: slow answers end at some time, too.

        Raises as `Sessions.use`, and DeadlinePassed.
        """
        try:
            return await bounded(self._sessions.use(state, work), seconds)
        except asyncio.TimeoutError:
            raise failure.deadline_passed(seconds) from None

    def _better_waits(self, state: MeterState) -> Callable[[], bool]:
        """Return what tells backfill to let go: something better waits, or it had its share of time."""
        until = time.monotonic() + _BACKFILL_S / 2

        def waits() -> bool:
            if time.monotonic() >= until:
                return True
            waiting = self._ready.waiting
            return bool(state.parked or state.gone or waiting[Priority.ON_DEMAND] or waiting[Priority.SCHEDULED])

        return waits

    def _look_for(self, state: MeterState, profile: Profile, holes: list[Hole], now: float) -> None:
        known = state.backfills.get(profile.obis)
        if known is not None:
            known.holes += holes
            return
        job = state.backfills[profile.obis] = BackfillJob(state.meter.id, profile, now, holes)
        self._later(job, now)

    def _succeeded(self, state: MeterState) -> None:
        """Close the meter's breaker; turns that it put off come at their time again."""
        now = self.stats.last_success = self._now()
        if not state.breaker.success() or state.gone:
            return
        self.stats.breakers_open -= 1
        self._log.info("the meter answers again", meter=state.meter.id)
        for name, job in list(state.turns.items()):
            turn = turns.following(job.schedule, now, turns.place(state.meter.id, name))
            if turn.due < job.due:
                self._plan(state, job.schedule, turn)

    def _work(self, state: MeterState, reader: MeterReader, session: MeterSession) -> SessionWork:
        return SessionWork(state.meter, reader, session, store=self._store, stats=self.stats, log=self._log)

    # -- associations that are kept -------------------------------------------------------------------------------

    def _release_idle(self, now: float) -> None:
        """Release associations that were idle for long enough, or that are too many."""
        while (state := self._sessions.idle(now)) is not None:
            self._spawn(self._close_held(state), state)

    async def _close_held(self, state: MeterState) -> None:
        try:
            await self._sessions.drop(state)
        finally:
            self._free(state)


def _current(state: MeterState, job: Job) -> bool:
    """Tell whether a job is still wanted: the inventory may have changed since."""
    if isinstance(job, TurnJob):
        return state.turns.get(job.schedule.name) is job
    if isinstance(job, BackfillJob):
        return state.backfills.get(job.profile.obis) is job
    return not job.done.done()


def _way(meter: Meter) -> tuple[object, ...]:
    """Return all of a meter that its sessions depend on."""
    access = MeterAccess.of(meter)
    return access, meter.link


def _unknown(meter_id: str) -> MeterUnknown:
    return MeterUnknown(f"The inventory has no meter '{meter_id}'; write its id as the configuration does")


def _fail(job: AskedJob, error: Exception) -> None:
    if not job.done.done():
        job.done.set_exception(error)
