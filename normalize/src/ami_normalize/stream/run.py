"""The transactional loop around the processor, until asked to stop."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Final, cast

import structlog
from structlog.typing import FilteringBoundLogger

from ami_kafka.loop import EventKind, LoopEvent, TransactionalLoop
from ami_kafka.observe.endpoint import serve
from ami_normalize.collector import settle
from ami_normalize.ledger import Windows
from ami_normalize.mapping.watched import DEFAULT_MAPPING
from ami_normalize.observe.lag import Lag, sampled
from ami_normalize.observe.observer import Inside, Observer
from ami_normalize.observe.tally import Tally
from ami_normalize.stream.breaker import Breaker
from ami_normalize.stream.inputs import Inputs
from ami_normalize.stream.processor import Processor
from ami_normalize.stream.redrive import Redrive
from ami_normalize.stream.routing import Routing
from ami_normalize.stream.settings import Settings
from ami_schemas import topics

_WRITTEN: Final = (topics.READINGS, topics.EVENTS, topics.DEAD_LETTERS, topics.PARKED)


def run(
    settings: Settings,
    stop: threading.Event,
    on_event: Callable[[LoopEvent], None] = lambda _event: None,
    log: FilteringBoundLogger | None = None,
) -> None:
    """Normalize until `stop` is set. Raises NormalizeError for unusable settings, and the errors of ami_kafka."""
    log = log or _stderr()
    inputs = Inputs(settings, log)
    for path in inputs.missing_mappings:
        if path != DEFAULT_MAPPING:
            log.warning("there is no such mapping yet; it takes effect as soon as it exists", mapping=str(path))
    breaker = Breaker(settings.breaker, keyed=inputs.keyed)
    inside = Inside(lambda: breaker.state, lambda: _versions(inputs), lambda: processor.waiting())  # noqa: PLW0108
    observer = Observer(inside, settings.patience_s)

    def redrive(windows: Windows) -> Redrive:
        return Redrive(settings.bootstrap, settings.group, windows, log, policy=settings.redrive)

    processor = Processor(inputs, settings.group, breaker, Tally(observer.ended), redrive)

    def tell(event: LoopEvent) -> None:
        observer(event)
        on_event(event)

    loop = TransactionalLoop(
        bootstrap=settings.bootstrap,
        group=settings.group,
        source=topics.RAW,
        ledger=topics.LEDGER,
        processor=Routing(processor, inputs),
        instance_id=settings.instance_id,
        batch=settings.batch,
        on_event=tell,
        targets=lambda: (*_WRITTEN, *inputs.routes.topics),
    )
    loop.check()
    with inputs.registry.following(), inputs.attended(), _served(settings, observer, log), closing(processor):
        if inputs.registry.await_ready(stop, lambda why: tell(_held(why))):
            settle()
        loop.run(stop)


def _held(why: str) -> LoopEvent:
    told = {"error": why, "cause": "registry"}
    return LoopEvent(EventKind.HELD, f"nothing is consumed until this is over: {why}", told)


@contextmanager
def _served(settings: Settings, observer: Observer, log: FilteringBoundLogger) -> Iterator[None]:
    """Serve metrics and health, where that is wanted."""
    if settings.metrics is None:
        yield
        return
    lag = Lag(settings.bootstrap, topics.RAW)
    with serve(settings.metrics, observer) as where, sampled(lambda: observer.sample(lag)):
        log.info("metrics and health are served", at=where)
        yield


def _versions(inputs: Inputs) -> tuple[str, str]:
    return inputs.context.decoder_version, inputs.context.mapping_hash


def _stderr() -> FilteringBoundLogger:
    """Return a logger of its own: nothing global is configured or relied on."""
    return cast("FilteringBoundLogger", structlog.wrap_logger(structlog.PrintLogger(sys.stderr)))
