"""Where a message came from, as the last fields of its MeterReadings."""

from __future__ import annotations

import struct
from typing import Final

from ami.readings.v1 import meter_readings_pb2 as pb
from ami_dlms.security import Protection
from ami_normalize.fast import wire
from ami_normalize.fast.opened import Opened
from ami_normalize.pipeline import Context, RawRecord
from ami_normalize.pipeline.encode import PROTECTIONS

_OFFSET: Final = struct.Struct("<sQ")
_KEY_VERSION: Final = b"\x3a"
_MOST_KEPT: Final = 4096


class Provenance:
    """Writes the fields of MeterReadings behind the blocks: provenance and revision."""

    def __init__(self, context: Context) -> None:
        """Name the versions of `context`."""
        self._versions = pb.Provenance(
            decoder=context.decoder_version, mapping=context.mapping_hash
        ).SerializeToString()
        self._revision = pb.MeterReadings(revision=context.revision).SerializeToString()
        self._places: dict[tuple[str, int], bytes] = {}
        self._ends: dict[tuple[Protection, str], bytes] = {}

    def write(self, out: list[bytes], record: RawRecord, digest: bytes, opened: Opened, dialect: str) -> None:
        """Append the fields; `digest` is the SHA-256 of the record's value."""
        key_version, protection = opened.key_version, opened.protection
        place = self._places.get((record.topic, record.partition)) or self._place(record)
        end = self._ends.get((protection, dialect)) or self._end(protection, dialect)
        offset = _OFFSET.pack(wire.OFFSET, record.offset) if record.offset else b""
        version = wire.field(_KEY_VERSION, key_version.encode()) if key_version else b""
        size = len(place) + len(offset) + 34 + len(self._versions) + len(version) + len(end)
        out += (
            wire.PROVENANCE,
            bytes((size & 0x7F | 0x80, size >> 7)) if 0x7F < size < 0x4000 else wire.varint(size),
            place,
            offset,
            wire.DIGEST,
            digest,
            self._versions,
            version,
            end,
            self._revision,
        )

    def _place(self, record: RawRecord) -> bytes:
        if len(self._places) >= _MOST_KEPT:
            self._places.clear()
        octets = pb.Provenance(topic=record.topic, partition=record.partition).SerializeToString()
        self._places[record.topic, record.partition] = octets
        return octets

    def _end(self, protection: Protection, dialect: str) -> bytes:
        if len(self._ends) >= _MOST_KEPT:
            self._ends.clear()
        octets = pb.Provenance(protection=PROTECTIONS[protection], dialect=dialect).SerializeToString()
        self._ends[protection, dialect] = octets
        return octets
