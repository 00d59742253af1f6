"""Of late, which share of the turns was in time."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping
from typing import Any, Final

HOUR_S: Final = 3600.0
_STEP_S: Final = 60.0

Turns = Mapping[tuple[str, Any], int]
"""By (group, outcome), since the start."""


class InTime:
    """Remembers counts of the last hour, one a minute."""

    def __init__(self, span_s: float = HOUR_S) -> None:
        self._span_s = span_s
        self._before: deque[tuple[float, Turns]] = deque()
        self._now: Turns = {}

    def sampled(self, at: float, turns: Turns) -> None:
        """Take the counts (which change no more) at a time (monotonic seconds)."""
        self._now = turns
        if not self._before or at - self._before[-1][0] >= _STEP_S:
            self._before.append((at, self._now))
        while len(self._before) > 1 and at - self._before[1][0] >= self._span_s:
            self._before.popleft()

    def ratios(self) -> dict[str, float]:
        """Return the share of each group that had turns."""
        if not self._before:
            return {}
        before = self._before[0][1]
        ended: Counter[str] = Counter()
        in_time: Counter[str] = Counter()
        for (group, outcome), count in self._now.items():
            new = count - before.get((group, outcome), 0)
            ended[group] += new
            if outcome == "in-time":
                in_time[group] += new
        return {group: in_time[group] / count for group, count in ended.items() if count > 0}
