"""Records by meter, on disk: a meter's records are together in memory, and never those of all meters.

Records go to one of many buckets by a hash of their meter, and each bucket is read as a whole. Memory is that of the
largest bucket and the write buffers, whatever the number of records.
"""

from __future__ import annotations

import struct
import zlib
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import zstandard

_HEAD: Final = struct.Struct("<BHHI")
_LENGTH: Final = struct.Struct("<I")
_BUFFER: Final = 32 << 10
_RECORDS_A_BUCKET: Final = 8192
_FEWEST, _MOST = 16, 2048


class Spilled(NamedTuple):
    """A record."""

    side: int
    source: bytes
    body: bytes


class Spill:
    """Buckets of records in a directory of their own, which the caller removes."""

    def __init__(self, directory: Path, expected: int) -> None:
        """Take so many buckets as suit the expected number of records."""
        self._directory = directory
        self._buckets = min(max(_FEWEST, expected // _RECORDS_A_BUCKET), _MOST)
        self._buffers: dict[int, bytearray] = defaultdict(bytearray)
        self._compressor = zstandard.ZstdCompressor(level=1)
        self._decompressor = zstandard.ZstdDecompressor()

    def add(self, meter: bytes, record: Spilled) -> None:
        """Keep a record."""
        bucket = zlib.crc32(meter) % self._buckets
        buffer = self._buffers[bucket]
        buffer += _HEAD.pack(record.side, len(meter), len(record.source), len(record.body))
        buffer += meter
        buffer += record.source
        buffer += record.body
        if len(buffer) >= _BUFFER:
            self._write(bucket, buffer)

    def meters(self) -> Iterator[tuple[bytes, list[Spilled]]]:
        """Yield each meter with its records in the order they were added. Records may be added afterwards."""
        for bucket, buffer in self._buffers.items():
            self._write(bucket, buffer)
        for bucket in range(self._buckets):
            found: dict[bytes, list[Spilled]] = defaultdict(list)
            for meter, record in self._read(bucket):
                found[meter].append(record)
            yield from sorted(found.items())

    def of(self, meter: bytes) -> list[Spilled]:
        """Return the records of a meter."""
        bucket = zlib.crc32(meter) % self._buckets
        self._write(bucket, self._buffers[bucket])
        return [record for known, record in self._read(bucket) if known == meter]

    def _write(self, bucket: int, buffer: bytearray) -> None:
        if not buffer:
            return
        packed = self._compressor.compress(bytes(buffer))
        with self._path(bucket).open("ab") as file:
            file.write(_LENGTH.pack(len(packed)) + packed)
        buffer.clear()

    def _read(self, bucket: int) -> Iterator[tuple[bytes, Spilled]]:
        path = self._path(bucket)
        if not path.exists():
            return
        with path.open("rb") as file:
            while length := file.read(_LENGTH.size):
                content = self._decompressor.decompress(file.read(_LENGTH.unpack(length)[0]))
                at = 0
                while at < len(content):
                    side, meter, source, body = _HEAD.unpack_from(content, at)
                    at += _HEAD.size
                    ends = (at + meter, at + meter + source, at + meter + source + body)
                    yield content[at : ends[0]], Spilled(side, content[ends[0] : ends[1]], content[ends[1] : ends[2]])
                    at = ends[2]

    def _path(self, bucket: int) -> Path:
        return self._directory / f"{bucket}.bucket"
