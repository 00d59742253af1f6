"""The form of a file: an Avro object container (Avro 1.12, "Object Container Files"), codec `zstandard`.

fastavro writes and reads the records. The container around them is ours, so that blocks end where the content says and
the same records are the same bytes; and so that one zstd library serves all versions of fastavro.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping
from typing import IO, Any, Final

import zstandard
from fastavro import parse_schema, schemaless_reader, schemaless_writer

from ami_normalize.archive.errors import ArchiveDamaged

_MAGIC: Final = b"Obj\x01"
_SYNC_OCTETS: Final = 16
_BLOCK_OCTETS: Final = 256 << 10
_MOST_BLOCK: Final = 64 << 20
_LEVEL: Final = 3
_HEADER: Final = parse_schema(
    {
        "type": "record",
        "name": "org.apache.avro.file.Header",
        "fields": [
            {"name": "magic", "type": {"type": "fixed", "name": "magic", "size": len(_MAGIC)}},
            {"name": "meta", "type": {"type": "map", "values": "bytes"}},
            {"name": "sync", "type": {"type": "fixed", "name": "sync", "size": _SYNC_OCTETS}},
        ],
    }
)


class ContainerWriter:
    """Writes records to a binary stream."""

    def __init__(self, stream: IO[bytes], schema: Mapping[str, Any], sync: bytes) -> None:
        """Write the header; `sync` are 16 octets that a block is unlikely to hold."""
        self._stream = stream
        self._schema = parse_schema(dict(schema))
        self._sync = sync
        self._block = io.BytesIO()
        self._count = 0
        self._compressor = zstandard.ZstdCompressor(level=_LEVEL)
        meta = {"avro.codec": b"zstandard", "avro.schema": json.dumps(schema).encode()}
        schemaless_writer(stream, _HEADER, {"magic": _MAGIC, "meta": meta, "sync": sync})

    def write(self, datum: Mapping[str, Any]) -> None:
        """Add a record."""
        schemaless_writer(self._block, self._schema, datum)
        self._count += 1
        if self._block.tell() >= _BLOCK_OCTETS:
            self.flush()

    def flush(self) -> None:
        """End the block; what ends a file needs it."""
        if not self._count:
            return
        block = self._compressor.compress(self._block.getvalue())
        schemaless_writer(self._stream, "long", self._count)
        schemaless_writer(self._stream, "long", len(block))
        self._stream.write(block)
        self._stream.write(self._sync)
        self._block = io.BytesIO()
        self._count = 0


def read_container(stream: io.BufferedReader, schema: Mapping[str, Any], name: str) -> Iterator[dict[str, Any]]:
    """Yield the records of a container, resolved to `schema`; raises ArchiveDamaged where it is not whole."""
    reading = parse_schema(dict(schema))
    decompressor = zstandard.ZstdDecompressor()
    try:
        header: Any = schemaless_reader(stream, _HEADER, None)
        if header["magic"] != _MAGIC or header["meta"].get("avro.codec") != b"zstandard":
            raise ArchiveDamaged.at(name, "it is no Avro container with the codec zstandard")
        writing = parse_schema(json.loads(header["meta"]["avro.schema"]))
        while stream.peek(1):
            count: Any = schemaless_reader(stream, "long", None)
            length: Any = schemaless_reader(stream, "long", None)
            if not 0 <= length <= _MOST_BLOCK or count < 0:
                raise ArchiveDamaged.at(name, "a block has an impossible length")
            packed, sync = stream.read(length), stream.read(_SYNC_OCTETS)
            if len(packed) != length or sync != header["sync"]:
                raise ArchiveDamaged.at(name, "a block is cut off")
            block = io.BytesIO(decompressor.decompress(packed, max_output_size=_MOST_BLOCK))
            for _ in range(count):
                datum: Any = schemaless_reader(block, writing, reading)
                yield datum
    except (EOFError, ValueError, KeyError, IndexError, zstandard.ZstdError) as error:
        raise ArchiveDamaged.at(name, f"{type(error).__name__} while reading it") from error
