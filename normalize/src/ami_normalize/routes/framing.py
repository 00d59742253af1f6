"""What names the schema of a value to consumers with a Schema Registry (Confluent's wire format, and its header mode).

The id or GUID is configuration: who registers the schema knows it, and a normalizer that asked a registry would hang on
one. A protobuf schema file holds several messages; the index says which, and `MeterReadings` is the first: one zero.
"""

from __future__ import annotations

import uuid
from typing import Final, NamedTuple

HEADER: Final = "__value_schema_id"
_MAGIC_ID: Final = b"\x00"
_MAGIC_GUID: Final = b"\x01"
_FIRST_MESSAGE: Final = b"\x00"


class Framing(NamedTuple):
    """Constant octets before each value, and constant headers."""

    prefix: bytes = b""
    headers: tuple[tuple[str, bytes], ...] = ()


BARE: Final = Framing()
"""The value alone: the default."""


def prefix(schema_id: int, *, protobuf: bool) -> Framing:
    """Return `00 | id, four octets big endian | message index`; JSON Schemas have no index."""
    return Framing(_MAGIC_ID + schema_id.to_bytes(4, "big") + (_FIRST_MESSAGE if protobuf else b""))


def header(guid: str, *, protobuf: bool) -> Framing:
    """Return the header that holds `01 | GUID, 16 octets | message index`."""
    return Framing(headers=((HEADER, _MAGIC_GUID + uuid.UUID(guid).bytes + (_FIRST_MESSAGE if protobuf else b"")),))
