"""The files of one partition: grown by records in order of offset, and read again.

What a run leaves unfinished is a whole file too, under the offsets it has. The next run fills it up: the longer file
takes the place of the shorter one first and its name then, so that no offset ever stands in two files.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import IO

from ami_normalize.archive.container import ContainerWriter, read_container
from ami_normalize.archive.errors import ArchiveGap
from ami_normalize.archive.ranges import Cuts, FileRange, OpenRange, day_of
from ami_normalize.archive.record import ArchivedRecord
from ami_schemas.avro import RECORD


class PartitionWriter:
    """Files of one partition. Records come in order of offset; not for several threads or processes."""

    def __init__(self, folder: Path, topic: str, partition: int, cuts: Cuts) -> None:
        """Take up what is there in `folder`, that of the topic. Raises ArchiveDamaged, OSError."""
        self._folder = folder
        self._topic = topic
        self._partition = partition
        self._cuts = cuts
        self._temporary = folder / f".p={partition}.tmp"
        self._before: OpenRange | None = None
        self._range: OpenRange | None = None
        self._file: FileRange | None = None
        """What of the open range stands under its name already."""
        self._stream: IO[bytes] | None = None
        self._writer: ContainerWriter | None = None
        self.next: int | None = None
        """The offset to go on with; None where there is nothing yet."""
        self.files = 0
        """Files written since."""
        self._take_up()

    def add(self, record: ArchivedRecord) -> None:
        """Add the next record."""
        day = day_of(record.timestamp_ms)
        if self._range is not None and not self._range.takes(record.offset, day, self._cuts):
            self._close(self._range.closed_by(record.offset))
        position = record.offset if self.next is None else self.next
        if self._range is None:
            self._range = OpenRange.begin(position, record.offset, day, self._cuts, self._before)
        self._opened(self._range).write(record.to_avro())
        self._range = self._range._replace(octets=self._range.octets + record.octets)
        self.next = record.offset + 1
        if self.next == self._range.end:
            self._close(record.offset)

    def skip_to(self, offset: int) -> None:
        """Go on at a later offset: what lies between is lost, and its absence stays visible in the names."""
        if self._range is not None and self.next is not None:
            self._close(self.next - 1)
        self.next = offset

    def publish(self) -> None:
        """Put all records under their names, on the disk for good."""
        if self._range is not None and self.next is not None:
            self._publish(self.next - 1)

    def close(self) -> None:
        """Let go of what was not published."""
        if self._stream is not None:
            self._stream.close()
            self._stream = self._writer = None
            self._temporary.unlink(missing_ok=True)

    def _take_up(self) -> None:
        self._temporary.unlink(missing_ok=True)
        known = ranges(self._folder, self._partition)
        if not known:
            return
        last = known[-1]
        self.next = last.last + 1
        multiple = last.last - last.last % self._cuts.records
        found = OpenRange(last.day, last.first, multiple + self._cuts.records)
        if self.next >= found.end:
            self._before = found
            return
        octets = 0
        for record in read_file(self._folder, last):
            octets += record.octets
            self.next = max(self.next, record.offset + 1)
        self._range = found._replace(octets=octets)
        self._file = last
        self._rename(self.next - 1)

    def _opened(self, opened: OpenRange) -> ContainerWriter:
        if self._writer is None:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._stream = self._temporary.open("wb")
            sync = hashlib.sha256(f"{self._topic}/{self._partition}/{opened.first}".encode()).digest()[:16]
            self._writer = ContainerWriter(self._stream, RECORD, sync)
            if self._file is not None:
                for record in read_file(self._folder, self._file):
                    self._writer.write(record.to_avro())
        return self._writer

    def _close(self, last: int) -> None:
        self._publish(last)
        self._before, self._range, self._file = self._range, None, None
        self.next = last + 1

    def _publish(self, last: int) -> None:
        opened = self._range
        if opened is None:
            return
        if self._writer is not None and self._stream is not None:
            self._writer.flush()
            self._stream.flush()
            os.fsync(self._stream.fileno())
            self._stream.close()
            self._stream = self._writer = None
            if self._file is None:
                self._file = FileRange(opened.day, self._partition, opened.first, last)
            path = self._file.path(self._folder)
            path.parent.mkdir(parents=True, exist_ok=True)
            self._temporary.replace(path)
            for folder in (path.parent, path.parent.parent, self._folder):
                _sync(folder)
            self.files += 1
        self._rename(last)

    def _rename(self, last: int) -> None:
        """Let the name say what the file holds."""
        if self._file is None or self._file.last == last:
            return
        before, self._file = self._file, self._file._replace(last=last)
        path = self._file.path(self._folder)
        before.path(self._folder).rename(path)
        _sync(path.parent)


def partitions(folder: Path) -> list[int]:
    """Return the partitions that an archived topic has files of."""
    return sorted({found.partition for found in _files(folder)})


def ranges(folder: Path, partition: int) -> list[FileRange]:
    """Return the ranges of a partition in order of offset. Raises ArchiveGap where two hold the same offsets."""
    found = sorted((each for each in _files(folder) if each.partition == partition), key=lambda each: each.first)
    for one, other in pairwise(found):
        if other.first <= one.last:
            raise ArchiveGap(
                f"{one.path(folder)} and {other.path(folder)} hold the same offsets; two archives were mixed, or the "
                "size of the files was changed: give each archive a directory and a size of its own"
            )
    return found


def read_file(folder: Path, file: FileRange) -> Iterator[ArchivedRecord]:
    """Yield the records of a file. Raises ArchiveDamaged."""
    path = file.path(folder)
    with path.open("rb") as stream:
        for datum in read_container(stream, RECORD, str(path)):
            yield ArchivedRecord.of_avro(datum)


def read(folder: Path, partition: int, start: int, end: int) -> Iterator[ArchivedRecord]:
    """Yield the records of a partition with `start` <= offset < `end`. Raises ArchiveDamaged, ArchiveGap."""
    position = start
    for file in ranges(folder, partition):
        if file.last < start:
            continue
        if file.first >= end:
            break
        if file.first > position:
            raise ArchiveGap.between(folder, partition, position, file.first - 1)
        position = file.last + 1
        for record in read_file(folder, file):
            if start <= record.offset < end:
                yield record
    if position < end:
        raise ArchiveGap.between(folder, partition, position, end - 1)


def offset_at(folder: Path, partition: int, timestamp_ms: int) -> int | None:
    """Return the lowest offset stamped at or after a time, as Kafka answers it; None where all are earlier."""
    day = day_of(timestamp_ms)
    for file in ranges(folder, partition):
        if file.day < day:
            continue  # all that a file holds is of its day or earlier
        for record in read_file(folder, file):
            if record.timestamp_ms >= timestamp_ms:
                return record.offset
    return None


def bounds(folder: Path, partition: int) -> tuple[int, int]:
    """Return the first offset that a partition has, and the one after the last."""
    found = ranges(folder, partition)
    return (found[0].first, found[-1].last + 1) if found else (0, 0)


def _files(folder: Path) -> Iterator[FileRange]:
    for path in folder.glob("dt=*/p=*/*.avro"):
        found = FileRange.of(path, folder)
        if found is not None:
            yield found


def _sync(folder: Path) -> None:
    """Put the names in a directory on the disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
