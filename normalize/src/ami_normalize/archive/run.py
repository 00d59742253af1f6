"""From Kafka into files: up to the end as of now, or for ever. The files say how far it is."""

from __future__ import annotations

import fcntl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple, cast

from confluent_kafka import KafkaException, Message, TopicPartition

from ami_kafka import clients
from ami_kafka.offsets import Bounds, bounds
from ami_kafka.span import Place, Span, SpanReader, partitions
from ami_normalize.archive.errors import ArchiveBusy, ArchiveGap
from ami_normalize.archive.folder import PartitionWriter
from ami_normalize.archive.ranges import Cuts
from ami_normalize.archive.record import ArchivedRecord
from ami_schemas import topics

GROUP: Final = "ami-archive"
"""Where its offsets can be seen. They decide nothing: the files do."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What to archive, and where."""

    bootstrap: str
    directory: Path
    topics: tuple[str, ...] = (topics.RAW, topics.DEAD_LETTERS)
    """By default what cannot be made again: what meters said, and what replay protection found."""
    follow: bool = False
    publish_every_s: float = 60.0
    """How often, when following, records come under their names that do not fill a file."""
    accept_gap: bool = False
    """Go on where Kafka's oldest record is younger than the archive's end."""
    cuts: Cuts = field(default_factory=Cuts)


class Progress(NamedTuple):
    """How far it is."""

    records: int
    octets: int
    files: int
    left: int
    """Offsets left up to the end as of the start; 0 when following."""


def archive(
    settings: Settings, stop: threading.Event, on_progress: Callable[[Progress], None] = lambda _progress: None
) -> Progress:
    """Archive topics; return what was done. Raises ArchiveError, OSError, and the errors of ami_kafka.

    What it ends with, also on an error, is whole: the next run goes on there.
    """
    with ExitStack() as open_:
        writers = dict(_writers(settings, open_))
        spans = dict(_spans(settings, writers))
        reader = open_.enter_context(SpanReader(settings.bootstrap, GROUP, spans))
        work = _Work(settings, writers, reader, spans)
        try:
            while not stop.is_set() and not reader.finished:
                work.step()
                on_progress(work.progress())
        finally:
            work.publish()
    return work.progress()


class _Work:
    def __init__(
        self,
        settings: Settings,
        writers: Mapping[Place, PartitionWriter],
        reader: SpanReader,
        spans: Mapping[Place, Span],
    ) -> None:
        self._settings = settings
        self._writers = writers
        self._reader = reader
        self._spans = spans
        self._records = self._octets = 0
        self._published = time.monotonic()

    def step(self) -> None:
        for message in self._reader.read(5000):
            record = _record(message)
            self._writers[record.topic, record.partition].add(record)
            self._records += 1
            self._octets += record.octets
        if self._settings.follow and time.monotonic() - self._published > self._settings.publish_every_s:
            self.publish()

    def publish(self) -> None:
        """Put all records under their names, and show how far it is."""
        for writer in self._writers.values():
            writer.publish()
        self._published = time.monotonic()
        done = [TopicPartition(*place, writer.next) for place, writer in self._writers.items() if writer.next]
        with suppress(KafkaException):  # only for those who watch the group
            self._reader.consumer.commit(offsets=done, asynchronous=False)

    def progress(self) -> Progress:
        left = sum(span.length - (self._reader.position(place) - span.start) for place, span in self._spans.items())
        files = sum(writer.files for writer in self._writers.values())
        return Progress(self._records, self._octets, files, 0 if self._settings.follow else max(0, left))


def _writers(settings: Settings, open_: ExitStack) -> Iterator[tuple[Place, PartitionWriter]]:
    for topic in settings.topics:
        numbers = partitions(settings.bootstrap, topic)
        folder = settings.directory / topic
        folder.mkdir(parents=True, exist_ok=True)
        open_.enter_context(_alone(folder))
        for number in numbers:
            writer = PartitionWriter(folder, topic, number, settings.cuts)
            open_.callback(writer.close)
            yield (topic, number), writer


def _spans(settings: Settings, writers: Mapping[Place, PartitionWriter]) -> Iterator[tuple[Place, Span]]:
    admin = clients.admin(settings.bootstrap)
    for topic in settings.topics:
        numbers = [number for name, number in writers if name == topic]
        for number, existing in bounds(admin, topic, numbers).items():
            writer = writers[topic, number]
            start = existing.low if writer.next is None else writer.next
            if not existing.low <= start <= existing.high:
                _lost((topic, number), start, existing, settings)
                writer.skip_to(existing.low)
                start = existing.low
            yield (topic, number), Span(start, None if settings.follow else existing.high)


def _lost(place: Place, start: int, existing: Bounds, settings: Settings) -> None:
    topic, number = place
    if start > existing.high:
        raise ArchiveGap(
            f"the archive of {topic}/{number} ends at offset {start}, Kafka at {existing.high}: "
            "the topic was made anew; archive it into another directory"
        )
    if not settings.accept_gap:
        raise ArchiveGap(
            f"offsets {start} to {existing.low - 1} of {topic}/{number} left Kafka before they were archived, "
            "retention was faster; go on without them with --accept-gap"
        )


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keep a second archiver of the same topic out."""
    with (folder / ".lock").open("wb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ArchiveBusy(f"another process archives into {folder}; stop it, or take another directory") from None
        yield


def _record(message: Message) -> ArchivedRecord:
    kind, stamp = message.timestamp()
    return ArchivedRecord(
        str(message.topic()),
        int(message.partition() or 0),
        int(message.offset() or 0),
        stamp,
        kind,
        message.key(),
        message.value(),
        tuple(cast("list[tuple[str, bytes | None]]", message.headers() or [])),
    )
