"""A normalizer observed: events, counts and measured lag become metrics and a health page."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from prometheus_client import CollectorRegistry, Counter, Histogram, disable_created_metrics, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector

from ami_kafka.loop import EventKind, LoopEvent
from ami_kafka.observe.metric import Metric
from ami_normalize.observe import names
from ami_normalize.observe.health import PATIENCE_S, Health, Report, State
from ami_normalize.observe.lag import Lag
from ami_normalize.observe.tally import Ended
from ami_normalize.stream.breaker import State as BreakerState

disable_created_metrics()  # type: ignore[no-untyped-call]  # when a series began doubles the page, and tells nothing to do

_BREAKER: Final = {BreakerState.CLOSED: 0.0, BreakerState.HALF_OPEN: 0.5, BreakerState.OPEN: 1.0}


@dataclass(frozen=True, slots=True)
class Inside:
    """What is looked at when somebody asks."""

    breaker: Callable[[], BreakerState]
    versions: Callable[[], tuple[str, str]]
    """Of the decoder and the mapping in force."""
    parked: Callable[[], int] = lambda: 0
    """Parked records that wait, of the partitions owned."""


class Observer(Collector):
    """Hears what a normalizer does, and answers for it, from any thread."""

    def __init__(
        self,
        inside: Inside,
        patience_s: float = PATIENCE_S,
        *,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        """Start with nothing heard; `clock` is monotonic, `wall` gives Unix time."""
        self.health = Health(patience_s, clock)
        self._inside = inside
        self._wall = wall
        self._committed_at = 0.0
        self._oldest_ms: int | None = None
        self._registry = registry = CollectorRegistry()
        self._records, self._outputs = _counter(names.RECORDS, registry), _counter(names.OUTPUTS, registry)
        self._refused, self._aborts = _counter(names.REFUSED, registry), _counter(names.ABORTS, registry)
        self._rebuilds, self._oversize = _counter(names.REBUILDS, registry), _counter(names.OVERSIZE, registry)
        self._rebalances = _counter(names.REBALANCES, registry)
        self._batch_records = _histogram(names.BATCH_RECORDS, registry)
        self._batch_seconds = _histogram(names.BATCH_SECONDS, registry)
        self._commit_seconds = _histogram(names.COMMIT_SECONDS, registry)
        registry.register(self)

    def __call__(self, event: LoopEvent) -> None:
        """Hear of an event of the loop."""
        self.health(event)
        fields = event.fields
        if event.kind is EventKind.COMMITTED:
            self._committed_at = self._wall()
            self._batch_records.observe(_number(fields["records"]))
            self._batch_seconds.observe(_number(fields["seconds"]))
            self._commit_seconds.observe(_number(fields["writing"]))
        elif event.kind is EventKind.ABORTED:
            self._aborts.labels(str(fields["step"]).partition(" ")[0]).inc()
        elif event.kind is EventKind.REBUILT:
            self._rebuilds.inc()
        elif event.kind is EventKind.OVERSIZE:
            self._oversize.inc()
        elif event.kind in (EventKind.ASSIGNED, EventKind.REVOKED):
            self._rebalances.labels(event.kind.value).inc()

    def ended(self, ended: Ended) -> None:
        """Hear how a committed batch ended."""
        for maker, count in ended.records.items():
            self._records.labels(maker).inc(count)
        for topic, count in ended.outputs.items():
            self._outputs.labels(topic).inc(count)
        for labels, count in ended.refused.items():
            self._refused.labels(*labels).inc(count)

    def sample(self, lag: Lag) -> None:
        """Measure how far behind it is."""
        positions = self.health.positions
        ends = lag.ends(positions)
        self.health.sampled(ends)
        if ends is not None:
            self._oldest_ms = lag.oldest_ms(positions, ends)

    def metrics(self) -> bytes:
        """Return all metrics in Prometheus' text format."""
        return generate_latest(self._registry)

    def page(self) -> dict[str, Any]:
        """Return the health page: whether there is progress, and why not."""
        report = self.health.report()
        decoder, mapping = self._inside.versions()
        return {
            "healthy": report.healthy,
            "state": report.state.value,
            "cause": report.cause or None,
            "reason": report.reason or None,
            "seconds_without_progress": round(report.progress_s, 1),
            "seconds_since_commit": None if report.committed_s is None else round(report.committed_s, 1),
            "partitions": {str(number): at for number, at in sorted(report.positions.items())},
            "lag": None if report.lag is None else sum(report.lag.values()),
            "oldest_unprocessed_seconds": round(self._oldest_s(), 1),
            "breaker": self._inside.breaker().value,
            "parked_waiting": self._inside.parked(),
            "decoder": decoder,
            "mapping": mapping,
        }

    def collect(self) -> Iterator[Family]:
        """Yield what is as it is when somebody asks."""
        report = self.health.report()
        yield _gauge(names.HEALTHY, ([], report.healthy))
        yield _gauge(names.LAG, *(([str(number)], lag) for number, lag in (report.lag or {}).items()))
        yield _gauge(names.OLDEST, ([], self._oldest_s()))
        yield _gauge(names.COMMITTED_OFFSET, *(([str(number)], at) for number, at in report.positions.items()))
        yield _gauge(names.LAST_COMMIT, ([], self._committed_at))
        yield _gauge(names.PARTITIONS, ([], len(report.positions)))
        yield _gauge(names.HELD, *_held(report))
        yield _gauge(names.KAFKA_AWAY, ([], report.state is State.KAFKA_AWAY))
        yield _gauge(names.BREAKER, ([], _BREAKER[self._inside.breaker()]))
        yield _gauge(names.PARKED_WAITING, ([], self._inside.parked()))
        yield _gauge(names.INFO, (self._inside.versions(), 1))

    def describe(self) -> Iterator[Family]:
        """Yield nothing: the names are known without asking Kafka."""
        return iter(())

    def _oldest_s(self) -> float:
        return 0.0 if self._oldest_ms is None else max(0.0, self._wall() - self._oldest_ms / 1000)


def _held(report: Report) -> list[tuple[list[str], float]]:
    return [([report.cause], 1)] if report.state is State.HELD else []


def _gauge(metric: Metric, *samples: tuple[Sequence[str], float]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(metric.name, metric.says, labels=metric.labels)
    for labels, value in samples:
        family.add_metric(labels, value)
    return family


def _counter(metric: Metric, registry: CollectorRegistry) -> Counter:
    return Counter(metric.name, metric.says, metric.labels, registry=registry)


def _histogram(metric: Metric, registry: CollectorRegistry) -> Histogram:
    return Histogram(metric.name, metric.says, metric.labels, registry=registry, buckets=metric.buckets)


def _number(value: object) -> float:
    return float(value) if isinstance(value, (int, float)) else 0.0
