"""The associations of all meters: opened when needed, used again where the meter's link profile says so."""

from __future__ import annotations

import heapq
import itertools
import time
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

import structlog

from ami_dlms.framing import Framing
from ami_ingest.config.model import Meter
from ami_ingest.errors import ConnectionClosed, ConnectionFailed
from ami_ingest.meters.access import MeterAccess
from ami_ingest.meters.counters import CounterStore
from ami_ingest.meters.line import Line
from ami_ingest.meters.reading import MeterReader
from ami_ingest.meters.session import MeterSession
from ami_ingest.meters.session_keys import SessionKeys
from ami_ingest.schedule.roster import MeterState
from ami_ingest.schedule.rows_read import Store
from ami_ingest.schedule.stats import PollStats

_MOST_VOID: Final = 100
T = TypeVar("T")
Work = Callable[[MeterReader, MeterSession], Awaitable[T]]


class Sessions:
    """Opens, keeps and drops associations. The caller sees to it that a meter has one user at a time."""

    def __init__(
        self,
        store: Store,
        counters: CounterStore,
        stats: PollStats,
        session_keys: SessionKeys,
        *,
        agent: str,
        log: structlog.typing.FilteringBoundLogger,
        most_open: int,
        now: Callable[[], float],
    ) -> None:
        self._store = store
        self._counters = counters
        self._stats = stats
        self._session_keys = session_keys
        self._agent = agent
        self._log = log
        self._most_open = most_open
        self._now = now
        self._lines: dict[str, Line] = {}
        self._idle: list[tuple[float, int, MeterState]] = []
        self._ending: set[MeterSession] = set()
        """Associations about to be released."""
        self._tickets = itertools.count(1)

    async def use(self, state: MeterState, work: Work[T]) -> T:
        """Do work in a session of the meter, a kept one or a new one; keep it afterwards where that is wished.

        A kept association may have ended unnoticed: then a new one is tried at once.
        """
        if state.session is not None and state.link is not None:
            await self.drop(state)  # the meter has called again: what it had before is dead
        if state.session is not None:
            try:
                return await self._worked(state, state.session, work)
            except (ConnectionClosed, ConnectionFailed):
                if state.session is not None:
                    raise
        session = await self._open(state)
        return await self._worked(state, session, work)

    async def _worked(self, state: MeterState, session: MeterSession, work: Work[T]) -> T:
        began = time.monotonic()
        try:
            result = await work(reader_of(state), session)
        except BaseException:
            await self.drop(state)
            raise
        self._stats.phases["read"].observe(time.monotonic() - began)
        if session.unsolicited:
            await self._keep_pushes(state, session)
        keep_s = state.meter.link.keep_open_s
        if state.meter.address.scheme.is_call_in:
            keep_s = float("inf")  # the meter decides: once closed, only it can connect again
        if keep_s <= 0 or state.gone or not session.usable:
            await self.drop(state)
        else:
            self._keep(state, self._now() + keep_s)
        return result

    async def _open(self, state: MeterState) -> MeterSession:
        reader = state.reader
        if reader is None:
            reader = state.reader = self._make_reader(state.meter)
        link, state.link = state.link, None
        try:
            session = await reader.open(link)
        except BaseException:
            if link is not None:
                await link.close()  # the meter calls again
            raise
        state.session = session
        self._stats.open_sessions += 1
        self._stats.phases["connect"].observe(session.connect_s)
        self._stats.phases["associate"].observe(session.associate_s)
        return session

    def _make_reader(self, meter: Meter) -> MeterReader:
        access = MeterAccess.of(meter)
        name = meter.address.location
        if meter.address.scheme.is_call_in:
            name = f"{name} of {meter.id}"  # each has called over a line of its own
        line = self._lines.setdefault(name, Line(name)) if access.framing is Framing.HDLC else None
        return MeterReader(
            access,
            self._counters,
            agent=self._agent,
            log=self._log,
            line=line,
            session_keys=self._session_keys,
            lasting=True,
        )

    def _keep(self, state: MeterState, until: float) -> None:
        state.kept = next(self._tickets)
        heapq.heappush(self._idle, (until, state.kept, state))
        if len(self._idle) > 2 * self._stats.open_sessions + _MOST_VOID:
            # Each use leaves a void place behind, and that of an association without an end never comes up.
            self._idle = [place for place in self._idle if place[2].session is not None and place[2].kept == place[1]]
            heapq.heapify(self._idle)

    @property
    def next_idle(self) -> float | None:
        """When the next one will have been idle for long enough, seconds since the epoch."""
        return self._idle[0][0] if self._idle else None

    def idle(self, now: float) -> MeterState | None:
        """Return a meter whose association was idle for long enough, or is one too many; its caller drops it."""
        while self._idle and (
            self._idle[0][0] <= now or self._stats.open_sessions - len(self._ending) > self._most_open
        ):
            _, ticket, state = heapq.heappop(self._idle)
            if not state.busy and state.session is not None and state.kept == ticket:
                self._ending.add(state.session)
                return state
        return None

    async def drop(self, state: MeterState) -> None:
        """Release the meter's association, if it has one."""
        session, state.session = state.session, None
        if session is None:
            return
        self._stats.open_sessions -= 1
        self._ending.discard(session)
        try:
            await session.close()
        finally:
            if session.unsolicited:
                await self._keep_pushes(state, session)

    async def _keep_pushes(self, state: MeterState, session: MeterSession) -> None:
        """Keep what the meter pushed meanwhile."""
        await self._store.put(reader_of(state).pushes(session))


def reader_of(state: MeterState) -> MeterReader:
    """Return the reader of a meter that has a session: it was opened by it."""
    assert state.reader is not None  # noqa: S101
    return state.reader
