"""The COSEM wrapper of TCP and UDP (IEC 62056-4-7): version, source wPort, destination wPort, length, APDU."""

from __future__ import annotations

import struct

from ami_dlms.errors import UsageError
from ami_dlms.framing.scan import REJECT, Found, Octets, Scan, Wait
from ami_dlms.framing.units import KNOWN_TAGS

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


def scan(buffer: Octets, at: int, *, trusted: bool) -> Scan:
    """Look for a wrapper at `at`.

    The header has no check sequence. `trusted` says that a wrapper is expected exactly here; elsewhere the first octet
    of the APDU must be a tag of DLMS/COSEM, and the frame is a weak one until it is whole.
    """
    have = len(buffer)
    if have < at + HEADER.size:
        return Wait(at + HEADER.size) if bytes((0, VERSION)).startswith(buffer[at : at + 2]) else REJECT
    version, source, destination, length = HEADER.unpack_from(buffer, at)
    if version != VERSION:
        return REJECT
    if length == 0:
        return Found(at + HEADER.size, None, source=source, destination=destination) if trusted else REJECT
    begin = at + HEADER.size
    if not trusted:
        if have == begin:
            return Wait(begin + 1)
        if buffer[begin] not in KNOWN_TAGS:
            return REJECT
    end = begin + length
    if have < end:
        return Wait(end, weak=not trusted)
    return Found(end, bytes(buffer[begin:end]), source=source, destination=destination, weak=not trusted)
