"""How far behind a normalizer is, asked of Kafka beside the loop: where its partitions end, and how old the next is."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from confluent_kafka import KafkaException, TopicPartition

from ami_kafka import clients
from ami_kafka.offsets import bounds

EVERY_S: Final = 5.0
_TIMEOUT_S: Final = 4.0


class Lag:
    """Measures the lag of one process; its calls block for a few seconds at most."""

    def __init__(self, bootstrap: str, topic: str) -> None:
        """Ask the given Kafka about a topic."""
        self._bootstrap = bootstrap
        self._topic = topic
        self._admin = clients.admin(bootstrap)
        self._stamps: dict[int, tuple[int, int]] = {}

    def ends(self, partitions: Mapping[int, int]) -> dict[int, int] | None:
        """Return where partitions end; None where Kafka does not answer."""
        try:
            if not partitions:
                self._admin.list_topics(self._topic, timeout=_TIMEOUT_S)
                return {}
            found = bounds(self._admin, self._topic, sorted(partitions), _TIMEOUT_S)
        except KafkaException:
            return None
        return {number: each.high for number, each in found.items()}

    def oldest_ms(self, positions: Mapping[int, int], ends: Mapping[int, int]) -> int | None:
        """Return the time of the oldest record at a position, in ms since 1970; None without lag.

        A record that is known from the last time is not read again.
        """
        behind = {number: at for number, at in positions.items() if at < ends.get(number, 0)}
        self._stamps = {number: seen for number, seen in self._stamps.items() if behind.get(number) == seen[0]}
        unknown = {number: at for number, at in behind.items() if number not in self._stamps}
        if unknown:
            self._stamps |= {number: (unknown[number], stamp) for number, stamp in self._read(unknown).items()}
        return min((stamp for _, stamp in self._stamps.values()), default=None)

    def _read(self, positions: Mapping[int, int]) -> dict[int, int]:
        """Read one record of each partition, in a group that does not exist, as far as it comes in time."""
        stamps: dict[int, int] = {}
        consumer = clients.consumer(
            self._bootstrap,
            f"ami-lag-{uuid.uuid4()}",
            on_error=lambda _error: None,
            queued_min_messages=1,
            queued_max_messages_kbytes=clients.MAX_RECORD_BYTES >> 10,
            auto_offset_reset="earliest",
        )
        try:
            consumer.assign([TopicPartition(self._topic, number, at) for number, at in positions.items()])
            deadline = time.monotonic() + _TIMEOUT_S
            while len(stamps) < len(positions) and time.monotonic() < deadline:
                for message in consumer.consume(100, 0.2):
                    number = int(message.partition() or 0)
                    if message.error() is None and number not in stamps:
                        stamps[number] = message.timestamp()[1]
                        consumer.incremental_unassign([TopicPartition(self._topic, number)])
        except KafkaException:
            return stamps
        finally:
            consumer.close()
        return stamps


@contextmanager
def sampled(sample: Callable[[], None], every_s: float = EVERY_S) -> Iterator[None]:
    """Sample in a thread of its own, now and then, for as long as the block lasts."""
    done = threading.Event()

    def work() -> None:
        while not done.is_set():
            sample()
            done.wait(every_s)

    thread = threading.Thread(target=work, name="lag", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join(3 * _TIMEOUT_S)
