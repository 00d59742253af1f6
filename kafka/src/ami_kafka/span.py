"""Read known offsets of topics, without joining a group: from a start up to an end that does not move."""

from __future__ import annotations

import time
from collections.abc import Mapping
from types import TracebackType
from typing import NamedTuple

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from ami_kafka import clients
from ami_kafka.check import check
from ami_kafka.errors import OffsetVanished, TransactionHangs
from ami_kafka.offsets import Bounds, bounds
from ami_kafka.triage import Verdict, triage

_ASK_EVERY_S = 5.0
PATIENCE_S = 90.0
"""Longer than any transaction of ours lives: what is behind one for so long is behind one that hangs."""
_FAR_MS = 1 << 62
_FETCHED = 256 << 10
_MOST_FETCHED = 8 << 20
"""Fetched at once of a partition, and in all, as compressed: many partitions are read at full speed, ten times as much
lies in memory then. A larger record comes all the same, alone."""

Place = tuple[str, int]
"""A topic and a partition of it."""


class Span(NamedTuple):
    """Offsets to read: `start` included, `end` not."""

    start: int
    end: int | None = None
    """None: whatever comes, for ever."""

    @property
    def length(self) -> int:
        """How many offsets, as far as known."""
        return max(0, (self.end or 0) - self.start)


class SpanReader:
    """Reads committed records of some spans. Use as a context manager."""

    def __init__(self, bootstrap: str, group: str, spans: Mapping[Place, Span], patience_s: float = PATIENCE_S) -> None:
        """Begin; `group` is only a name for the broker's logs, and for offsets its owner may commit to be seen."""
        self._bootstrap = bootstrap
        self._spans = dict(spans)
        self._unread = {place for place, span in spans.items() if span.end is None or span.end > span.start}
        self._position = {place: spans[place].start for place in self._unread}
        self._asked = time.monotonic()
        self._idle_s = 0.0
        self._patience_s = patience_s
        self._lost = False
        self.consumer: Consumer = clients.consumer(
            bootstrap,
            group,
            on_error=self._on_error,
            enable_partition_eof=True,
            fetch_wait_max_ms=100,
            fetch_message_max_bytes=_FETCHED,
            fetch_max_bytes=_MOST_FETCHED,
        )
        self.consumer.assign([TopicPartition(*place, spans[place].start) for place in sorted(self._unread)])

    @property
    def finished(self) -> bool:
        """Whether every span was read to its end."""
        return not self._unread

    def read(self, limit: int = 1000, timeout_s: float = 0.5) -> list[Message]:
        """Return records of the spans, each partition's in order; empty where none came in time.

        Raises OffsetVanished where one that is to be read exists no more, TransactionHangs where one stays behind an
        open transaction, KafkaUnavailable, KafkaException.
        """
        found: list[Message] = []
        if self.finished:
            return found
        begun = time.monotonic()
        for message in self.consumer.consume(limit, timeout_s):
            place = (str(message.topic()), int(message.partition() or 0))
            error = message.error()
            if error is not None:
                self._on_message_error(place, error, int(message.offset() or 0))
                continue
            offset, end = int(message.offset() or 0), self._spans[place].end
            if place not in self._unread or (end is not None and offset >= end):
                self._unread.discard(place)
                continue
            self._position[place] = offset + 1
            found.append(message)
            if offset + 1 == end:
                self._unread.discard(place)
        self._idle_s = 0.0 if found else self._idle_s + time.monotonic() - begun
        if not found and not self.finished:
            self._look_around()
        return found

    def position(self, place: Place) -> int:
        """Return the offset after the last one read of a place, or where its span starts."""
        return self._position.get(place, self._spans[place].start)

    def _look_around(self) -> None:
        """See whether there is a reason why nothing comes."""
        now = time.monotonic()
        if self._lost and now - self._asked > _ASK_EVERY_S:
            self._lost, self._asked = False, now
            check(self._bootstrap)  # an idle connection may end without harm: only a Kafka that is away is an error
        waiting = sorted(place for place in self._unread if self._spans[place].end is not None)
        if waiting and self._idle_s > self._patience_s:
            check(self._bootstrap)
            raise TransactionHangs.at(*waiting[0])

    def _on_message_error(self, place: Place, error: KafkaError, offset: int) -> None:
        if error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - the client's public name for it
            end = self._spans[place].end
            if end is not None and offset >= end:
                self._unread.discard(place)
            return
        if triage(error) is Verdict.VANISHED:
            self._look_again(place)
        elif error.fatal() or triage(error) in (Verdict.REFUSED, Verdict.MISSING):
            raise KafkaException(error)

    def _look_again(self, place: Place) -> None:
        """Go on where the record exists after all: a topic just made may say otherwise for a moment."""
        topic, partition = place
        position = self.position(place)
        existing = bounds(clients.admin(self._bootstrap), topic, [partition])[partition]
        if not existing.low <= position <= existing.high:
            raise vanished(topic, partition, position, existing)
        self.consumer.seek(TopicPartition(topic, partition, position))

    def _on_error(self, error: KafkaError) -> None:
        if error.code() == KafkaError._ALL_BROKERS_DOWN:  # noqa: SLF001 - the client's public name for it
            self._lost = True

    def __enter__(self) -> SpanReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.consumer.close()


def vanished(topic: str, partition: int, offset: int, existing: Bounds) -> OffsetVanished:
    """Say that an offset to read does not exist."""
    return OffsetVanished(
        f"offset {offset} of {topic}/{partition} does not exist: Kafka holds {existing.low} up to {existing.high}",
        "retention took records, or the topic was made anew; take them from the archive, or a range that exists",
    )


def partitions(bootstrap: str, topic: str) -> list[int]:
    """Return the partitions of a topic that exists. Raises KafkaUnavailable, TopicMissing."""
    check(bootstrap, topics=[topic])
    return sorted(clients.admin(bootstrap).list_topics(topic, 10.0).topics[topic].partitions)


def offsets_at(bootstrap: str, topic: str, timestamp_ms: int) -> dict[int, int | None]:
    """Return per partition the lowest offset stamped at or after a time; None where all are earlier."""
    consumer = clients.consumer(bootstrap, "ami-look")
    try:
        asked = [
            TopicPartition(topic, number, min(max(timestamp_ms, 0), _FAR_MS)) for number in partitions(bootstrap, topic)
        ]
        return {
            where.partition: where.offset if where.offset >= 0 else None
            for where in consumer.offsets_for_times(asked, 30.0)
        }
    finally:
        consumer.close()
