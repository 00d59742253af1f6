"""Whether watch gets on: by partition, how much is unread, and since when nothing moved."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

STUCK_S: Final = 120.0
"""A partition with unread records in which nothing moves for so long is stuck."""

Place = tuple[str, int]
"""Topic and partition."""


class Progress(NamedTuple):
    """A partition at one moment."""

    position: int
    """Offset of the next record to be handed to the rules."""
    end: int
    """The end of the committed records."""
    moved_at_s: float
    """When the position was seen to change."""

    @property
    def lag(self) -> int:
        """How many offsets are unread; each transaction takes one of its own."""
        return max(0, self.end - self.position)


class Health:
    """Keeps the progress of the partitions that are ours. Times are of a monotonic clock, in seconds."""

    def __init__(self) -> None:
        self._progress: dict[Place, Progress] = {}
        self._seen_at_s: float | None = None
        self._trouble = "not started yet"

    def see(self, positions: Mapping[Place, int], ends: Mapping[Place, int], now_s: float) -> None:
        """Take the positions and ends of all our partitions."""
        self._progress = {
            place: self._moved(place, position, ends.get(place, position), now_s)
            for place, position in positions.items()
        }
        self._seen_at_s, self._trouble = now_s, ""

    def fail(self, trouble: str) -> None:
        """Take it that Kafka could not be asked."""
        self._trouble = trouble

    def caught_up(self, now_s: float) -> frozenset[int]:
        """Return the partitions of which, a moment ago, nothing was unread in any topic: silence there is silence."""
        if self._trouble or self._seen_at_s is None or now_s - self._seen_at_s > STUCK_S:
            return frozenset()
        behind = {partition for (_, partition), each in self._progress.items() if each.lag}
        return frozenset(partition for _, partition in self._progress) - behind

    def report(self, now_s: float) -> dict[str, Any]:
        """Return what a health page shows; `status` is `ok`, or says what is wrong."""
        stuck = [place for place, each in self._progress.items() if each.lag and now_s - each.moved_at_s > STUCK_S]
        old = self._seen_at_s is None or now_s - self._seen_at_s > STUCK_S
        status = self._trouble or ("no answer of Kafka lately" if old else "stuck" if stuck else "ok")
        return {
            "status": status,
            "lag": sum(each.lag for each in self._progress.values()),
            "stuck": _named(stuck),
            "partitions": [
                {
                    "topic": topic,
                    "partition": partition,
                    "position": each.position,
                    "lag": each.lag,
                    "still_s": round(now_s - each.moved_at_s, 1) if each.lag else 0,
                }
                for (topic, partition), each in sorted(self._progress.items())
            ],
        }

    def _moved(self, place: Place, position: int, end: int, now_s: float) -> Progress:
        before = self._progress.get(place)
        still = before is not None and before.position == position and before.lag
        return Progress(position, end, before.moved_at_s if before and still else now_s)


def _named(places: Iterable[Place]) -> list[str]:
    return [f"{topic}/{partition}" for topic, partition in sorted(places)]
