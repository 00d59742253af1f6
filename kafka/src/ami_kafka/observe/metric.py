"""What a metric is called, what it says, and what it tells you to do; without Prometheus."""

from __future__ import annotations

from typing import Literal, NamedTuple


class Metric(NamedTuple):
    """A metric; counters get `_total` and histograms `_bucket`, `_sum` and `_count` where they are exposed."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    says: str
    do: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()

    @property
    def exposed(self) -> tuple[str, ...]:
        """The names of its samples."""
        if self.kind == "counter":
            return (f"{self.name}_total",)
        if self.kind == "histogram" and self.buckets and self.buckets[0] < 0:
            return (f"{self.name}_bucket",)  # of a sum that may fall the client exposes neither sum nor count
        if self.kind == "histogram":
            return tuple(f"{self.name}_{suffix}" for suffix in ("bucket", "sum", "count"))
        return (self.name,)
