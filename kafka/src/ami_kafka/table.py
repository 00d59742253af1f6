"""A compacted topic as a table: read whole, then followed; and written, each record acknowledged."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from types import TracebackType
from typing import NamedTuple

from confluent_kafka import OFFSET_BEGINNING, KafkaError, KafkaException, Message, TopicPartition

from ami_kafka import clients
from ami_kafka.check import metadata
from ami_kafka.errors import KafkaUnavailable, NotAuthorized, TopicMissing
from ami_kafka.offsets import bounds
from ami_kafka.triage import Verdict, triage

_MOST = 10_000
"""Records taken at once."""


class Row(NamedTuple):
    """A record of a table; without value it withdraws what stood under its key."""

    key: bytes
    value: bytes | None


class Table:
    """Reads every partition of a compacted topic from its beginning, without a group. Use as a context manager."""

    def __init__(self, bootstrap: str, topic: str, *, only: bytes | None = None) -> None:
        """Find the partitions and their ends; `only` reads the one partition where a key is.

        Raises KafkaUnavailable, TopicMissing or NotAuthorized.
        """
        known = metadata(bootstrap).topics
        if topic not in known or known[topic].error is not None:
            raise TopicMissing.named(topic)
        count = len(known[topic].partitions)
        numbers = range(count) if only is None else [partition_of(only, count)]
        try:
            ends = bounds(clients.admin(bootstrap), topic, numbers)
        except KafkaException as error:
            raise _unreadable(bootstrap, error.args[0]) from None
        self._bootstrap = bootstrap
        self._ends = {number: end.high for number, end in ends.items()}
        self._unread = {number for number, end in ends.items() if end.high > end.low}
        self._consumer = clients.consumer(
            bootstrap,
            f"ami-table-{uuid.uuid4()}",
            enable_partition_eof=True,
            fetch_wait_max_ms=100,
            auto_offset_reset="earliest",
        )
        self._consumer.assign([TopicPartition(topic, number, OFFSET_BEGINNING) for number in numbers])

    @property
    def whole(self) -> bool:
        """Whether everything was read that was there when reading began."""
        return not self._unread

    @property
    def unread(self) -> frozenset[int]:
        """The partitions not yet read to the ends they had when reading began."""
        return frozenset(self._unread)

    def rows(self, timeout_s: float) -> list[Row]:
        """Return records that came, of each key in order; empty where none did in the time given.

        Raises KafkaUnavailable or NotAuthorized for what does not pass by itself.
        """
        found = []
        for message in self._consumer.consume(_MOST, timeout_s):
            error = message.error()
            if error is None:
                self._passed(message, int(message.offset() or 0) + 1)
                found.append(Row(message.key() or b"", message.value()))
            elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001  the client's public name for it
                self._passed(message, int(message.offset() or 0))
            elif triage(error) is not Verdict.RETRY and (error.fatal() or triage(error) is not Verdict.REBUILD):
                raise _unreadable(self._bootstrap, error)
        return found

    def _passed(self, message: Message, offset: int) -> None:
        number = int(message.partition() or 0)
        if number in self._unread and offset >= self._ends[number]:
            self._unread.discard(number)

    def __enter__(self) -> Table:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._consumer.close()


def write(bootstrap: str, topic: str, rows: Iterable[Row], timeout_s: float = 30.0) -> int:
    """Write records and wait until all of them are acknowledged; return how many. Raises KafkaUnavailable."""
    refused: list[KafkaError] = []

    def on_delivery(error: KafkaError | None, _message: Message) -> None:
        if error is not None:
            refused.append(error)

    producer = clients.producer(bootstrap, delivery_timeout_ms=int(timeout_s * 1000))
    written = 0
    for row in rows:
        while len(producer) > _MOST:
            producer.poll(0.1)
        producer.produce(topic, row.value, row.key, on_delivery=on_delivery)
        producer.poll(0)
        written += 1
    left = producer.flush(timeout_s + 1)
    if refused or left:
        raise _unreadable(bootstrap, refused[0]) if refused else KafkaUnavailable.at(bootstrap, "timed out")
    return written


def partition_of(key: bytes, count: int) -> int:
    """Return the partition that our producers write a key to: Java's murmur2."""
    return (murmur2(key) & 0x7FFFFFFF) % count


def murmur2(octets: bytes) -> int:
    """Return the hash that Kafka's Java client spreads keys by, as an unsigned number of 32 bits."""
    length, mask = len(octets), 0xFFFFFFFF
    found = 0x9747B28C ^ length
    for at in range(0, length & ~3, 4):
        word = int.from_bytes(octets[at : at + 4], "little") * 0x5BD1E995 & mask
        word = (word ^ word >> 24) * 0x5BD1E995 & mask
        found = found * 0x5BD1E995 & mask ^ word
    rest = octets[length & ~3 :]
    if rest:
        found = (found ^ int.from_bytes(rest, "little")) * 0x5BD1E995 & mask
    found = (found ^ found >> 13) * 0x5BD1E995 & mask
    return found ^ found >> 15


def _unreadable(bootstrap: str, error: KafkaError) -> KafkaUnavailable | NotAuthorized:
    if triage(error) is Verdict.REFUSED:
        return NotAuthorized(f"Kafka at {bootstrap} refuses us: {error.str()}", "check the credentials and rights")
    return KafkaUnavailable.at(bootstrap, error.str())
