"""Spool to Kafka: a thread that produces what is on disk and deletes what Kafka has acknowledged.

The producer is idempotent, and waits without limit while Kafka is away (`message.timeout.ms=0`): the spool is the only
bound, and the order of a meter's records is kept. Where the producer itself gives up (the topic is missing, a
fatal error), a new one starts at the oldest record that was not acknowledged: at least once, never lost.
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from itertools import islice
from typing import Any, Final, Protocol, cast

import structlog
from confluent_kafka import KafkaError, KafkaException

from ami_ingest.record import Header, now_us
from ami_ingest.spool.segment import Segment
from ami_ingest.spool.spool import Spool, SpoolReader
from ami_kafka import clients
from ami_schemas import topics
from ami_schemas.headers import CE_ID

_MAX_IN_FLIGHT: Final = 20_000
"""Records in the client's hands."""
_MAX_IN_FLIGHT_BYTES: Final = 16 << 20
_BACK_OFF_S: Final = 5.0
_SETTLE_S: Final = 30.0
_SERVE_EVERY_S: Final = 0.02
_LOOK_EVERY_S: Final = 0.2
_ASK_EVERY_S: Final = 5.0
_ASK_S: Final = 1.0

Delivered = Callable[[KafkaError | None, Any], None]


class Producer(Protocol):
    """The part of `confluent_kafka.Producer` that is used here."""

    def produce(
        self,
        topic: str,
        value: bytes,
        key: bytes,
        *,
        headers: Sequence[Header],
        timestamp: int,
        on_delivery: Delivered,
    ) -> None:
        """Queue one record; BufferError when the queue is full."""

    def poll(self, timeout: float) -> int:
        """Serve delivery callbacks."""

    def list_topics(self, topic: str, timeout: float) -> object:
        """Ask a broker for what it knows of a topic; KafkaException where none answers in time."""

    def flush(self, timeout: float) -> int:
        """Wait for deliveries; return how many are still open."""

    def purge(self) -> None:
        """Drop what is open."""


MakeProducer = Callable[[Callable[[KafkaError], None]], Producer]
"""Makes a producer that reports errors to the given function."""


class _Handed:
    """A segment in the client's hands: how many of its records were handed over, and how many are acknowledged."""

    __slots__ = ("acknowledged", "fail", "over", "segment")

    def __init__(self, segment: Segment, fail: Callable[[KafkaError], None]) -> None:
        self.segment = segment
        self.over = 0
        self.acknowledged = 0
        self.fail = fail

    def delivered(self, error: KafkaError | None, _message: Any) -> None:
        """Count an acknowledgement: one callback serves all records of a segment, they leave the spool together."""
        if error is None:
            self.acknowledged += 1
        else:
            self.fail(error)

    @property
    def done(self) -> bool:
        return self.acknowledged == len(self.segment.records)


class Publisher:
    """Moves records from a spool to the raw topic, in order, until stopped."""

    def __init__(
        self,
        spool: Spool,
        make_producer: MakeProducer,
        *,
        bootstrap: str,
        log: structlog.typing.FilteringBoundLogger,
        topic: str = topics.RAW,
    ) -> None:
        self._spool = spool
        self._make_producer = make_producer
        self._bootstrap = bootstrap
        self._log = log
        self._topic = topic
        self._stop = threading.Event()
        self._grace_s = 0.0
        self._failure: KafkaError | None = None
        self._ask_due = 0.0
        self._handed: deque[_Handed] = deque()
        self._thread = threading.Thread(target=self._run, name="publisher", daemon=True)
        self.published = 0
        """Records that Kafka acknowledged since the start, by whole segments of the spool."""
        self.in_flight = 0
        """Records in the client's hands."""
        self.in_flight_bytes = 0
        self.lag_us = 0
        """From the reception to the acknowledgement of the newest record acknowledged, microseconds."""
        self.refusals = 0
        """How often Kafka refused records, and a new producer began again."""
        self.away = False
        """No broker answers."""

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self, grace_s: float = 5.0) -> None:
        """Publish what is left for at most `grace_s`; what remains stays in the spool. Blocks until the thread ends."""
        self._grace_s = grace_s
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        reader = self._spool.reader()
        last = 0  # everything up to here was handed to Kafka
        try:
            while True:
                producer = self._make_producer(self._on_error)
                try:
                    last = self._pump(producer, reader, last)
                    if self._failure is None:
                        self._finish(producer, reader, last)
                        return
                except sqlite3.Error as error:
                    self._log.error(
                        "the spool cannot be read: records wait in it",
                        error=str(error),
                        remedy="check the disk; the agent tries again",
                    )
                except Exception:  # noqa: BLE001  who publishes must not end in silence
                    self._log.exception(
                        "publishing met a defect of ours: records wait in the spool, and it is tried again"
                    )
                last = self._give_up(producer, last)
                if self._stop.is_set():
                    return
        finally:
            reader.close()

    def _pump(self, producer: Producer, reader: SpoolReader, last: int) -> int:
        """Hand records over until stopped or failed; return the last sequence handed over."""
        news = False
        while not self._stop.is_set() and self._failure is None:
            before = last
            last = self._hand_over(producer, reader, last, self._stop.is_set)
            producer.poll(0)
            self._forget()
            if news and last == before:
                self._stop.wait(_SERVE_EVERY_S)  # there is something, and not to be had: the file is being replaced
            news = self._spool.wait(last, _SERVE_EVERY_S if self._handed else _LOOK_EVERY_S)
            if self.away and not self._handed and not news:
                self._ask(producer)
        return last

    def _ask(self, producer: Producer) -> None:
        """See now and then whether a broker answers: while there is nothing to publish, no acknowledgement tells."""
        now = time.monotonic()
        if now < self._ask_due:
            return
        self._ask_due = now + _ASK_EVERY_S
        with contextlib.suppress(KafkaException):
            producer.list_topics(self._topic, timeout=_ASK_S)
            self._is_back()

    def _hand_over(self, producer: Producer, reader: SpoolReader, last: int, ended: Callable[[], bool]) -> int:
        """Hand over what follows `last`. A segment that could not be handed over whole is done so next time."""
        if self._handed and self._handed[-1].over < len(self._handed[-1].segment.records):
            if not self._hand_over_segment(producer, self._handed[-1], ended):
                return last
            last = self._handed[-1].segment.last
        for segment in reader.read(last):
            handed = _Handed(segment, self._fail)
            self._handed.append(handed)
            self._spool.handed(segment.last)
            self.in_flight += len(segment.records)
            self.in_flight_bytes += segment.size
            if not self._hand_over_segment(producer, handed, ended):
                return last
            last = segment.last
            producer.poll(0)
            self._forget()
        return last

    def _hand_over_segment(self, producer: Producer, handed: _Handed, ended: Callable[[], bool]) -> bool:
        """Hand over what is left of a segment; False where it ended before."""
        segment, topic, delivered = handed.segment, self._topic, handed.delivered
        most = min(_MAX_IN_FLIGHT_BYTES, self._spool.max_bytes // 4)
        while len(self._handed) > 1 and (self.in_flight > _MAX_IN_FLIGHT or self.in_flight_bytes > most):
            if not self._await_room(producer, ended):
                return False
        number = segment.first + handed.over
        for record in islice(segment.records, handed.over, None):
            headers = [(CE_ID, b"%s%d" % (segment.prefix, number)), *record.headers]
            while True:
                try:
                    producer.produce(
                        topic,
                        record.value,
                        record.key,
                        headers=headers,
                        timestamp=record.timestamp_us // 1000,
                        on_delivery=delivered,
                    )
                except BufferError:  # noqa: PERF203  a retry
                    if not self._await_room(producer, ended):
                        return False
                except KafkaException as error:
                    self._fail(error.args[0])
                    return False
                else:
                    break
            number += 1
            handed.over += 1
        return True

    def _await_room(self, producer: Producer, ended: Callable[[], bool]) -> bool:
        producer.poll(0.1)
        self._forget()
        return not ended() and self._failure is None

    def _fail(self, error: KafkaError) -> None:
        if self._failure is None:
            self._failure = error

    def _forget(self) -> None:
        """Let the spool forget the oldest segments that Kafka has whole: in order, so that none is passed over."""
        handed, newest = self._handed, None
        while handed and handed[0].done:
            newest = handed.popleft().segment
            self.published += len(newest.records)
            self.in_flight -= len(newest.records)
            self.in_flight_bytes -= newest.size
        if newest is None:
            return
        self.lag_us = max(0, now_us() - newest.records[-1].timestamp_us)
        self._spool.forget(newest.last)
        self._is_back()

    def _is_back(self) -> None:
        if self.away:
            self.away = False
            self._log.info("Kafka is back", bootstrap=self._bootstrap, spooled=self._spool.depth[0])

    def _finish(self, producer: Producer, reader: SpoolReader, last: int) -> None:
        """Use the grace to publish what the spool still holds; leave the rest there."""
        self._spool.settle(_SETTLE_S)
        end = time.monotonic() + (0.0 if self.away else self._grace_s)

        def ended() -> bool:
            return time.monotonic() >= end

        while self._failure is None and not ended():
            handed_over = self._hand_over(producer, reader, last, ended)
            if handed_over == last:
                break
            last = handed_over
        if self._handed:
            producer.flush(max(0.0, end - time.monotonic()))
        self._forget()
        with contextlib.suppress(KafkaException):
            producer.purge()
        producer.poll(0)

    def _give_up(self, producer: Producer, last: int) -> int:
        """Say why Kafka refused, wait, and return from where the next one begins."""
        if self._failure is not None:
            self.refusals += 1
            self._log.error(
                "Kafka refuses records: they stay in the spool",
                topic=self._topic,
                error=self._failure.str(),
                remedy=_remedy(self._failure, self._topic),
                spooled=self._spool.depth[0],
            )
        with contextlib.suppress(KafkaException):
            producer.purge()
        producer.flush(1.0)
        self._forget()
        self._spool.settle(_SETTLE_S)  # what was acknowledged is gone from disk before anything is read again
        if self._handed:
            last = self._handed[0].segment.first - 1
        self._handed.clear()
        self.in_flight = self.in_flight_bytes = 0
        self._spool.handed(last)
        self._stop.wait(_BACK_OFF_S)
        self._failure = None
        return last

    def _on_error(self, error: KafkaError) -> None:
        if error.fatal():
            self._failure = error
        elif error.code() in _AWAY and not self.away:
            self.away = True
            self._log.warning(
                "Kafka is away: records wait in the spool",
                bootstrap=self._bootstrap,
                error=error.str(),
                spooled=self._spool.depth[0],
                remedy="start the broker, or correct kafka.bootstrap; nothing is lost meanwhile",
            )


_AWAY: Final = frozenset(
    {KafkaError._ALL_BROKERS_DOWN, KafkaError._AUTHENTICATION, KafkaError._SSL},  # noqa: SLF001  librdkafka's own names
)


def producer_for(bootstrap: str, **more: Any) -> MakeProducer:
    """Return what makes the agent's producers for a Kafka; `more` as in `ami_kafka.clients.producer`."""

    def make(on_error: Callable[[KafkaError], None]) -> Producer:
        made = clients.producer(
            bootstrap,
            on_error=on_error,
            client_id="ami-collect",
            message_timeout_ms=0,  # the spool waits, however long Kafka is away
            enable_gapless_guarantee=True,  # a refused record stops those behind it: a meter's order stays
            queue_buffering_max_messages=2 * _MAX_IN_FLIGHT,
            queue_buffering_max_kbytes=64 << 10,  # an agent has 512 MB in all
            **more,
        )
        return cast("Producer", made)

    return make


def _remedy(error: KafkaError, topic: str) -> str:
    unknown = (KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC)  # noqa: SLF001  librdkafka's own name
    if error.code() in unknown:
        return f"create {topic} with: ami topics apply"
    return "look at the broker's log; the agent tries again"
