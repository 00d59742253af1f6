"""Progress or not, and why not. No Kafka and no thread in here: events and measured lag come in, a report goes out.

Healthy is who makes progress: a batch was committed lately, or there is nothing to do. A process that is alive and
commits nothing while records wait is not.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from ami_kafka.loop import EventKind, LoopEvent

PATIENCE_S: Final = 60.0


class State(str, Enum):
    """What a normalizer does."""

    STARTING = "starting"
    WORKING = "working"
    IDLE = "idle"
    """It has partitions and no records wait."""
    STANDBY = "standby"
    """Others have all partitions."""
    WAITING = "waiting"
    """For a dead predecessor's transaction to end."""
    HELD = "held"
    """Something outside Kafka is missing, or the breaker is open: nothing is consumed."""
    KAFKA_AWAY = "kafka-away"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Report:
    """How it is."""

    healthy: bool
    state: State
    cause: str
    """What is missing, one word; empty where nothing is."""
    reason: str
    """A sentence for a person; empty where all is well."""
    progress_s: float
    """Seconds since there was progress last, or nothing to do."""
    committed_s: float | None
    """Seconds since the last commit."""
    positions: Mapping[int, int]
    """The next raw offset of each partition owned."""
    lag: Mapping[int, int] | None
    """Raw records that wait, of each partition owned; None while nobody can tell."""


@dataclass(slots=True)
class _Now:
    state: State = State.STARTING
    cause: str = ""
    reason: str = ""
    positions: dict[int, int] = field(default_factory=dict)
    waiting: set[int] = field(default_factory=set)
    lag: dict[int, int] | None = None
    joined: bool = False
    committed: float | None = None


_CALM: Final = frozenset({State.STARTING, State.WORKING, State.IDLE, State.STANDBY})


class Health:
    """Takes events and samples, from any thread; gives reports."""

    def __init__(self, patience_s: float = PATIENCE_S, clock: Callable[[], float] = time.monotonic) -> None:
        """Be unhealthy after so many seconds without progress."""
        self._patience_s = patience_s
        self._clock = clock
        self._progress = clock()
        self._now = _Now()
        self._lock = threading.Lock()

    def __call__(self, event: LoopEvent) -> None:
        """Hear of an event of the loop."""
        take = _ON.get(event.kind)
        if take is None:
            return
        with self._lock:
            take(self._now, event)
            if event.kind is EventKind.COMMITTED:
                self._now.committed = self._progress = self._clock()

    def sampled(self, ends: Mapping[int, int] | None) -> None:
        """Hear the end of each partition owned, as just measured; None: Kafka does not answer."""
        with self._lock:
            now = self._now
            if ends is None:
                now.lag = None
                if now.state in _CALM:
                    _be(now, State.KAFKA_AWAY, "kafka", "Kafka does not answer, waiting")
                return
            if now.state is State.KAFKA_AWAY:
                _be(now, State.WORKING if now.joined else State.STARTING)  # the loop hears of it with the next record
            now.lag = {number: max(0, ends[number] - at) for number, at in now.positions.items() if number in ends}
            if now.joined and not now.waiting and not any(now.lag.values()):
                self._progress = self._clock()
                if now.state in _CALM:
                    _be(now, State.IDLE if now.positions else State.STANDBY)

    @property
    def positions(self) -> dict[int, int]:
        """The next raw offset of each partition owned."""
        with self._lock:
            return dict(self._now.positions)

    def report(self) -> Report:
        """Say how it is."""
        with self._lock:
            now, at = self._now, self._clock()
            without = at - self._progress
            healthy = without < self._patience_s or now.state is State.STOPPED
            reason = now.reason
            if not healthy and not reason and not now.joined:
                reason = f"not in the group that shares the partitions out, and no progress for {without:.0f} s"
            elif not healthy and not reason:
                waiting = "an unknown number of" if now.lag is None else f"{sum(now.lag.values())}"
                reason = f"{waiting} records wait, and nothing was committed for {without:.0f} s"
            return Report(
                healthy=healthy,
                state=now.state,
                cause=now.cause,
                reason=reason,
                progress_s=without,
                committed_s=None if now.committed is None else at - now.committed,
                positions=dict(now.positions),
                lag=None if now.lag is None else dict(now.lag),
            )


def _be(now: _Now, state: State, cause: str = "", reason: str = "") -> None:
    now.state, now.cause, now.reason = state, cause, reason


def _assigned(now: _Now, event: LoopEvent) -> None:
    starts = event.fields["starts"]
    if isinstance(starts, Mapping):
        now.positions.update(starts)
        now.waiting.difference_update(starts)
    now.joined = True
    _be(now, State.WORKING)


def _revoked(now: _Now, event: LoopEvent) -> None:
    for number in _numbers(event):
        now.positions.pop(number, None)
        now.waiting.discard(number)
    if event.fields.get("lost"):
        now.joined = False  # nobody has its partitions for sure, so this is no standing by
        if now.state is not State.KAFKA_AWAY:
            _be(now, State.STARTING)


def _waiting(now: _Now, event: LoopEvent) -> None:
    now.waiting.update(_numbers(event))
    _be(now, State.WAITING, "transaction", event.sentence)


def _committed(now: _Now, event: LoopEvent) -> None:
    following = event.fields["next"]
    if isinstance(following, Mapping):
        now.positions.update({number: at for number, at in following.items() if number in now.positions})
    _be(now, State.WORKING)


def _held(now: _Now, event: LoopEvent) -> None:
    _be(now, State.HELD, str(event.fields.get("cause", "processor")), event.sentence)


def _away(now: _Now, event: LoopEvent) -> None:
    _be(now, State.KAFKA_AWAY, "kafka", event.sentence)


def _back(now: _Now, _event: LoopEvent) -> None:
    _be(now, State.WORKING)


def _rebuilt(now: _Now, event: LoopEvent) -> None:
    now.positions.clear()
    now.waiting.clear()
    now.joined = False
    _be(now, State.STARTING, "kafka", event.sentence)


def _started(now: _Now, _event: LoopEvent) -> None:
    _be(now, State.STARTING)


def _stopped(now: _Now, _event: LoopEvent) -> None:
    now.positions.clear()
    _be(now, State.STOPPED)


def _numbers(event: LoopEvent) -> list[int]:
    found = event.fields["partitions"]
    return list(found) if isinstance(found, list) else []


_ON: Final[Mapping[EventKind, Callable[[_Now, LoopEvent], None]]] = {
    EventKind.STARTED: _started,
    EventKind.ASSIGNED: _assigned,
    EventKind.REVOKED: _revoked,
    EventKind.WAITING: _waiting,
    EventKind.COMMITTED: _committed,
    EventKind.HELD: _held,
    EventKind.KAFKA_AWAY: _away,
    EventKind.KAFKA_BACK: _back,
    EventKind.REBUILT: _rebuilt,
    EventKind.STOPPED: _stopped,
}
