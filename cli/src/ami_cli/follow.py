"""Follow topics without a group: nothing is committed, so looking never disturbs a processor."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterable, Sequence
from types import TracebackType
from typing import Any

from confluent_kafka import OFFSET_BEGINNING, KafkaError, KafkaException, TopicPartition

from ami_cli.view.records import Record
from ami_kafka.check import check, metadata
from ami_kafka.clients import admin, consumer
from ami_kafka.errors import KafkaUnavailable
from ami_kafka.offsets import bounds

_TIMEOUT_S = 10.0
_PASSING = {KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.LEADER_NOT_AVAILABLE, KafkaError.UNKNOWN_TOPIC_OR_PART}


class Follower:
    """Reads every partition of some topics, committed records only. Use as a context manager."""

    def __init__(self, bootstrap: str, topics: Sequence[str], *, from_beginning: bool) -> None:
        """Find the partitions and where to begin. Raises KafkaUnavailable or TopicMissing."""
        check(bootstrap, topics=topics)
        known = metadata(bootstrap).topics
        self._bootstrap = bootstrap
        self._lost = False
        self._consumer: Any = consumer(
            bootstrap,
            f"ami-look-{uuid.uuid4()}",
            on_error=self._on_error,
            enable_partition_eof=True,
            fetch_wait_max_ms=100,
            auto_offset_reset="earliest",
        )
        starts = [
            TopicPartition(topic, partition, OFFSET_BEGINNING if from_beginning else end)
            for topic in topics
            for partition, end in self._ends(topic, sorted(known[topic].partitions), ask=not from_beginning)
        ]
        self._unread = {(start.topic, start.partition) for start in starts}
        self._consumer.assign(starts)

    def poll(self, timeout_s: float, limit: int = 1000) -> list[Record]:
        """Return records that came, in the order they came; empty where none did. Raises KafkaUnavailable."""
        found = []
        for message in self._consumer.consume(limit, timeout_s):
            error = message.error()
            if error is None:
                found.append(Record.of(message))
            elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - the client's public name for it
                self._unread.discard((message.topic(), message.partition()))
            elif not error.retriable():
                raise KafkaException(error)
        if not found and self._lost:
            self._lost = False
            check(self._bootstrap)  # an idle connection may end without harm: only a Kafka that is away is an error
        return found

    @property
    def at_end(self) -> bool:
        """Whether every partition was read up to an end at least once."""
        return not self._unread

    def _ends(self, topic: str, partitions: list[int], *, ask: bool) -> Iterable[tuple[int, int]]:
        """Return the next offset of each partition; a topic just made has no leaders for a moment."""
        if not ask:
            return [(partition, 0) for partition in partitions]
        asking = admin(self._bootstrap)
        deadline = time.monotonic() + _TIMEOUT_S
        while True:
            try:
                return [(number, found.high) for number, found in bounds(asking, topic, partitions, _TIMEOUT_S).items()]
            except KafkaException as error:  # noqa: PERF203 - tried again
                cause = error.args[0]
                if not cause.retriable() and cause.code() not in _PASSING:
                    raise
                if time.monotonic() > deadline:
                    raise KafkaUnavailable.at(self._bootstrap, cause.str()) from None
                time.sleep(0.1)

    def _on_error(self, error: KafkaError) -> None:
        if error.code() == KafkaError._ALL_BROKERS_DOWN:  # noqa: SLF001 - the client's public name for it
            self._lost = True

    def __enter__(self) -> Follower:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._consumer.close()
