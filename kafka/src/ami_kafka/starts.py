"""Where to start reading partitions that come: the ledger first of all."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence

from confluent_kafka import Consumer, KafkaException, TopicPartition

from ami_kafka import clients
from ami_kafka.errors import OffsetVanished
from ami_kafka.events import EventKind
from ami_kafka.offsets import Bounds, bounds
from ami_kafka.progress import Ledger, decide
from ami_kafka.settings import LoopSettings
from ami_kafka.transaction import Rebuild

Tell = Callable[..., None]
"""Takes an event's kind, its sentence and its fields."""


class Starts:
    """Finds the first offsets to read, and hands the processor what the ledger keeps beside the progress."""

    def __init__(self, settings: LoopSettings, stop: threading.Event, tell: Tell) -> None:
        self._settings = settings
        self._stop = stop
        self._tell = tell
        self._ledger = Ledger(settings.bootstrap, ledger=settings.ledger, group=settings.group, source=settings.source)
        self._admin = clients.admin(settings.bootstrap)

    def find(self, consumer: Consumer, numbers: Sequence[int]) -> dict[int, int]:
        """Give the first offset to read of each partition. Raises `OffsetVanished` or `Rebuild`."""
        ledger = self._read_ledger(numbers)
        group = self._group_offsets(consumer, numbers)
        existing = bounds(self._admin, self._settings.source, numbers)
        starts = {}
        for number in numbers:
            start = decide(ledger.get(number), group.get(number), existing[number].low)
            if start.differs:
                told = f"the ledger says {ledger.get(number)}, the group's offset {group.get(number)}"
                self._tell(
                    EventKind.PROGRESS_DIFFERS,
                    f"partition {number}: {told}; starting at {start.offset}",
                    partition=number,
                    ledger=ledger.get(number),
                    group=group.get(number),
                )
            starts[number] = start.offset
            self._must_exist(number, start.offset, existing[number])
        return starts

    def must_exist(self, offsets: Mapping[int, int]) -> None:
        """Look whether the offsets to read next are still there; raises `OffsetVanished`."""
        existing = bounds(self._admin, self._settings.source, sorted(offsets))
        for number, offset in offsets.items():
            self._must_exist(number, offset, existing[number])

    def _read_ledger(self, numbers: Sequence[int]) -> dict[int, int]:
        def waiting(partitions: list[int]) -> None:
            self._tell(
                EventKind.WAITING,
                f"waiting for open transactions to end in the ledger's partitions {partitions}",
                partitions=partitions,
            )

        try:
            return self._ledger.read(numbers, self._stop, waiting, self._settings.processor.restore)
        except TimeoutError as error:
            raise Rebuild("ledger", str(error)) from None

    def _group_offsets(self, consumer: Consumer, numbers: Sequence[int]) -> dict[int, int]:
        found = consumer.committed([TopicPartition(self._settings.source, number) for number in numbers], timeout=30.0)
        for where in found:
            if where.error is not None:
                raise KafkaException(where.error)
        return {where.partition: where.offset for where in found if where.offset >= 0}

    def _must_exist(self, number: int, offset: int, existing: Bounds) -> None:
        if existing.low <= offset <= existing.high:
            return
        raise OffsetVanished(
            f"offset {offset} of {self._settings.source}/{number}, the next to read for {self._settings.group}, "
            f"does not exist: Kafka holds {existing.low} up to {existing.high}",
            "retention took records, or the topic was made anew; recover them from the archive, "
            "or accept the loss by starting under another group",
        )
