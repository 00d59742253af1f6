"""How far a group has read, kept in the ledger topic beside the group's own offsets.

Each transaction writes the next offset of every partition it read to the same partition number of the ledger. Whoever
gets a partition reads that ledger partition to its end and starts there. Group offsets alone are not enough: they were
seen to come back as absent after the broker that kept them was killed.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from enum import Enum
from typing import Final, NamedTuple

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Message, TopicPartition
from confluent_kafka.admin import AdminClient

from ami.ledger.v1 import progress_pb2
from ami_kafka import clients
from ami_kafka.offsets import bounds
from ami_kafka.records import LedgerRecord

_PROGRESS: Final = b"progress/"


class Origin(str, Enum):
    """Who says where to start."""

    LEDGER = "ledger"
    GROUP = "group"
    BEGINNING = "beginning"


class Start(NamedTuple):
    """Where to start reading a partition."""

    offset: int
    origin: Origin
    differs: bool
    """The ledger and the group's offsets disagree."""


def decide(ledger: int | None, group: int | None, low: int) -> Start:
    """Choose the first offset to read: the ledger's, else the group's, else the lowest that exists."""
    if ledger is not None:
        return Start(ledger, Origin.LEDGER, group != ledger)
    if group is not None:
        return Start(group, Origin.GROUP, differs=True)
    return Start(low, Origin.BEGINNING, differs=False)


def ledger_key(group: str, topic: str, partition: int) -> bytes:
    """Give the key under which the progress of a group on a partition stands in the ledger."""
    return _PROGRESS + f"{group}/{topic}/{partition}".encode()


def encode(next_offset: int) -> bytes:
    """Give the value of a progress record."""
    return progress_pb2.Progress(next_offset=next_offset).SerializeToString()


def parse(value: bytes) -> int:
    """Read the value of a progress record."""
    return int(progress_pb2.Progress.FromString(value).next_offset)


Restore = Callable[[int, Sequence[LedgerRecord]], None]
"""Takes what a ledger partition holds beside progress, in order, in as many calls as it needs."""


class _Patience(NamedTuple):
    stop: threading.Event
    on_wait: Callable[[list[int]], None]
    deadline: float


class Ledger:
    """Reads the progress of one group on one topic, and passes on what else the ledger keeps."""

    def __init__(self, bootstrap: str, *, ledger: str, group: str, source: str) -> None:
        self._bootstrap = bootstrap
        self._topic = ledger
        self._group = group
        self._source = source

    def read(
        self,
        partitions: Collection[int],
        stop: threading.Event,
        on_wait: Callable[[list[int]], None],
        restore: Restore = lambda _partition, _records: None,
        patience_s: float = 200.0,
    ) -> dict[int, int]:
        """Read ledger partitions to their ends; give the next offset of those that have one.

        What is no progress, of any group, goes to `restore`.

        The end is the high watermark as of now, and only committed records are read: so this returns only after
        every transaction that wrote to these partitions before now has ended. A predecessor that was cut off after it
        handed in its offsets has an open transaction here, and is waited for. `on_wait` is called once, with the
        partitions waited for. Raises `TimeoutError` after the given patience or when asked to stop.
        """
        deadline = time.monotonic() + patience_s
        admin = clients.admin(self._bootstrap)
        ends = self._ends(admin, partitions, stop, deadline)
        reading = {number for number, end in ends.items() if end > 0}
        found: dict[int, int] = {}
        if not reading:
            return found
        consumer = clients.consumer(
            self._bootstrap, f"{self._group}.ledger", enable_partition_eof=True, auto_offset_reset="earliest"
        )
        try:
            consumer.assign([TopicPartition(self._topic, number, OFFSET_BEGINNING) for number in sorted(reading)])
            for messages in self._until_ends(consumer, reading, ends, _Patience(stop, on_wait, deadline)):
                self._take(messages, found, restore)
        finally:
            consumer.close()
        return found

    def _ends(
        self, admin: AdminClient, partitions: Collection[int], stop: threading.Event, deadline: float
    ) -> dict[int, int]:
        while True:
            try:
                return {number: b.high for number, b in bounds(admin, self._topic, sorted(partitions)).items()}
            except KafkaException as error:  # noqa: PERF203
                if stop.wait(0.5) or time.monotonic() > deadline:
                    raise TimeoutError(f"the ledger does not answer: {error.args[0].str()}") from None

    def _until_ends(
        self, consumer: Consumer, reading: set[int], ends: dict[int, int], patience: _Patience
    ) -> Iterator[list[Message]]:
        """Yield the records up to the given ends."""
        idle_since: float | None = time.monotonic()
        while reading:
            if patience.stop.is_set() or time.monotonic() > patience.deadline:
                raise TimeoutError(f"the ledger partitions {sorted(reading)} could not be read to their ends")
            messages = consumer.consume(2000, 0.2)
            yield [message for message in messages if message.error() is None]
            for message in messages:
                error, number = message.error(), int(message.partition() or 0)
                if error and error.code() == KafkaError._PARTITION_EOF and (message.offset() or 0) >= ends[number]:  # noqa: SLF001
                    reading.discard(number)
            if messages:
                idle_since = time.monotonic() if idle_since is not None else None
            elif idle_since is not None and time.monotonic() - idle_since > 1.0:
                patience.on_wait(sorted(reading))
                idle_since = None

    def _take(self, messages: list[Message], found: dict[int, int], restore: Restore) -> None:
        """Note the progress among records, pass the others on."""
        kept: dict[int, list[LedgerRecord]] = {}
        for message in messages:
            number, key, value = int(message.partition() or 0), message.key() or b"", message.value()
            if not key.startswith(_PROGRESS):
                kept.setdefault(number, []).append(LedgerRecord(key, value))
            elif value and key == ledger_key(self._group, self._source, number):
                found[number] = parse(value)
        for number, records in kept.items():
            restore(number, records)
