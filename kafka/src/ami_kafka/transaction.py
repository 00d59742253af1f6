"""One transaction after another: records and offsets together, or not at all."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterable, Mapping

from confluent_kafka import KafkaError, KafkaException, Message, Producer, TopicPartition

from ami_kafka import clients
from ami_kafka.records import Output
from ami_kafka.triage import Verdict, triage
from ami_kafka.worker import Worker


class Aborted(Exception):
    """The transaction was given up cleanly; nothing of it will be seen, and the batch may be tried again."""

    def __init__(self, step: str, reason: str, too_large: Mapping[str, int] | None = None) -> None:
        super().__init__(f"{step}: {reason}")
        self.step = step
        self.reason = reason
        self.too_large = too_large or {}
        """Per topic, the size in bytes of the smallest record that the broker found too large."""


class Rebuild(Exception):
    """The clients cannot be used any more; what became of the transaction, the ledger knows."""

    def __init__(self, step: str, reason: str, verdict: Verdict = Verdict.REBUILD) -> None:
        super().__init__(f"{step}: {reason}")
        self.step = step
        self.reason = reason
        self.verdict = verdict


class Writer:
    """A transactional producer."""

    def __init__(
        self,
        bootstrap: str,
        transactional_id: str,
        *,
        timeout_ms: int,
        on_error: Callable[[KafkaError], None],
        on_wait: Callable[[str], None],
    ) -> None:
        self.transactional_id = transactional_id
        self._timeout_s = timeout_ms / 1000
        self._patience_s = 2 * self._timeout_s
        self._failures: list[tuple[KafkaError, str, int]] = []
        self._open = False
        self._hung = False
        self._worker = Worker()
        self._on_wait = on_wait
        self._producer: Producer = clients.transactional_producer(
            bootstrap,
            transactional_id,
            on_error=on_error,
            transaction_timeout_ms=timeout_ms,
            delivery_report_only_error=True,
            on_delivery=self._failed,
        )

    def init(self, stop: threading.Event) -> bool:
        """Register with the coordinator, fencing an earlier process of the same id; False when asked to stop before."""
        while not stop.is_set():
            try:
                self._producer.init_transactions(5.0)
            except KafkaException as error:  # noqa: PERF203
                cause = error.args[0]
                if triage(cause) is not Verdict.RETRY:
                    raise Rebuild("init", cause.str(), triage(cause)) from None
                self._on_wait(cause.str())
                stop.wait(0.5)
            else:
                return True
        return False

    def write(self, outputs: Iterable[Output], offsets: list[TopicPartition], membership: bytes) -> int:
        """Write records and offsets in one transaction; give the number of records.

        Raises `Aborted` or `Rebuild`; whatever `outputs` raises passes through after the transaction was aborted.
        All records are on their partitions before the offsets are handed in: whoever sees the ledger without an open
        transaction of ours knows that our offsets were not taken, and never will be.
        """
        self._failures.clear()
        self._call("begin", self._producer.begin_transaction)
        self._open = True
        try:
            count = self._produce(outputs)
            self._flush()
            # librdkafka may wait for ever for a coordinator whose connection broke (its issues 5456, 5511); after the
            # timeout the broker has ended the transaction, and waiting longer only keeps the partitions.
            send_offsets = self._producer.send_offsets_to_transaction
            self._call("offsets", send_offsets, offsets, membership, patience_s=self._timeout_s)
            self._call("commit", self._producer.commit_transaction)
        except Rebuild:
            raise
        except BaseException:
            self._abort()
            raise
        self._open = False
        return count

    def close(self) -> None:
        """Let go of the producer without waiting for a broker that may be away."""
        self._worker.close()
        if self._hung:
            return  # a call is still in there: the producer is left alone, its transaction ends by its timeout
        if self._open:
            with contextlib.suppress(KafkaException):
                self._producer.abort_transaction(2.0)
        with contextlib.suppress(KafkaException):
            self._producer.purge()
            self._producer.flush(0)

    def _produce(self, outputs: Iterable[Output]) -> int:
        count = 0
        produce: Callable[..., None] = self._producer.produce
        for topic, partition, key, value, headers in outputs:
            while True:
                try:
                    produce(topic, value, key, partition, headers=headers)
                except BufferError:  # the queue is full: let it drain  # noqa: PERF203
                    self._producer.poll(0.1)
                    self._raise_failures()
                except KafkaException as error:
                    cause = error.args[0]
                    if cause.code() == KafkaError.MSG_SIZE_TOO_LARGE:
                        length = len(value or b"") + len(key or b"")
                        raise Aborted("produce", cause.str(), {topic: length}) from None
                    raise self._outcome("produce", cause) from None
                else:
                    break
            count += 1
        return count

    def _flush(self) -> None:
        deadline = time.monotonic() + self._patience_s
        while self._producer.flush(0.5):
            self._raise_failures()
            if time.monotonic() > deadline:
                raise Aborted("flush", "the brokers do not take the records")
        self._raise_failures()

    def _raise_failures(self) -> None:
        """Give the transaction up if a record of it was refused."""
        if not self._failures:
            return
        too_large: dict[str, int] = {}
        for error, topic, length in self._failures:
            if error.code() == KafkaError.MSG_SIZE_TOO_LARGE:
                too_large[topic] = min(length, too_large.get(topic, length))
        error, topic, _length = self._failures[0]
        verdict = triage(error)
        if verdict in (Verdict.REFUSED, Verdict.MISSING):
            raise Rebuild(f"produce to {topic}", error.str(), verdict)
        raise Aborted(f"produce to {topic}", error.str(), too_large)

    def _failed(self, error: KafkaError | None, message: Message) -> None:
        if error is not None:
            length = len(message.value() or b"") + len(message.key() or b"")
            self._failures.append((error, str(message.topic()), length))

    def _call(
        self, step: str, function: Callable[..., object], *arguments: object, patience_s: float | None = None
    ) -> None:
        """Call, again and again while that can help, and not for ever."""

        def waiting() -> None:
            self._on_wait(f"{step} takes long")

        patience_s = patience_s or self._patience_s
        deadline = time.monotonic() + patience_s
        while True:
            try:
                self._worker.call(function, *arguments, patience_s=patience_s, on_wait=waiting)
            except TimeoutError as error:  # noqa: PERF203
                self._hung = True
                raise Rebuild(step, str(error)) from None
            except KafkaException as error:
                cause = error.args[0]
                if triage(cause) is Verdict.RETRY and time.monotonic() < deadline:
                    self._producer.poll(0.1)
                    continue
                raise self._outcome(step, cause) from None
            else:
                return

    def _outcome(self, step: str, cause: KafkaError) -> Aborted | Rebuild:
        verdict = triage(cause)
        if verdict is Verdict.ABORT:
            return Aborted(step, cause.str())
        return Rebuild(step, cause.str(), verdict)

    def _abort(self) -> None:
        self._call("abort", self._producer.abort_transaction)
        self._open = False
