"""What is ready to be done, best first: by priority, then by the time it was due, among what may start now.

Each network (meters that share a bottleneck) is a lane with slots and a connection rate of its own. A lane that is
full, or whose rate is used up, is left aside until that changes; all other lanes go on. No operation looks at more
than a few jobs, however many wait. Without I/O and without a clock: the caller says what time it is.
"""

from __future__ import annotations

import heapq
import itertools
from collections import Counter
from collections.abc import Callable, Iterable

from ami_ingest.config.model import Network
from ami_ingest.schedule.job import Job, Priority
from ami_ingest.schedule.limits import TokenBucket

_Key = tuple[int, float, int]


class _Lane:
    __slots__ = ("bucket", "concurrency", "jobs", "running")

    def __init__(self, network: Network | None, now: float) -> None:
        self.jobs: list[tuple[_Key, Job]] = []
        self.running = 0
        self.concurrency = 1 << 30 if network is None else network.concurrency
        self.bucket = TokenBucket(None if network is None else network.connections_per_s, now)


class ReadyQueue:
    """Jobs by lane. A job is pushed, popped when it may start, and its lane released when it has ended."""

    def __init__(self, connections_per_s: float | None, connects: Callable[[Job], bool], now: float) -> None:
        """`connections_per_s` bounds all lanes together; `connects` tells whether a job will open a connection."""
        self._connects = connects
        self._bucket = TokenBucket(connections_per_s, now)
        self._lanes: dict[str | None, _Lane] = {None: _Lane(None, now)}
        self._heads: list[tuple[_Key, str | None]] = []
        self._later: list[tuple[float, str | None]] = []
        self._numbers = itertools.count()
        self.waiting: Counter[Priority] = Counter()
        """Jobs that are ready and have not begun, by priority."""

    def __len__(self) -> int:
        return self.waiting.total()

    def push(self, job: Job, network: Network | None, now: float) -> None:
        """Take a job that is due."""
        name = None if network is None else network.name
        lane = self._lanes.get(name)
        if lane is None:
            lane = self._lanes[name] = _Lane(network, now)
        key = (job.priority.value, job.due, next(self._numbers))
        heapq.heappush(lane.jobs, (key, job))
        self.waiting[job.priority] += 1
        if lane.jobs[0][0] is key:
            self._offer(name, lane)

    def limit(self, networks: Iterable[Network], now: float) -> None:
        """Take the networks over as they are now; of one that is no more, the lane stays while it has jobs."""
        wanted = {network.name: network for network in networks}
        for name, lane in list(self._lanes.items()):
            network = wanted.get(name) if name is not None else None
            if network is not None:
                lane.concurrency = network.concurrency
                lane.bucket = TokenBucket(network.connections_per_s, now)
                self._offer(name, lane)
            elif name is not None and not lane.jobs and not lane.running:
                del self._lanes[name]

    def limit_all(self, connections_per_s: float | None, now: float) -> None:
        """Take another connection rate of all lanes together over."""
        self._bucket = TokenBucket(connections_per_s, now)

    def pop(self, now: float, lowest: Priority = Priority.BACKFILL) -> tuple[Job, str | None] | None:
        """Return the best job that may start, and its lane, which counts it as running; None where there is none.

        `lowest` is the least priority wanted.
        """
        while self._later and self._later[0][0] <= now:
            _, name = heapq.heappop(self._later)
            if name in self._lanes:
                self._offer(name, self._lanes[name])
        while self._heads:
            key, name = self._heads[0]
            lane = self._lanes.get(name)
            if lane is None or not lane.jobs or lane.jobs[0][0] != key or lane.running >= lane.concurrency:
                # The lane is gone, another head was offered since, or the release will offer it again.
                heapq.heappop(self._heads)
                continue
            if key[0] > lowest:
                return None
            job = lane.jobs[0][1]
            if self._connects(job):
                if self._bucket.ready_at(now) > now:
                    return None
                ready_at = lane.bucket.ready_at(now)
                if ready_at > now:
                    heapq.heappop(self._heads)
                    heapq.heappush(self._later, (ready_at, name))
                    continue
                self._bucket.take(now)
                lane.bucket.take(now)
            heapq.heappop(self._heads)
            heapq.heappop(lane.jobs)
            self.waiting[job.priority] -= 1
            lane.running += 1
            self._offer(name, lane)
            return job, name
        return None

    def release(self, name: str | None) -> None:
        """Count a job of this lane as ended."""
        lane = self._lanes[name]
        lane.running -= 1
        self._offer(name, lane)

    def ready_at(self, now: float, lowest: Priority = Priority.BACKFILL) -> float | None:
        """Return when `pop` may find something though nothing was pushed or released; None: not before."""
        times = [self._later[0][0]] if self._later else []
        if self._heads and self._heads[0][0][0] <= lowest:
            times.append(self._bucket.ready_at(now))
        return min(times, default=None)

    def _offer(self, name: str | None, lane: _Lane) -> None:
        if lane.jobs and lane.running < lane.concurrency:
            heapq.heappush(self._heads, (lane.jobs[0][0], name))
