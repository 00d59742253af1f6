"""Where a message came from, as the last fields of its MeterReadings."""

from __future__ import annotations

import struct
from typing import Final, NamedTuple

from ami.readings.v1 import meter_readings_pb2 as pb
from ami_dlms.security import Protection
from ami_normalize.fast import wire
from ami_normalize.fast.opened import Opened
from ami_normalize.pipeline import Context, RawRecord
from ami_normalize.pipeline.encode import PROTECTIONS

_PLACE: Final = struct.Struct("<sQ2s32s")
_KEY_VERSION: Final = b"\x3a"
_MOST_KEPT: Final = 4096
_SEALED: Final = Protection.AUTHENTICATED_ENCRYPTED

_Kind = tuple[str, int, bool, int, str]
"""Topic, partition, whether there is an offset, octets of the key version, dialect."""


class _Frame(NamedTuple):
    """The constant parts, in order."""

    head: bytes
    middle: bytes
    tail: bytes


class Provenance:
    """Writes the fields of MeterReadings behind the blocks: provenance and revision."""

    def __init__(self, context: Context) -> None:
        """Name the versions of `context`."""
        self._versions = pb.Provenance(
            decoder=context.decoder_version, mapping=context.mapping_hash
        ).SerializeToString()
        self._revision = pb.MeterReadings(revision=context.revision).SerializeToString()
        self._frames: dict[Protection, dict[_Kind, _Frame]] = {protection: {} for protection in Protection}
        self._sealed = self._frames[_SEALED]

    def write(self, out: list[bytes], record: RawRecord, digest: bytes, opened: Opened, dialect: str) -> None:
        """Append the fields; `digest` is the SHA-256 of the record's value."""
        offset, version, protection = record.offset, opened.key_version, opened.protection
        frames = self._sealed if protection is _SEALED else self._frames[protection]  # an enum is slow to look up
        kind = (record.topic, record.partition, offset > 0, len(version), dialect)
        head, middle, tail = frames.get(kind) or self._frame(frames, kind, protection)
        if offset > 0:
            out += (head, _PLACE.pack(wire.OFFSET, offset, wire.DIGEST, digest), middle, version.encode(), tail)
        else:
            out += (head, wire.DIGEST, digest, middle, version.encode(), tail)

    def _frame(self, frames: dict[_Kind, _Frame], kind: _Kind, protection: Protection) -> _Frame:
        """Return what stands around the offset, the digest and the key version."""
        topic, partition, has_offset, version, dialect = kind
        place = pb.Provenance(topic=topic, partition=partition).SerializeToString()
        middle = self._versions + (_KEY_VERSION + wire.varint(version) if version else b"")
        end = pb.Provenance(protection=PROTECTIONS[protection], dialect=dialect).SerializeToString()
        size = len(place) + (9 if has_offset else 0) + 34 + len(middle) + version + len(end)
        if len(frames) >= _MOST_KEPT:
            frames.clear()
        frame = frames[kind] = _Frame(wire.PROVENANCE + wire.varint(size) + place, middle, end + self._revision)
        return frame
