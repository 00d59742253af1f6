"""Dead letters and parked records read once, up to now, in no group: looking disturbs nobody."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from confluent_kafka import OFFSET_END, Consumer, KafkaError, KafkaException, Message, TopicPartition

from ami_kafka import clients
from ami_kafka.check import check, metadata
from ami_kafka.offsets import bounds
from ami_kafka.records import RawMessage, headers_of
from ami_normalize.letters.letter import Letter
from ami_schemas import headers, topics

_TIMEOUT_S = 10.0


class Resolved(NamedTuple):
    """What the markers among the parked records say."""

    outcomes: Mapping[str, str]
    """How a raw record ended that was processed again, by its coordinates."""
    attempts: Mapping[str, int]
    """How often it was redriven."""


def letters(
    bootstrap: str, topic: str, *, since_ms: int | None = None, partitions: Sequence[int] | None = None
) -> Iterator[Letter]:
    """Yield the committed letters that a topic holds now, oldest first within each partition.

    Raises KafkaUnavailable, TopicMissing, or KafkaException.
    """
    for message in _messages(bootstrap, topic, since_ms, partitions):
        record = RawMessage.of(message)
        told = dict(record.headers)
        if message.value() is not None and headers.DLQ_REASON in told:
            yield Letter(*record[:-1], told)


def resolved(bootstrap: str, *, partitions: Sequence[int] | None = None) -> Resolved:
    """Read which raw records were processed again, and how that ended."""
    outcomes: dict[str, str] = {}
    attempts: dict[str, int] = {}
    for message in _messages(bootstrap, topics.PARKED, None, partitions):
        told = {name: value.decode("utf-8", "replace") for name, value in headers_of(message)}
        source, attempt = told.get(headers.RESOLVES, "").partition("#")[0], told.get(headers.ATTEMPT, "")
        if source and attempt.isdecimal():
            outcomes[source] = told.get(headers.OUTCOME, "")
            attempts[source] = int(attempt)
    return Resolved(outcomes, attempts)


def _messages(bootstrap: str, topic: str, since_ms: int | None, partitions: Sequence[int] | None) -> Iterator[Message]:
    """Yield the committed records of a topic up to its present end."""
    check(bootstrap, topics=[topic])
    known = sorted(metadata(bootstrap).topics[topic].partitions)
    numbers = known if partitions is None else [number for number in partitions if number in known]
    existing = bounds(clients.admin(bootstrap), topic, numbers, _TIMEOUT_S)
    consumer = clients.consumer(
        bootstrap,
        f"ami-letters-{uuid.uuid4()}",
        on_error=lambda _error: None,
        enable_partition_eof=True,
        auto_offset_reset="earliest",
    )
    try:
        starts = {number: each.low for number, each in existing.items() if each.low < each.high}
        if since_ms is not None:
            starts = _since(consumer, topic, starts, since_ms)
        unread = set(starts)
        consumer.assign([TopicPartition(topic, number, at) for number, at in starts.items()])
        while unread:
            for message in consumer.consume(1000, 1.0):
                number, error = int(message.partition() or 0), message.error()
                if error is None:
                    if int(message.offset() or 0) < existing[number].high:
                        yield message
                elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001  the client's public name for it
                    unread.discard(number)
                elif not error.retriable():
                    raise KafkaException(error)
    finally:
        consumer.close()


def _since(consumer: Consumer, topic: str, starts: Mapping[int, int], since_ms: int) -> dict[int, int]:
    """Return where to begin for records from a time on; partitions without any are left out."""
    asked = [TopicPartition(topic, number, since_ms) for number in starts]
    found = consumer.offsets_for_times(asked, timeout=_TIMEOUT_S)
    return {where.partition: where.offset for where in found if where.offset not in (OFFSET_END, -1)}
