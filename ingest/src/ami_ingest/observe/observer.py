"""An agent observed: what is looked at when somebody asks becomes metrics and a health page."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final, TypeVar

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector

from ami_ingest.histogram import Histogram
from ami_ingest.observe import names
from ami_ingest.observe.health import Health, State
from ami_ingest.observe.ratio import InTime
from ami_ingest.observe.snapshot import Snapshot
from ami_kafka.observe.metric import Metric

_EVERY_S: Final = 1.0
_K = TypeVar("_K")
Samples = Iterable[tuple[tuple[str, ...], float]]


class Observer(Collector):
    """Answers for an agent, from any thread. Nothing is counted here: `snapshot` reads what the parts count."""

    def __init__(
        self,
        snapshot: Callable[[], Snapshot],
        *,
        health: Health | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Look at what `snapshot` returns."""
        self.health = Health(clock=clock) if health is None else health
        self._snapshot = snapshot
        self._clock = clock
        self._in_time = InTime()
        self._began = clock()
        self._registry = CollectorRegistry()
        self._registry.register(self)

    async def run(self) -> None:
        """Sample until cancelled; that this runs is itself a sign of life."""
        while True:
            self.sample()
            await asyncio.sleep(_EVERY_S)

    def sample(self) -> None:
        """Look once."""
        now = self._snapshot()
        self.health.sampled(now)
        self._in_time.sampled(self._clock(), _copy(now.polls.by_deadline))

    def metrics(self) -> bytes:
        """Return all metrics in Prometheus' text format."""
        return generate_latest(self._registry)

    def page(self) -> dict[str, Any]:
        """Return the health page: whether there is progress, why not, and the figures that tell most."""
        report = self.health.report()
        now = self._snapshot()
        results: Counter[str] = Counter()
        for (_, code), count in _copy(now.polls.results).items():
            results[code] += count
        return {
            "healthy": report.healthy,
            "state": report.state.value,
            "reason": report.reason or None,
            "remedy": report.remedy or None,
            "running_seconds": round(self._clock() - self._began),
            "meters": sum(now.in_force.meters.values()),
            "config": {"fingerprint": now.in_force.fingerprint, "loaded_at": round(now.in_force.loaded_at)},
            "polls": dict(results.most_common()),
            "in_time_last_hour": {group: round(ratio, 4) for group, ratio in sorted(self._in_time.ratios().items())},
            "open_sessions": now.polls.open_sessions,
            "pushes": now.pushes._asdict(),
            "calls": now.calls._asdict(),
            "spool": now.spooled._asdict(),
        }

    def collect(self) -> Iterator[Family]:
        """Yield what is as it is when somebody asks."""
        now = self._snapshot()
        polls, pushes, spooled, in_force, calls, lines = now
        report = self.health.report()
        yield _gauge(names.HEALTHY, report.healthy)
        yield _gauges(names.STATE, (((state.value,), state is report.state) for state in State))
        yield _counters(names.POLLS, _copy(polls.results).items())
        yield _counters(names.TURNS, _copy(polls.by_deadline).items())
        yield _gauges(names.IN_TIME, (((group,), ratio) for group, ratio in sorted(self._in_time.ratios().items())))
        yield _histograms(names.PHASE, polls.phases)
        yield _gauge(names.LAST_SUCCESS, polls.last_success)
        yield _gauge(names.SESSIONS, polls.open_sessions)
        yield _gauge(names.RUNNING, polls.running)
        yield _gauges(names.WAITING, (((priority,), count) for priority, count in _copy(polls.waiting).items()))
        yield _gauge(names.BREAKERS, polls.breakers_open)
        yield _counters(names.CRC_ERRORS, _worst(polls.crc_errors))
        yield _counters(names.SERIAL_RESETS, _worst(lines.resets))
        yield _counters(names.SERIAL_RETURNS, _worst(lines.returns))
        for metric, by_group in (
            (names.CLOCKS_OFF, polls.clocks_off),
            (names.CLOCKS_SET, polls.clocks_set),
            (names.SIGNALS_WEAK, polls.signals_weak),
            (names.ROWS_MISSING, polls.rows_missing),
        ):
            yield _counters(metric, (((group,), count) for group, count in _copy(by_group).items()))
        yield _histograms(names.SIGNAL, dict(polls.signals))
        yield _gauge(names.CALLERS, calls.connections)
        outcomes = {"identified": calls.identified, "unknown": calls.unknown, "refused": calls.refused}
        yield _counters(names.CALLS, (((outcome,), count) for outcome, count in outcomes.items()))
        yield _gauge(names.CONNECTIONS, pushes.connections)
        yield _counter(names.RECEIVED, pushes.received)
        yield _counters(names.REFUSED, [(("connections",), pushes.refused), (("messages",), pushes.strangers)])
        yield _counter(names.DROPPED, pushes.dropped)
        yield _counter(names.KERNEL_DROPS, pushes.kernel_drops)
        yield _counter(names.COUNTERS_MISSING, pushes.counters_missing)
        yield _gauge(names.SPOOL_RECORDS, spooled.records)
        yield _gauge(names.SPOOL_BYTES, spooled.octets)
        yield _gauge(names.SPOOL_LIMIT, spooled.limit)
        yield _gauge(names.SPOOL_FULL, spooled.full)
        yield _counter(names.SPOOL_DROPPED, spooled.dropped)
        yield _counter(names.SPOOL_DAMAGED, spooled.damaged)
        yield _gauge(names.LAG, spooled.oldest_s)
        yield _counter(names.PUBLISHED, spooled.published)
        yield _counter(names.KAFKA_REFUSALS, spooled.refusals)
        yield _gauge(names.KAFKA_AWAY, spooled.away)
        yield _gauges(names.METERS, (((group,), count) for group, count in sorted(in_force.meters.items())))
        yield _gauges(names.CONFIG, [((in_force.fingerprint,), 1)])
        yield _gauge(names.CONFIG_LOADED, in_force.loaded_at)

    def describe(self) -> Iterator[Family]:
        """Yield nothing: the names are known without looking."""
        return iter(())


def _copy(counts: Mapping[_K, int]) -> dict[_K, int]:
    """Copy what the event loop may be adding to: one step of the interpreter, so nothing changes in its midst."""
    return dict(counts)


def _worst(by_line: Mapping[str, int]) -> Samples:
    ordered = Counter(_copy(by_line)).most_common()
    told = [((line,), float(count)) for line, count in ordered[: names.MOST_LINES]]
    rest = sum(count for _, count in ordered[names.MOST_LINES :])
    return [*told, (("other",), float(rest))] if rest else told


def _gauge(metric: Metric, value: float) -> GaugeMetricFamily:
    return _gauges(metric, [((), value)])


def _gauges(metric: Metric, samples: Samples) -> GaugeMetricFamily:
    family = GaugeMetricFamily(metric.name, metric.says, labels=metric.labels)
    for labels, value in samples:
        family.add_metric(labels, value)
    return family


def _counter(metric: Metric, value: float) -> CounterMetricFamily:
    return _counters(metric, [((), value)])


def _counters(metric: Metric, samples: Samples) -> CounterMetricFamily:
    family = CounterMetricFamily(metric.name, metric.says, labels=metric.labels)
    for labels, value in samples:
        family.add_metric(labels, value)
    return family


def _histograms(metric: Metric, by_label: dict[str, Histogram]) -> HistogramMetricFamily:
    family = HistogramMetricFamily(metric.name, metric.says, labels=metric.labels)
    for label, histogram in by_label.items():
        counts, total = list(histogram.counts), histogram.total
        buckets, seen = [], 0
        for bound, count in zip((*histogram.bounds, float("inf")), counts, strict=True):
            seen += count
            buckets.append(("+Inf" if bound == float("inf") else str(float(bound)), seen))
        family.add_metric([label], buckets, total)
    return family
