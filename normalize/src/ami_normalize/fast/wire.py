"""Protobuf messages as pieces: what stays, and the fields of fixed width that vary (see `ami.readings.v1`).

protobuf writes the fields of a message in the order of their numbers. So a message is the concatenation of its parts
cut at any field, and a varying `sfixed64` is its tag and eight octets.
"""

from __future__ import annotations

import struct
from typing import Final, NamedTuple

from google.protobuf.message import Message

from ami.readings.v1 import meter_readings_pb2 as pb

READINGS: Final = b"\x1a"
"""Tag of MeterReadings.readings."""
BLOCKS: Final = b"\x22"
"""Tag of MeterReadings.interval_blocks."""
PROVENANCE: Final = b"\x2a"
"""Tag of MeterReadings.provenance."""
MEASURED_AT: Final = b"\x39"
"""Tag of Reading.measured_at_us; and of IntervalBlock.first_interval_end_us."""
MANTISSA: Final = b"\x49"
REAL: Final = b"\x59"
BOOLEAN: Final = b"\x70"
MANTISSAS: Final = b"\x52"
"""Tags of Reading.mantissa, Reading.real and Reading.boolean, and of IntervalBlock.mantissas."""
OFFSET: Final = b"\x19"
DIGEST: Final = b"\x22\x20"
"""Tags of Provenance.offset and Provenance.raw_sha256 (with its length)."""

INT64: Final = struct.Struct("<q")

_BEFORE_TIME: Final = ("obis", "attribute", "profile_obis", "occurrence", "reading_type", "unit")
_AFTER_VALUE: Final = ("scale", "quality")
_BLOCK_HEAD: Final = ("profile_obis", "obis", "attribute", "reading_type", "unit", "period_s")
_BLOCK_TAIL: Final = ("statuses", "quality", "occurrence")


class ReadingParts(NamedTuple):
    """A Reading: `head`, the instant, `origin`, the value, `tail`."""

    head: bytes
    origin: bytes
    value: bytes
    """The field of the value with its tag; empty where there is none."""
    tail: bytes


class BlockParts(NamedTuple):
    """An IntervalBlock of integers: `head`, the end of the first interval, `middle`, the mantissas, `tail`."""

    head: bytes
    middle: bytes
    tail: bytes


def varint(number: int) -> bytes:
    """Write a number in groups of seven bits, the lowest first."""
    octets = bytearray()
    while number > 0x7F:
        octets.append(number & 0x7F | 0x80)
        number >>= 7
    octets.append(number)
    return bytes(octets)


def reading_parts(reading: pb.Reading) -> ReadingParts:
    """Cut a reading with an instant; its parts with the instant in between are the whole, octet by octet."""
    value = reading.WhichOneof("value")
    return ReadingParts(
        _only(reading, _BEFORE_TIME),
        _only(reading, ("time_origin",)),
        _only(reading, (value,)) if value else b"",
        _only(reading, _AFTER_VALUE),
    )


def block_parts(block: pb.IntervalBlock) -> BlockParts:
    """Cut a block of mantissas with an instant."""
    return BlockParts(
        _only(block, _BLOCK_HEAD),
        _only(block, ("time_origin", "scale")),
        _only(block, _BLOCK_TAIL),
    )


def _only(message: Message, names: tuple[str, ...]) -> bytes:
    """Serialize some fields of a message."""
    part = type(message)()
    part.CopyFrom(message)
    for field, _ in message.ListFields():
        if field.name not in names:
            part.ClearField(field.name)
    return bytes(part.SerializeToString(deterministic=True))


def field(tag: bytes, body: bytes) -> bytes:
    """Write a field of a length and octets."""
    return tag + varint(len(body)) + body
