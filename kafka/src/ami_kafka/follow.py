"""Reading partitions beside other work: what has come so far, each time it is asked, and never waiting for more."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import NamedTuple

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, TopicPartition

from ami_kafka import clients
from ami_kafka.records import headers_of

_QUEUED_KIB = 8 << 10


class Where(NamedTuple):
    """A partition of a topic."""

    topic: str
    partition: int


class Kept(NamedTuple):
    """A committed record as it lies in its topic."""

    where: Where
    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes]]


class Follower:
    """Reads partitions from given offsets on, without a group; the client's own threads fetch ahead."""

    def __init__(self, bootstrap: str, name: str) -> None:
        """Make a client called `name` that reads nothing yet."""
        self._consumer: Consumer = clients.consumer(
            bootstrap,
            f"{name}-{uuid.uuid4()}",
            enable_partition_eof=True,
            auto_offset_reset="earliest",
            queued_max_messages_kbytes=_QUEUED_KIB,
            fetch_wait_max_ms=100,
        )
        self._next: dict[Where, int] = {}

    @property
    def following(self) -> Mapping[Where, int]:
        """The next offset of each partition; `OFFSET_BEGINNING` where nothing came yet."""
        return self._next

    def follow(self, starts: Mapping[Where, int | None]) -> None:
        """Read these partitions and no others: from the given offset, None for the beginning or where it reads now."""
        for where in self._next.keys() - starts.keys():
            del self._next[where]
        for where, start in starts.items():
            if start is not None:
                self._next[where] = start
            else:
                self._next.setdefault(where, OFFSET_BEGINNING)
        self._consumer.assign([TopicPartition(*where, offset) for where, offset in self._next.items()])

    def take(self, most: int, timeout_s: float = 0.0) -> tuple[list[Kept], dict[Where, int]]:
        """Give records that have come, each partition's in order, and the ends that were reached meanwhile.

        An end is the offset before which everything was read: records of transactions that are still open, and what
        comes behind them, are no part of it.
        """
        records, ends = [], {}
        for message in self._consumer.consume(most, timeout_s):
            where = Where(str(message.topic()), int(message.partition() or 0))
            offset, error = int(message.offset() or 0), message.error()
            if where not in self._next:
                continue
            if error is None:
                self._next[where] = offset + 1
                headers = list(headers_of(message))
                records.append(Kept(where, offset, message.timestamp()[1], message.key(), message.value(), headers))
            elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001
                ends[where] = offset
        return records, ends

    def close(self) -> None:
        """Let the client go."""
        self._consumer.close()
