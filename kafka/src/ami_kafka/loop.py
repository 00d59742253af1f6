"""The transactional loop: consume, process, produce, exactly once.

What the processor gives for a batch, the offsets of the group and the progress in the ledger are one transaction.
Whatever happens to a process or a broker, a reader of committed records sees the result of each record once.

- `processor`: what runs in the loop, and what it may remember;
- `progress`, `starts`: where a partition starts, and why the ledger says so;
- `session`: one pair of clients, its batches and its partitions;
- `transaction`: one transaction; `triage`: what follows from an error;
- here: clients that cannot go on are thrown away and made anew, and only what a person must resolve ends the loop.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable

from ami_kafka import clients
from ami_kafka.batch import BatchPolicy
from ami_kafka.check import check_alike
from ami_kafka.events import EventKind, LoopEvent
from ami_kafka.oversize import Replace
from ami_kafka.processor import Processor, ProcessorHeld, Stateless
from ami_kafka.records import LedgerRecord, Output, RawMessage
from ami_kafka.session import Session
from ami_kafka.settings import LoopSettings
from ami_kafka.transaction import Rebuild

__all__ = [
    "BatchPolicy",
    "EventKind",
    "LedgerRecord",
    "LoopEvent",
    "Output",
    "Processor",
    "ProcessorHeld",
    "RawMessage",
    "Stateless",
    "TransactionalLoop",
]

_QUIET_S = 60.0  # a pair of clients that lived so long starts with a short pause again


class TransactionalLoop:
    """Reads a topic, hands batches to a processor, writes what it gives: exactly once."""

    def __init__(
        self,
        *,
        bootstrap: str,
        group: str,
        source: str,
        ledger: str,
        processor: Processor,
        instance_id: str | None = None,
        batch: BatchPolicy | None = None,
        on_event: Callable[[LoopEvent], None] = lambda _event: None,
        targets: Callable[[], Iterable[str]] = tuple,
        oversize: Replace | None = None,
        session_timeout_ms: int = clients.SESSION_TIMEOUT_MS,
        transaction_timeout_ms: int = clients.TRANSACTION_TIMEOUT_MS,
    ) -> None:
        """Describe the loop; nothing happens yet.

        `processor` gets records and gives records to write; see `ami_kafka.processor` for all it is told. An error of
        it ends the loop with nothing consumed. `instance_id` names this process among its group for ever: a restart
        takes its partitions back at once, and two processes must never share one. `targets` gives the topics that the
        processor writes to as things stand: one that is missing ends the loop with a sentence, at its start or when a
        write fails. `oversize` gives what to write instead of a record that is too large for its topic. `on_event` is
        called in the loop's thread.
        """
        self._settings = LoopSettings(
            bootstrap=bootstrap,
            group=group,
            source=source,
            ledger=ledger,
            processor=processor,
            on_event=on_event,
            instance_id=instance_id,
            batch=batch or BatchPolicy(),
            targets=targets,
            oversize=oversize,
            session_timeout_ms=session_timeout_ms,
            transaction_timeout_ms=transaction_timeout_ms,
        )

    def run(self, stop: threading.Event) -> None:
        """Work until `stop` is set, then return with the current batch done.

        Raises at once `KafkaUnavailable`, `TopicMissing` or `TopicDiffers`; later only what a person must resolve
        (`OffsetVanished`, `TopicMissing`, `NotAuthorized`, `InstanceReplaced`) or an error of the processor. A broker
        that goes away later is waited for.
        """
        self.check()
        pause = 0.0
        while not stop.is_set():
            begun = time.monotonic()
            session = Session(self._settings, stop)
            try:
                session.run()
            except Rebuild as rebuild:
                if stop.is_set():
                    break
                self._tell(EventKind.REBUILT, f"both clients are made anew: {rebuild}", reason=str(rebuild))
            finally:
                session.close()
            pause = 0.5 if time.monotonic() - begun > _QUIET_S else min(max(2 * pause, 0.5), 10.0)
            stop.wait(pause)
        self._tell(EventKind.STOPPED, "stopped as asked")

    def check(self) -> None:
        """See that the topics are there and have the same number of partitions.

        Raises `KafkaUnavailable`, `TopicMissing` or `TopicDiffers`.
        """
        settings = self._settings
        check_alike(settings.bootstrap, settings.source, (settings.ledger, *settings.targets()))

    def _tell(self, kind: EventKind, sentence: str, **fields: object) -> None:
        self._settings.on_event(LoopEvent(kind, sentence, fields))
