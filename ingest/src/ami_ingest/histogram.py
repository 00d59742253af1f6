"""How long things took, counted in buckets: what a Prometheus histogram shows, without Prometheus."""

from __future__ import annotations

from bisect import bisect_left
from typing import Final

SECONDS: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0)
"""Upper bounds for what happens on a link: a local network to a slow radio mesh."""


class Histogram:
    """Counts observations by upper bound."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: tuple[float, ...] = SECONDS) -> None:
        """`bounds` rise; what exceeds the last one is counted too."""
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        """Observations up to each bound and above the one before; the last one: above all."""
        self.total = 0.0
        """Sum of all observations."""

    def observe(self, seconds: float) -> None:
        """Count one."""
        self.counts[bisect_left(self.bounds, seconds)] += 1
        self.total += seconds

    @property
    def count(self) -> int:
        """How many were observed."""
        return sum(self.counts)
