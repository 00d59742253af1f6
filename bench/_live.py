"""Raw records appended while somebody normalizes them, and their committed readings read: by one thread, cheaply."""

import gc
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, cast

from confluent_kafka import Consumer, Message, Producer

from ami_normalize.pipeline import RawRecord
from ami_schemas import headers

SAMPLED, MOST_SAMPLES = 10, 20_000
"""Offsets that are timed: those that end with 0."""
OUTSTANDING = 20_000
"""Records appended and not yet read as readings, where as many as possible are wanted."""
PATIENCE_S = 120.0


class Made(NamedTuple):
    """A raw record, ready to be appended."""

    topic: str
    value: bytes
    key: bytes
    headers: list[tuple[str, bytes]]


def made(raw: RawRecord) -> Made:
    """Return what is appended of a raw record."""
    return Made(raw.topic, raw.value, raw.key or b"", list(raw.headers.items()))


class Live:
    """Appends what was made before, again from its beginning where it does not last, and reads what comes of it."""

    def __init__(self, producer: Producer, reader: Consumer, pool: Sequence[Made]) -> None:
        self._producer, self._reader, self._pool = producer, reader, pool
        self._appended = self._read = 0
        self._sent: dict[str, float] = {}
        self._seen: dict[str, float] = {}
        self._waited: list[float] = []
        gc.collect()
        gc.freeze()

    def met(self) -> None:
        """Append each record once, and wait for their readings."""
        while self._appended < len(self._pool):
            self._turn(len(self._pool))
        self.drain()

    def sustained(self, seconds: float) -> float:
        """Append as fast as readings come out of the other end; return records per second, without the first fifth."""
        began, begun_at = time.perf_counter(), self._read
        warm = began + seconds / 5
        while (now := time.perf_counter()) < warm + seconds:
            if now < warm:
                began, begun_at = now, self._read
            self._turn(self._read + OUTSTANDING)
        rate = (self._read - begun_at) / (time.perf_counter() - began)
        self.drain()
        return rate

    def paced(self, rate: float, seconds: float, look: Callable[[float], None]) -> list[float]:
        """Append so many records a second, whatever comes out; return the latencies of a sample in ms, sorted.

        From the time stamp of the raw record, which `produce` gives it before it is sent, to the committed reading in
        the reader's hands. `look` is called all the time with the seconds since the beginning.
        """
        self._waited, start, total = [], self._appended, int(rate * seconds)
        self._sent.clear()
        self._seen.clear()
        began = time.perf_counter()
        while self._appended < start + total:
            spent = time.perf_counter() - began
            look(spent)
            self._turn(min(start + total, start + int(spent * rate)))
        self.drain()
        return sorted(self._waited)

    def drain(self) -> None:
        """Read until there is a reading of each record."""
        until = time.perf_counter() + PATIENCE_S
        while self._read < self._appended:
            if time.perf_counter() > until:
                raise SystemExit(f"{self._appended - self._read} records have no reading after {PATIENCE_S:.0f} s")
            self._turn(self._appended)
        self._match()

    def _turn(self, due: int) -> None:
        """Append up to a number of records in all, and read what is there."""
        produce, pool = self._producer.produce, self._pool
        while self._appended < due:
            topic, value, key, told = pool[self._appended % len(pool)]
            try:
                produce(topic, value, key, headers=cast("Any", told), on_delivery=self._delivered)
            except BufferError:  # the queue is full: let it drain
                self._producer.poll(0.01)
                break
            self._appended += 1
        self._producer.poll(0)
        for source in sources(self._reader):
            self._read += 1
            if source[-1:] == "0":
                self._seen[source] = time.time() * 1000
        if len(self._sent) > MOST_SAMPLES:
            self._match()

    def _delivered(self, _error: object, message: Message) -> None:
        if not (message.offset() or 0) % SAMPLED:
            self._sent[f"{message.topic()}/{message.partition()}/{message.offset()}"] = message.timestamp()[1]

    def _match(self) -> None:
        for source in self._sent.keys() & self._seen.keys():
            self._waited.append(self._seen.pop(source) - self._sent.pop(source))


def sources(reader: Consumer) -> Iterator[str]:
    """Yield the `ami-source` of the readings that are there now."""
    for message in reader.consume(5000, 0.01):
        if message.error() is None:
            yield cast("bytes", dict(message.headers() or [])[headers.SOURCE]).decode()
