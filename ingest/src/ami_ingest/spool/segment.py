"""A segment: the records of one commit as one octet string, so that storing, reading and deleting them costs little.

Headers repeat from record to record of a peer, so each is written once, in a table that the records point into:

    u32 headers, for each: u8 length of its name, u32 length of its value, name, value
    for each record: u64 reception in microseconds, u16 length of the key, u32 length of the value,
                     u16 number of headers, key, value, u32 place in the table for each header

All numbers are big endian. The number of records and a CRC-32 of the octets stand beside it in the spool.
"""

from __future__ import annotations

import struct
import sys
from array import array
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple
from zlib import crc32

from ami_ingest.errors import SpoolError
from ami_ingest.record import Header, RawRecord

MAX_RECORDS: Final = 2000
MAX_OCTETS: Final = 1 << 20
"""A segment is closed when its values exceed this; a record is never cut."""

_COUNT: Final = struct.Struct(">I")
_HEADER: Final = struct.Struct(">BI")
_RECORD: Final = struct.Struct(">QHIH")
_LITTLE: Final = sys.byteorder == "little"


class SegmentDamaged(SpoolError):
    """The octets are not those that were written."""


class Segment(NamedTuple):
    """Consecutive records of the spool."""

    first: int
    """Sequence number of its first record."""
    records: Sequence[RawRecord]
    size: int
    """Octets on disk."""
    prefix: bytes
    """What `ce_id` begins with: agent and spool."""

    @property
    def last(self) -> int:
        """Sequence number of its last record."""
        return self.first + len(self.records) - 1


class _Table(dict[Header, int]):
    """Headers in order of their first use."""

    def __missing__(self, header: Header) -> int:
        place = self[header] = len(self)
        return place


def pieces(records: Sequence[RawRecord]) -> Iterator[Sequence[RawRecord]]:
    """Cut records into what makes a segment each."""
    start = size = 0
    for number, record in enumerate(records):
        size += len(record.value)
        if size >= MAX_OCTETS or number + 1 - start >= MAX_RECORDS:
            yield records[start : number + 1]
            start, size = number + 1, 0
    if start < len(records):
        yield records[start:]


def encode(records: Sequence[RawRecord]) -> bytes:
    """Return the records as octets."""
    table = _Table()
    place = table.__getitem__
    body: list[bytes] = []
    for key, value, headers, timestamp_us in records:
        places = array("I", map(place, headers))
        if _LITTLE:
            places.byteswap()
        body += (_RECORD.pack(timestamp_us, len(key), len(value), len(headers)), key, value, places.tobytes())
    head: list[bytes] = [_COUNT.pack(len(table))]
    for name, value in table:
        encoded = name.encode()
        head += (_HEADER.pack(len(encoded), len(value)), encoded, value)
    return b"".join(head + body)


def decode(octets: bytes, crc: int) -> list[RawRecord]:
    """Return the records of `encode`. Raises SegmentDamaged where the octets are not from there."""
    if crc32(octets) != crc:
        raise SegmentDamaged("A segment of the spool has a wrong checksum; the disk or the file is damaged")
    try:
        return list(_records(octets))
    except (struct.error, IndexError, ValueError):
        raise SegmentDamaged("A segment of the spool is not readable; the disk or the file is damaged") from None


def _records(octets: bytes) -> Iterator[RawRecord]:
    table: list[Header] = []
    (left,), at = _COUNT.unpack_from(octets), _COUNT.size
    for _ in range(left):
        name, value = _HEADER.unpack_from(octets, at)
        begin = at + _HEADER.size
        at = begin + name + value
        table.append((octets[begin : begin + name].decode(), octets[begin + name : at]))
    while at < len(octets):
        timestamp_us, key, value, count = _RECORD.unpack_from(octets, at)
        begin = at + _RECORD.size
        middle = begin + key
        end = middle + value
        at = end + 4 * count
        places = array("I", octets[end:at])
        if _LITTLE:
            places.byteswap()
        headers = tuple([table[place] for place in places])
        yield RawRecord(octets[begin:middle], octets[middle:end], headers, timestamp_us)
