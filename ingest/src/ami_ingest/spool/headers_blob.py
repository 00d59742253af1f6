"""Headers of a record as one octet string, for the spool: length-prefixed names and values in order."""

from __future__ import annotations

import struct
from collections.abc import Iterable

from ami_ingest.record import Header

_LENGTHS = struct.Struct(">BI")


def pack(headers: Iterable[Header]) -> bytes:
    """Return the headers as one octet string."""
    pieces: list[bytes] = []
    for name, value in headers:
        encoded = name.encode()
        pieces += (_LENGTHS.pack(len(encoded), len(value)), encoded, value)
    return b"".join(pieces)


def unpack(blob: bytes) -> list[Header]:
    """Return the headers of `pack`. Raises ValueError where the octets are not from there."""
    headers: list[Header] = []
    position = 0
    while position < len(blob):
        try:
            name_length, value_length = _LENGTHS.unpack_from(blob, position)
        except struct.error:
            raise ValueError(f"headers end at octet {position}") from None
        start = position + _LENGTHS.size
        middle = start + name_length
        position = middle + value_length
        if position > len(blob):
            raise ValueError(f"headers end inside the header at octet {start}")
        headers.append((blob[start:middle].decode(), blob[middle:position]))
    return headers
