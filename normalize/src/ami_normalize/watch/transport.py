"""Faust's Kafka consumer, made right for topics that are written in transactions.

Committed records only: Faust reads uncommitted ones unless it runs its own exactly-once, and has no setting for it.

Offsets as they are: each transaction leaves a marker, a hole in the offsets of the records. Faust's acknowledgements
commit up to the next hole, one a commit, and with ten transactions a second fall behind for good. So they are switched
off (`acks=False` where the topics are named), and `commit_done` commits what is done.

Nothing left out: while Faust starts or rebalances it throws fetched records away and seeks back to what was committed.
That does nothing where nothing was committed yet, and where later records went through already, those that come again
are taken for old ones and dropped. It also goes on fetching while it seeks, one partition after the other, and then
throws away what was fetched meanwhile: so nothing is fetched between the seek and that (`perform_seek`). Each message
says from which offset on there is no other record before it (`since`), only one that follows what is done counts
(`follows`), what was fetched and is not done is known (`undone`), and what was left out is read again (`rewind`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from aiokafka import AIOKafkaConsumer
from faust.transport.drivers import aiokafka as driver
from faust.types import TP
from faust.types.tuples import ConsumerMessage

from ami_schemas import topics

_ISOLATION: Final = "_isolation_level"


class Message(ConsumerMessage):
    """A message that knows what lies before it."""

    __slots__ = ("since",)

    since: int
    """The first offset from which on there is no record before this one."""


class _Thread(driver.AIOKafkaConsumerThread):
    def __post_init__(self) -> None:
        super().__post_init__()
        self.fetched: dict[TP, int] = {}
        self.begun: dict[TP, int] = {}

    def _create_worker_consumer(self, transport: driver.Transport) -> AIOKafkaConsumer:
        consumer = super()._create_worker_consumer(transport)
        if not hasattr(consumer, _ISOLATION):
            raise AttributeError(f"this aiokafka keeps its isolation level elsewhere than in {_ISOLATION}")
        setattr(consumer, _ISOLATION, "read_committed")  # it is used when the consumer starts, which is later
        return consumer

    async def seek_to_committed(self) -> Mapping[TP, int]:
        return await self.call_thread(self._seek_to_committed)  # type: ignore[no-any-return]

    async def _seek_to_committed(self) -> Mapping[TP, int]:
        """Seek to what was committed, or to the beginning where nothing was; the changelog is the recovery's.

        All are asked for at once: one after the other takes seconds on a busy machine.
        """
        consumer = self._ensure_consumer()
        ours = [each for each in consumer.assignment() if each.topic != topics.WATCH]
        committed = dict(zip(ours, await asyncio.gather(*map(consumer.committed, ours)), strict=True))
        fresh = [each for each, offset in committed.items() if offset is None]
        committed.update(await consumer.beginning_offsets(fresh) if fresh else {})
        assigned = consumer.assignment()  # it may have changed meanwhile
        sought = {TP(each.topic, each.partition): offset for each, offset in committed.items() if each in assigned}
        for tp, offset in sought.items():
            consumer.seek(tp, offset)
            self.fetched[tp] = self.begun[tp] = offset
        return sought

    async def rewind(self, offsets: Mapping[TP, int]) -> None:
        await self.call_thread(self._rewind, offsets)

    async def _rewind(self, offsets: Mapping[TP, int]) -> None:
        consumer = self._ensure_consumer()
        for each in consumer.assignment():
            tp = TP(each.topic, each.partition)
            if tp in offsets:
                consumer.seek(each, offsets[tp])
                self.fetched[tp] = offsets[tp]

    async def _fetch_records(self, *arguments: Any, **named: Any) -> Any:
        """Fetch, and note of each record what lies before it; in the thread that seeks, so that nothing intervenes."""
        records = await super()._fetch_records(*arguments, **named)
        for tp, found in records.items():
            for record in found:
                record.since = min(self.fetched.get(tp, record.offset), record.offset)
                self.fetched[tp] = record.offset + 1
        return records


class Consumer(driver.Consumer):
    """Reads committed records; offsets are committed when `commit_done` says so."""

    _thread: _Thread

    async def perform_seek(self) -> None:
        """Seek to what was committed, and fetch nothing until Faust has cleared its queues and lets it flow again."""
        self.stop_flow()
        await super().perform_seek()

    def follows(self, message: Message, done: int) -> bool:
        """Tell whether all records before a message are done, where those before the offset `done` are."""
        return message.since <= self._begun(message.tp, done)

    def undone(self, tp: TP, done: int) -> int | None:
        """Return the first offset not done, where a record from there on was fetched; None where all of them are done.

        `done` is the offset before which everything was done since the last seek.
        """
        first = self._begun(tp, done)
        return first if self._thread.fetched.get(tp, 0) > first else None

    def _begun(self, tp: TP, done: int) -> int:
        return max(done, self._thread.begun.get(tp, 0))

    async def rewind(self, offsets: Mapping[TP, int]) -> None:
        """Read again from what is done on, where records that come before those handed over never came."""
        await self._thread.rewind(offsets)

    def left_alone(self) -> bool:
        """Tell whether what keeps us in the group has died: aiokafka logs it once, and reads nothing from then on."""
        coordinator = getattr(self._thread._consumer, "_coordinator", None)  # noqa: SLF001  it has no word for it
        task = getattr(coordinator, "_coordination_task", None)
        return task is not None and task.done()

    async def commit_done(self, offsets: Mapping[TP, int]) -> bool:
        """Commit the next offsets to read; False where the partitions are not ours any more."""
        return bool(await self._commit(offsets))

    def _new_consumer_thread(self) -> driver.AIOKafkaConsumerThread:
        return _Thread(self, loop=self.loop, beacon=self.beacon)

    def _to_message(self, tp: TP, record: Any) -> Message:
        message = Message(
            record.topic,
            record.partition,
            record.offset,
            record.timestamp / 1000,
            record.timestamp_type,
            record.headers,
            record.key,
            record.value,
            None,
            record.serialized_key_size,
            record.serialized_value_size,
            tp,
            generation_id=self.app.consumer_generation_id,
        )
        message.since = record.since
        self._read_offset[tp] = None  # else Faust drops what comes again; `follows` knows better
        return message


class Transport(driver.Transport):
    """Kafka for topics that are written in transactions."""

    Consumer = Consumer
