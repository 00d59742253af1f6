"""Writes what is promoted, a batch a transaction."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Sequence
from typing import Final

from confluent_kafka import KafkaError, TopicPartition

from ami_kafka import clients
from ami_kafka.errors import KafkaUnavailable
from ami_kafka.loop import Output
from ami_kafka.transaction import Aborted, Rebuild, Writer
from ami_normalize.replay.errors import ReplayTaken
from ami_normalize.replay.plan import Plan

_WRITER: Final = "normalize.promote"
"""One transactional id for all promotions: two at once would give one revision to both."""
_BATCH: Final = 1000
_TRIES: Final = 10


class Promoter:
    """Writes to live topics. Whoever comes later puts the one before out."""

    def __init__(self, bootstrap: str, plan: Plan) -> None:
        """Register with the coordinator."""
        self._bootstrap = bootstrap
        self._offsets = [TopicPartition(plan.topic, number, span.end or 0) for number, span in plan.spans.items()]
        self._writer = Writer(
            bootstrap,
            _WRITER,
            timeout_ms=clients.TRANSACTION_TIMEOUT_MS,
            on_error=_quiet,
            on_wait=lambda _why: None,
        )
        self._member = clients.consumer(bootstrap, plan.group)
        if not self._writer.init(threading.Event()):
            raise KafkaUnavailable.at(bootstrap)

    def write(self, outputs: Iterable[Output]) -> None:
        """Write records. Raises KafkaUnavailable, ReplayTaken."""
        batch: list[Output] = []
        for output in outputs:
            batch.append(output)
            if len(batch) >= _BATCH:
                self._commit(batch)
                batch = []
        if batch:
            self._commit(batch)

    def close(self) -> None:
        """Let both clients go."""
        self._writer.close()
        self._member.close()

    def _commit(self, batch: Sequence[Output]) -> None:
        for attempt in range(_TRIES):
            try:
                self._writer.write(batch, self._offsets, self._member.consumer_group_metadata())
            except Aborted as aborted:  # noqa: PERF203
                if attempt == _TRIES - 1:
                    raise KafkaUnavailable.at(self._bootstrap, aborted.reason) from None
                time.sleep(min(0.1 * 2**attempt, 5.0))
            except Rebuild as rebuild:
                raise ReplayTaken(
                    f"the promotion was cut off ({rebuild.reason}), maybe by another one; "
                    "run it again: what is written already is not written twice"
                ) from None
            else:
                return


def _quiet(_error: KafkaError) -> None:
    """Say nothing: what matters comes as errors of the calls as well."""
