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
from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol, cast

import structlog
from confluent_kafka import KafkaError, KafkaException

from ami_ingest.record import Header
from ami_ingest.spool.spool import Spool, Spooled, SpoolReader
from ami_kafka import clients
from ami_schemas import topics

_MAX_IN_FLIGHT: Final = 20_000
_BACK_OFF_S: Final = 5.0
_SETTLE_S: Final = 30.0

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

    def flush(self, timeout: float) -> int:
        """Wait for deliveries; return how many are still open."""

    def purge(self) -> None:
        """Drop what is open."""


MakeProducer = Callable[[Callable[[KafkaError], None]], Producer]
"""Makes a producer that reports errors to the given function."""


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
        self._away = False
        self._failure: KafkaError | None = None
        self._in_flight: set[int] = set()
        self._acknowledged: list[int] = []
        self._published = 0
        self._thread = threading.Thread(target=self._run, name="publisher", daemon=True)

    @property
    def published(self) -> int:
        """Records that Kafka acknowledged since the start."""
        return self._published

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
                last = self._give_up(producer, last)
                if self._stop.is_set():
                    return
        finally:
            reader.close()

    def _pump(self, producer: Producer, reader: SpoolReader, last: int) -> int:
        """Hand records over until stopped or failed; return the last sequence handed over."""
        while not self._stop.is_set() and self._failure is None:
            last = self._hand_over(producer, reader, last, self._stop.is_set)
            producer.poll(0)
            self._forget()
            self._spool.wait(last, 0.01 if self._in_flight else 0.2)
        return last

    def _hand_over(self, producer: Producer, reader: SpoolReader, last: int, ended: Callable[[], bool]) -> int:
        for record in reader.read(last):
            while len(self._in_flight) >= _MAX_IN_FLIGHT or not self._produce(producer, record):
                producer.poll(0.1)
                self._forget()
                if ended() or self._failure is not None:
                    return last
            last = record.sequence
        return last

    def _produce(self, producer: Producer, record: Spooled) -> bool:
        sequence = record.sequence

        def delivered(error: KafkaError | None, _message: Any) -> None:
            if error is None:
                self._in_flight.discard(sequence)
                self._acknowledged.append(sequence)
            elif self._failure is None:
                self._failure = error

        self._in_flight.add(sequence)
        try:
            producer.produce(
                self._topic,
                record.value,
                record.key,
                headers=record.headers,
                timestamp=record.timestamp_us // 1000,
                on_delivery=delivered,
            )
        except BufferError:
            self._in_flight.discard(sequence)
            return False
        except KafkaException as error:
            self._failure = error.args[0]
        return True

    def _forget(self) -> None:
        if not self._acknowledged:
            return
        acknowledged, self._acknowledged = self._acknowledged, []
        self._published += len(acknowledged)
        self._spool.delete(acknowledged)
        if self._away:
            self._away = False
            self._log.info("Kafka is back", bootstrap=self._bootstrap, spooled=self._spool.depth[0])

    def _finish(self, producer: Producer, reader: SpoolReader, last: int) -> None:
        """Use the grace to publish what the spool still holds; leave the rest there."""
        self._spool.settle(_SETTLE_S)
        end = time.monotonic() + (0.0 if self._away else self._grace_s)

        def ended() -> bool:
            return time.monotonic() >= end

        while self._failure is None and not ended():
            handed_over = self._hand_over(producer, reader, last, ended)
            if handed_over == last:
                break
            last = handed_over
        if self._in_flight:
            producer.flush(max(0.0, end - time.monotonic()))
        self._forget()
        with contextlib.suppress(KafkaException):
            producer.purge()
        producer.poll(0)

    def _give_up(self, producer: Producer, last: int) -> int:
        """Say why Kafka refused, wait, and return from where the next one begins."""
        if self._failure is not None:
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
        last = min(self._in_flight, default=last + 1) - 1  # what was handed over before an error is not read again
        self._in_flight.clear()
        self._stop.wait(_BACK_OFF_S)
        self._failure = None
        return last

    def _on_error(self, error: KafkaError) -> None:
        if error.fatal():
            self._failure = error
        elif error.code() in _AWAY and not self._away:
            self._away = True
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
