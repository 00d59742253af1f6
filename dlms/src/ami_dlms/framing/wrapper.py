"""The COSEM wrapper of TCP and UDP (IEC 62056-4-7): version, source wPort, destination wPort, length, APDU."""

from __future__ import annotations

import struct

from ami_dlms.errors import UsageError

HEADER = struct.Struct(">HHHH")
VERSION = 1
MAX_APDU = 0xFFFF


def encode(apdu: bytes, source: int, destination: int) -> bytes:
    """Return `apdu` (at most 65535 octets) in a wrapper; raises UsageError if a field does not fit."""
    if len(apdu) > MAX_APDU:
        raise UsageError(f"An APDU of {len(apdu)} octets does not fit into a wrapper; use a block transfer.")
    if not (0 <= source <= 0xFFFF and 0 <= destination <= 0xFFFF):
        raise UsageError(f"wPorts are 0 to 65535, not {source} and {destination}.")
    return HEADER.pack(VERSION, source, destination, len(apdu)) + apdu
