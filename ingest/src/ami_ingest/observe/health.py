"""Progress or not, and why not. No clock of its own, no socket: samples come in, a report goes out.

Healthy is who makes progress: what is spooled leaves while Kafka is there, polls end, and some of them well. An agent
without Kafka is healthy: it spools, which is its work then.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from enum import Enum
from typing import Final, NamedTuple

from ami_ingest.observe.snapshot import Snapshot

PATIENCE_S: Final = 60.0
POLLS_PATIENCE_S: Final = 600.0
"""A link with long timeouts and retries takes minutes to fail."""
_BEAT_S: Final = 15.0
_MANY_FAILURES: Final = 20
"""Fewer may be one meter that is away."""


class State(str, Enum):
    """What an agent does."""

    WORKING = "working"
    IDLE = "idle"
    """Nothing is spooled, and no meter is read or connected."""
    KAFKA_AWAY = "kafka-away"
    SPOOL_FULL = "spool-full"
    DISK = "disk"
    """The spool cannot be written."""
    STUCK = "stuck"


MEANS: Final = {
    State.WORKING: ("meters are read or push, records leave", ""),
    State.IDLE: ("nothing is spooled, and no meter is read or connected", "where meters should be: see the inventory"),
    State.KAFKA_AWAY: (
        "the brokers do not answer; records wait on disk, which is the agent's work then: it is healthy",
        "mend the brokers or the backhaul; nothing is lost until the spool is full",
    ),
    State.SPOOL_FULL: (
        "the spool has reached its bound: meters wait, or what is oldest is dropped, as `spool.when_full` says",
        "bring Kafka back, or raise `spool.max_mb`",
    ),
    State.DISK: ("the spool cannot be written: records wait in memory", "free space on the disk, or check it"),
    State.STUCK: (
        "no progress: Kafka takes nothing though it answers, no poll ends or succeeds, or the event loop stands still",
        "the reason says which; a restart helps only where it says so",
    ),
}
"""What each state means, and what to do; the pages of docs/ show it."""


class Report(NamedTuple):
    """How it is."""

    healthy: bool
    state: State
    reason: str
    """A sentence for a person; empty where all is well."""
    remedy: str


class _Since:
    """When something last changed, or did not matter."""

    __slots__ = ("at", "value")

    def __init__(self, at: float) -> None:
        self.at = at
        self.value = 0

    def seen(self, at: float, value: int, *, due: bool) -> None:
        if value != self.value or not due:
            self.at = at
        self.value = value


class Health:
    """Takes samples from the event loop, gives reports to any thread."""

    def __init__(
        self,
        patience_s: float = PATIENCE_S,
        polls_patience_s: float = POLLS_PATIENCE_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._patience_s = patience_s
        self._polls_patience_s = polls_patience_s
        self._clock = clock
        now = clock()
        self._beat = now
        self._published, self._polled, self._succeeded = _Since(now), _Since(now), _Since(now)
        self._failed_before = 0
        self._failures = 0
        self._last: Snapshot | None = None
        self._busy = False
        self._lock = threading.Lock()

    def sampled(self, now: Snapshot) -> None:
        """Hear how it is, about once a second, from the event loop itself."""
        polls, spooled = now.polls, now.spooled
        well = sum(count for (_, code), count in polls.results.items() if code == "OK")
        failed = polls.results.total() - well
        with self._lock:
            at = self._beat = self._clock()
            self._published.seen(at, spooled.published, due=spooled.records > 0 and not spooled.away)
            self._polled.seen(at, well + failed, due=polls.running + sum(polls.waiting.values()) > 0)
            before = self._succeeded.value
            self._succeeded.seen(at, well, due=True)
            if well != before:
                self._failed_before = failed
            self._failures = failed - self._failed_before
            self._busy = bool(
                polls.running
                or polls.open_sessions
                or spooled.records
                or now.pushes.connections
                or now.calls.connections
            )
            self._last = now

    def report(self) -> Report:
        """Say how it is."""
        with self._lock:
            return self._report(self._clock())

    def _report(self, at: float) -> Report:
        if at - self._beat > _BEAT_S:
            return _stuck(
                f"the event loop has not turned for {at - self._beat:.0f} s", "restart the agent and report its log"
            )
        if self._last is None:
            return Report(healthy=True, state=State.IDLE, reason="", remedy="")
        spooled = self._last.spooled
        if spooled.failing:
            return Report(
                healthy=False,
                state=State.DISK,
                reason="the spool cannot be written: records wait in memory",
                remedy="free space on the disk, or check it",
            )
        if spooled.full:
            away = ", and Kafka is away" if spooled.away else ""
            return Report(
                healthy=False,
                state=State.SPOOL_FULL,
                reason=f"the spool is full ({spooled.records} records){away}: meters are not read",
                remedy="bring Kafka back, or raise spool.max_mb",
            )
        without = at - self._published.at
        if without > self._patience_s:
            return _stuck(
                f"{spooled.records} records wait in the spool, and Kafka took none for {without:.0f} s",
                "look at the log for what Kafka refuses, and at the backhaul",
            )
        without = at - self._polled.at
        if without > self._polls_patience_s:
            return _stuck(
                f"meters are due, and no poll has ended for {without:.0f} s", "restart the agent and report its log"
            )
        without = at - self._succeeded.at
        if self._failures >= _MANY_FAILURES and without > self._polls_patience_s:
            return _stuck(
                f"{self._failures} polls failed and none succeeded for {without:.0f} s",
                "look at error.log for what they share: the network, a key, the file limit",
            )
        if spooled.away:
            return Report(
                healthy=True,
                state=State.KAFKA_AWAY,
                reason=f"Kafka is away: {spooled.records} records wait in the spool",
                remedy="start the broker, or correct kafka.bootstrap; nothing is lost meanwhile",
            )
        return Report(healthy=True, state=State.WORKING if self._busy else State.IDLE, reason="", remedy="")


def _stuck(reason: str, remedy: str) -> Report:
    return Report(healthy=False, state=State.STUCK, reason=reason, remedy=remedy)
