"""What a transactional loop is told once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from ami_kafka import clients
from ami_kafka.batch import BatchPolicy
from ami_kafka.events import LoopEvent
from ami_kafka.oversize import Replace
from ami_kafka.processor import Processor


class LoopSettings(NamedTuple):
    """The parameters of a loop; see `ami_kafka.loop.TransactionalLoop`."""

    bootstrap: str
    group: str
    source: str
    ledger: str
    processor: Processor
    on_event: Callable[[LoopEvent], None]
    instance_id: str | None = None
    batch: BatchPolicy = BatchPolicy()
    targets: Callable[[], Iterable[str]] = tuple
    oversize: Replace | None = None
    session_timeout_ms: int = clients.SESSION_TIMEOUT_MS
    transaction_timeout_ms: int = clients.TRANSACTION_TIMEOUT_MS
