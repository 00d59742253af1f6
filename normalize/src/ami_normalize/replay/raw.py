"""The raw records of a range, and what replay protection found out about them: from Kafka, or from the archive."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Final, Protocol

from ami_kafka import clients
from ami_kafka.offsets import bounds
from ami_kafka.records import RawMessage, headers_of
from ami_kafka.span import Span, SpanReader, offsets_at, partitions, vanished
from ami_normalize.archive import folder as files
from ami_normalize.archive.errors import ArchiveGap
from ami_normalize.archive.record import ArchivedRecord
from ami_normalize.replay.verdicts import Verdicts
from ami_schemas import topics

_DAY_MS: Final = 86_400_000


class Reader(Protocol):
    """Reads raw records to the end of their spans. Use as a context manager."""

    @property
    def finished(self) -> bool:
        """Whether all were read."""
        ...

    def read(self, limit: int) -> list[RawMessage]:
        """Return the next records, each partition's in order; maybe none yet."""
        ...

    def __enter__(self) -> Reader: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class RawSource(Protocol):
    """Where raw records are."""

    def spans(self, start_ms: int | None, until_ms: int | None) -> dict[int, Span]:
        """Return the offsets stamped in a time, `until` not included; None: from the first, up to the last as of now.

        Stamps need not be in order: a range begins at the first record at or after `start`, and ends before the first
        at or after `until`.
        """
        ...

    def verdicts(self, start_ms: int | None) -> Verdicts:
        """Return what replay protection found out about records from a time on."""
        ...

    def reader(self, spans: Mapping[int, Span], group: str) -> Reader:
        """Return a reader of some spans."""
        ...


class KafkaSource:
    """The raw topic."""

    def __init__(self, bootstrap: str) -> None:
        """Nothing is asked yet."""
        self._bootstrap = bootstrap

    def spans(self, start_ms: int | None, until_ms: int | None) -> dict[int, Span]:
        """Return the offsets of a time; raises OffsetVanished where retention may have taken some."""
        numbers = partitions(self._bootstrap, topics.RAW)
        existing = bounds(clients.admin(self._bootstrap), topics.RAW, numbers)
        starts = {} if start_ms is None else offsets_at(self._bootstrap, topics.RAW, start_ms)
        ends = {} if until_ms is None else offsets_at(self._bootstrap, topics.RAW, until_ms)
        found = {}
        for number, there in existing.items():
            start, end = starts.get(number, there.low), ends.get(number, there.high)
            first, last = there.high if start is None else start, there.high if end is None else end
            if start_ms is not None and first == there.low > 0:
                raise vanished(topics.RAW, number, there.low - 1, there)
            found[number] = Span(first, max(first, last))
        return found

    def verdicts(self, start_ms: int | None) -> Verdicts:
        """Read the dead letters and the parked records, both written after the raw records they stand for."""
        found = Verdicts()
        for topic in (topics.DEAD_LETTERS, topics.PARKED):
            with SpanReader(self._bootstrap, "ami-replay", since(self._bootstrap, topic, start_ms)) as reader:
                while not reader.finished:
                    for message in reader.read(5000):
                        found.hear(headers_of(message))
        return found

    def reader(self, spans: Mapping[int, Span], group: str) -> Reader:
        """Return a reader of some spans."""
        return _KafkaReader(self._bootstrap, group, spans)


class ArchiveSource:
    """The files of `ami archive`; what came to the dead letters since is in Kafka."""

    def __init__(self, directory: Path, bootstrap: str) -> None:
        """Take an archive; raises ArchiveGap where one of the two topics is not in it."""
        for topic in (topics.RAW, topics.DEAD_LETTERS):
            if not (directory / topic).is_dir():
                raise ArchiveGap(
                    f"{directory} holds no {topic}; archive {topics.RAW} and {topics.DEAD_LETTERS} into one directory"
                )
        self._raw = directory / topics.RAW
        self._letters = directory / topics.DEAD_LETTERS
        self._kafka = KafkaSource(bootstrap)

    def spans(self, start_ms: int | None, until_ms: int | None) -> dict[int, Span]:
        """Return the offsets of a time; raises ArchiveDamaged."""
        found = {}
        for number in files.partitions(self._raw):
            first, end = files.bounds(self._raw, number)
            begins = first if start_ms is None else files.offset_at(self._raw, number, start_ms)
            ends = None if until_ms is None else files.offset_at(self._raw, number, until_ms)
            start = end if begins is None else begins
            found[number] = Span(start, max(start, end if ends is None else ends))
        return found

    def verdicts(self, start_ms: int | None) -> Verdicts:
        """Read the archived dead letters and those in Kafka."""
        found = self._kafka.verdicts(start_ms)
        for number in files.partitions(self._letters):
            for file in files.ranges(self._letters, number):
                for record in files.read_file(self._letters, file):
                    found.hear(record.headers)
        return found

    def reader(self, spans: Mapping[int, Span], group: str) -> Reader:  # noqa: ARG002
        """Return a reader of some spans."""
        return _ArchiveReader(self._raw, spans)


class _KafkaReader:
    def __init__(self, bootstrap: str, group: str, spans: Mapping[int, Span]) -> None:
        self._reader = SpanReader(bootstrap, group, {(topics.RAW, number): span for number, span in spans.items()})

    @property
    def finished(self) -> bool:
        return self._reader.finished

    def read(self, limit: int) -> list[RawMessage]:
        return [RawMessage.of(message) for message in self._reader.read(limit)]

    def __enter__(self) -> _KafkaReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._reader.__exit__(kind, error, trace)


class _ArchiveReader:
    def __init__(self, folder: Path, spans: Mapping[int, Span]) -> None:
        self._records = _archived(folder, spans)
        self.finished = False

    def read(self, limit: int) -> list[RawMessage]:
        found = [_unarchived(record) for record in islice(self._records, limit)]
        self.finished = len(found) < limit
        return found

    def __enter__(self) -> _ArchiveReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing is open between two reads but the file of the iterator, which ends with it."""
        del self._records


def since(bootstrap: str, topic: str, start_ms: int | None) -> dict[tuple[str, int], Span]:
    """Return what of a topic may be derived from raw records of a time on, as of now.

    It was written after its raw record was received; a day is left for clocks that are wrong.
    """
    existing = bounds(clients.admin(bootstrap), topic, partitions(bootstrap, topic))
    starts = {} if start_ms is None else offsets_at(bootstrap, topic, start_ms - _DAY_MS)
    found = {}
    for number, there in existing.items():
        start = starts.get(number, there.low)
        found[topic, number] = Span(there.high if start is None else start, there.high)
    return found


def _archived(folder: Path, spans: Mapping[int, Span]) -> Iterator[ArchivedRecord]:
    for number, span in sorted(spans.items()):
        yield from files.read(folder, number, span.start, span.end or span.start)


def _unarchived(record: ArchivedRecord) -> RawMessage:
    return RawMessage(
        record.topic,
        record.partition,
        record.offset,
        record.timestamp_ms,
        record.key,
        record.value or b"",
        tuple((name, value or b"") for name, value in record.headers),
    )
