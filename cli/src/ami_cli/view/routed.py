"""The readings that a route wrote: as protobuf or canonical JSON, bare or framed for a Schema Registry."""

from __future__ import annotations

from typing import Final

from google.protobuf.json_format import Parse, ParseError
from google.protobuf.message import DecodeError

from ami.readings.v1 import meter_readings_pb2 as pb

_FRAMED: Final = b"\x00"  # no protobuf message begins so, and no JSON
_ID_ENDS: Final = 5
_FIRST_MESSAGE: Final = b"\x00"
_OBJECT: Final = b"{"


def message_of(value: bytes) -> pb.MeterReadings:
    """Read a value whatever the route's form and framing; raises DecodeError."""
    if value.startswith(_FRAMED):
        value = value[_ID_ENDS:].removeprefix(_FIRST_MESSAGE)
    if not value.startswith(_OBJECT):
        return pb.MeterReadings.FromString(value)
    try:
        return Parse(value, pb.MeterReadings(), ignore_unknown_fields=True)
    except (ParseError, UnicodeDecodeError) as error:
        raise DecodeError(f"{error}") from None
