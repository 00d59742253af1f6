"""One pair of clients, from joining the group to leaving it: read a batch, process it, write it, again."""

from __future__ import annotations

import contextlib
import threading
import time
import uuid
from collections.abc import Iterable, Iterator, Sequence

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from ami_kafka import clients
from ami_kafka.assignment import Assignment, WentBack, following
from ami_kafka.check import check
from ami_kafka.errors import InstanceReplaced, KafkaUnavailable, NotAuthorized
from ami_kafka.events import EventKind, LoopEvent
from ami_kafka.oversize import fit
from ami_kafka.processor import ProcessorHeld, cause_of
from ami_kafka.progress import encode, ledger_key
from ami_kafka.records import Output, RawMessage, headers_of
from ami_kafka.settings import LoopSettings
from ami_kafka.starts import Starts
from ami_kafka.topics import limits
from ami_kafka.transaction import Aborted, Rebuild, Writer
from ami_kafka.triage import Verdict, is_member, triage
from ami_kafka.worker import Worker

_new = tuple.__new__
"""Makes a named tuple at half the price of calling its class."""
_FETCHED_LEAST, _FETCH_WAIT_MS = 100_000, 50
"""A broker answers when there is so much to read, or after so long: else each small append of an agent is a request
and an answer more, which was a quarter of the broker's work at 6,000 records a second."""
_SESSIONS_OUT = 3
"""How many session timeouts a consumer may be out of its group before it is made anew."""


class Session:
    """A consumer and a transactional producer that belong together.

    No transaction is open while `consume` runs, and the callbacks of a rebalance run nowhere else: so no partition goes
    in the middle of a transaction with our knowledge, and where one went without, the broker refuses the offsets.
    """

    def __init__(self, settings: LoopSettings, stop: threading.Event) -> None:
        self._settings = settings
        self._stop = stop
        self._assignment = Assignment()
        self._limits: dict[str, int] = {}
        self._mean = 1024.0
        self._trouble = 0
        self._away = False
        self._due = False  # something was, so more of it may be
        self._gathered = 0.0
        self._joined = False
        self._lost_at: float | None = None
        self._leaving = False
        instance = settings.instance_id
        self._writer = Writer(
            settings.bootstrap,
            f"{settings.group}-{instance or uuid.uuid4()}",
            timeout_ms=settings.transaction_timeout_ms,
            on_error=self._on_client_error,
            on_wait=self._kafka_away,
        )
        static = {"group_instance_id": instance} if instance else {}
        self._consumer: Consumer = clients.consumer(
            settings.bootstrap,
            settings.group,
            on_error=self._on_client_error,
            session_timeout_ms=settings.session_timeout_ms,
            heartbeat_interval_ms=min(2000, settings.session_timeout_ms // 4),
            fetch_min_bytes=_FETCHED_LEAST,
            fetch_wait_max_ms=_FETCH_WAIT_MS,
            **static,
        )
        self._starts = Starts(settings, stop, self._tell)

    def run(self) -> None:
        """Work until asked to stop. Raises `Rebuild`, or an error that nobody but a person can resolve."""
        if not self._writer.init(self._stop):
            return
        self._tell(EventKind.STARTED, "ready to read", transactional_id=self._writer.transactional_id)
        self._consumer.subscribe(
            [self._settings.source], on_assign=self._on_assign, on_revoke=self._on_revoke, on_lost=self._on_lost
        )
        try:
            while not self._stop.is_set():
                self._commit(self._gather())
                self._see_membership()
        except Rebuild as rebuild:
            self._escalate(rebuild.verdict, rebuild.reason)
            raise
        except KafkaException as error:
            cause = error.args[0]
            self._escalate(triage(cause), cause.str())
            raise Rebuild("consume", cause.str()) from None
        except WentBack as error:
            raise Rebuild("consume", str(error)) from None

    def close(self) -> None:
        """Leave the group and let both clients go; what the processor remembers is restored when partitions come."""
        self._leaving = True
        self._writer.close()
        worker = Worker()
        patience_s = self._settings.session_timeout_ms / 1000  # after it the group has forgotten us anyway
        with contextlib.suppress(KafkaException, RuntimeError, TimeoutError):
            worker.call(self._consumer.close, patience_s=patience_s, on_wait=self._leaving_takes_long)
        worker.close()
        self._give_up(list(self._assignment.committed), lost=False)

    # Reading

    def _gather(self) -> list[RawMessage]:
        """Read a batch; its bytes, number and age are bounded."""
        policy = self._settings.batch
        batch: list[RawMessage] = []
        octets = 0
        deadline = policy.deadline(time.monotonic(), self._gathered, hurry=self._due)
        more = True
        while not self._stop.is_set():
            room = policy.room(len(batch), octets, self._mean)
            left = deadline - time.monotonic()
            if room == 0 or (left <= 0 and not more):
                break
            messages = self._consumer.consume(room, max(left, 0.0))
            more = len(messages) == room
            disturbed = self._assignment.take_disturbed()
            if disturbed:
                # A rebalance ran inside. What came of these partitions may be from before or after it: read it again.
                batch = [message for message in batch if message.partition not in disturbed]
                messages = [message for message in messages if message.partition() not in disturbed]
                self._seek(self._assignment.restart(disturbed))
            arrived = list(self._arrived(messages))
            if arrived:
                size = sum(len(message.value) + len(message.key or b"") for message in arrived)
                octets += size
                self._mean = 0.5 * self._mean + 0.5 * size / len(arrived)
                batch += arrived
                self._kafka_back()
        self._gathered = time.monotonic()
        return batch

    def _arrived(self, messages: Sequence[Message]) -> Iterator[RawMessage]:
        accept, topic = self._assignment.accept, self._settings.source
        for message in messages:
            error = message.error()
            if error is not None:
                self._on_message_error(error)
                continue
            partition, offset = message.partition() or 0, message.offset() or 0
            if accept(partition, offset):
                value = message.value() or b""
                at = message.timestamp()[1]
                yield _new(RawMessage, (topic, partition, offset, at, message.key(), value, headers_of(message)))

    def _seek(self, offsets: dict[int, int]) -> None:
        for number, offset in offsets.items():
            self._consumer.seek(TopicPartition(self._settings.source, number, offset))

    # Writing

    def _commit(self, batch: list[RawMessage]) -> None:
        """Process a batch and what is due beside it and commit both, or make the batch come again."""
        begun = time.monotonic()
        membership = self._consumer.consumer_group_metadata()
        processor = self._settings.processor
        try:
            records = list(self._fitting(processor(batch))) if batch else []
            due = list(self._fitting(processor.due(self._assignment.committed.keys())))
        except (ProcessorHeld, OSError) as error:
            processor.aborted()
            self._again(
                batch,
                EventKind.HELD,
                f"nothing is consumed until this is over: {error}",
                cause=cause_of(error),
                error=str(error),
            )
            return
        self._due = bool(due)
        if not batch and not due:
            return
        if not is_member(membership):
            raise Rebuild("offsets", "the group has put us out")
        after = {output.partition: self._assignment.committed[output.partition] for output in due} | following(batch)
        writing = time.monotonic()
        try:
            self._writer.write(
                [*records, *due, *self._progress(after)],
                [TopicPartition(self._settings.source, number, offset) for number, offset in after.items()],
                membership,
            )
        except Aborted as aborted:
            processor.aborted()
            for topic, length in aborted.too_large.items():
                self._limits[topic] = min(self._limit(topic), length)
            if not aborted.too_large:
                self._see_topics()
            self._again(
                batch, EventKind.ABORTED, f"the batch comes again: {aborted}", step=aborted.step, error=aborted.reason
            )
            return
        processor.committed()
        self._trouble = 0
        self._assignment.commit(after)
        self._tell(
            EventKind.COMMITTED,
            f"{len(batch)} records",
            records=len(batch),
            outputs=len(records) + len(due),
            seconds=time.monotonic() - begun,
            writing=time.monotonic() - writing,
            next=after,
        )

    def _fitting(self, outputs: Iterable[Output]) -> Iterator[Output]:
        """See that everything fits its topic."""
        return fit(outputs, self._limit, self._settings.oversize, self._on_oversize)

    def _progress(self, after: dict[int, int]) -> Iterator[Output]:
        """Yield the progress of each partition."""
        settings = self._settings
        for number, offset in after.items():
            key = ledger_key(settings.group, settings.source, number)
            yield Output(settings.ledger, number, key, encode(offset), [])

    def _limit(self, topic: str) -> int:
        """Give the bytes a topic takes; asked once a session, and lowered where a broker took less."""
        known = self._limits.get(topic)
        if known is None:
            with contextlib.suppress(KafkaException):
                known = limits(self._settings.bootstrap, [topic]).get(topic)
            known = min(known or clients.MAX_RECORD_BYTES, clients.MAX_RECORD_BYTES)
            self._limits[topic] = known
        return known

    def _again(self, batch: list[RawMessage], kind: EventKind, sentence: str, **fields: object) -> None:
        """Make a batch come again, after a pause that grows with the trouble."""
        self._tell(kind, sentence, **fields)
        self._seek(self._assignment.rewind(batch))
        self._trouble += 1
        self._stop.wait(min(0.1 * 2**self._trouble, 5.0))

    # Rebalancing: these run inside `consume`

    def _on_assign(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        numbers = [where.partition for where in partitions]
        starts = self._starts.find(consumer, numbers) if numbers else {}
        consumer.incremental_assign(
            [TopicPartition(self._settings.source, number, offset) for number, offset in starts.items()]
        )
        self._assignment.add(starts)
        self._lost_at = None
        if numbers:
            self._tell(EventKind.ASSIGNED, f"partitions {numbers} are ours", starts=starts)
        elif not self._joined:
            self._tell(EventKind.ASSIGNED, "no partition is ours yet: standing by", starts=starts)
        self._joined = True

    def _on_revoke(self, _consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._remove(partitions, lost=False)

    def _on_lost(self, _consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._remove(partitions, lost=True)

    def _remove(self, partitions: list[TopicPartition], *, lost: bool) -> None:
        if self._leaving:
            return  # not in our thread; and what the processor remembers may be of clients made since
        if lost and self._lost_at is None:
            self._lost_at = time.monotonic()
        self._give_up([where.partition for where in partitions], lost=lost)

    def _give_up(self, numbers: list[int], *, lost: bool) -> None:
        """Forget partitions that are not ours any more."""
        self._assignment.remove(numbers)
        if numbers:
            self._settings.processor.release(numbers)
            how = "were taken" if lost else "go to another"
            self._tell(EventKind.REVOKED, f"partitions {numbers} {how}", partitions=numbers, lost=lost)

    def _see_membership(self) -> None:
        """See that the group takes us back: a consumer that was put out joins again by itself, but was seen not to."""
        lost_s = 0.0 if self._lost_at is None else time.monotonic() - self._lost_at
        if lost_s > _SESSIONS_OUT * self._settings.session_timeout_ms / 1000:
            raise Rebuild("consume", f"put out of the group {lost_s:.0f} s ago, and not back since")

    # Trouble

    def _on_message_error(self, error: KafkaError) -> None:
        verdict = triage(error)
        if verdict is Verdict.RETRY:
            return
        if verdict is Verdict.REBUILD and not error.fatal():
            self._kafka_away(error.str())  # a consumer's passing troubles: it goes on by itself
            return
        self._escalate(verdict, error.str())
        raise Rebuild("consume", error.str())

    def _escalate(self, verdict: Verdict, reason: str) -> None:
        """Raise what only a person can resolve; return where making the clients anew may help."""
        settings = self._settings
        if verdict is Verdict.REFUSED:
            raise NotAuthorized(f"Kafka refuses us: {reason}", "check the credentials and the rights of this client")
        if verdict is Verdict.REPLACED:
            raise InstanceReplaced(
                f"another process runs as instance {settings.instance_id} of {settings.group}",
                "give each process an --instance-id of its own, or none",
            )
        if verdict is Verdict.MISSING:
            self._see_topics()
        if verdict is Verdict.VANISHED:
            self._starts.must_exist(self._assignment.committed)

    def _see_topics(self) -> None:
        """Raise `TopicMissing` where a topic is gone: the client calls it a timeout for its first half minute."""
        settings = self._settings
        with contextlib.suppress(KafkaUnavailable):
            check(settings.bootstrap, topics=[settings.source, settings.ledger, *settings.targets()])

    def _on_client_error(self, error: KafkaError) -> None:
        """Hear what a client says about its connections; faults that matter come as errors of the calls as well."""
        self._kafka_away(error.str())

    def _leaving_takes_long(self) -> None:
        self._kafka_away("leaving the group takes long")

    def _kafka_away(self, reason: str) -> None:
        if not self._away:
            self._away = True
            self._tell(EventKind.KAFKA_AWAY, f"Kafka does not answer, waiting: {reason}", error=reason)

    def _kafka_back(self) -> None:
        if self._away:
            self._away = False
            self._tell(EventKind.KAFKA_BACK, "Kafka answers again")

    def _on_oversize(self, output: Output, size: int, limit: int) -> None:
        self._tell(
            EventKind.OVERSIZE,
            f"a record for {output.topic} needs {size} bytes, the topic takes {limit}: replaced",
            topic=output.topic,
            size=size,
            limit=limit,
        )

    def _tell(self, kind: EventKind, sentence: str, **fields: object) -> None:
        self._settings.on_event(LoopEvent(kind, sentence, fields))
