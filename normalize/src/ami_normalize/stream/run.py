"""The transactional loop around the processor, until asked to stop."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from typing import cast

import structlog
from structlog.typing import FilteringBoundLogger

from ami_kafka.loop import LoopEvent, TransactionalLoop
from ami_normalize.mapping.watched import DEFAULT_MAPPING
from ami_normalize.stream.breaker import Breaker
from ami_normalize.stream.inputs import Inputs
from ami_normalize.stream.processor import Processor
from ami_normalize.stream.settings import Settings
from ami_schemas import topics


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
    loop = TransactionalLoop(
        bootstrap=settings.bootstrap,
        group=settings.group,
        source=topics.RAW,
        ledger=topics.LEDGER,
        processor=Processor(inputs, settings.group, Breaker(settings.breaker, keyed=inputs.keyed)),
        instance_id=settings.instance_id,
        batch=settings.batch,
        on_event=on_event,
    )
    with inputs.attended():
        loop.run(stop)


def _stderr() -> FilteringBoundLogger:
    """Return a logger of its own: nothing global is configured or relied on."""
    return cast("FilteringBoundLogger", structlog.wrap_logger(structlog.PrintLogger(sys.stderr)))
