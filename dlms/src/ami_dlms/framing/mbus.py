"""Wired M-Bus long frames that carry COSEM APDUs (EN 13757-2 link layer, EN 13757-1 transport CI fields)."""

from __future__ import annotations

from ami_dlms.errors import UsageError
from ami_dlms.framing.checks import checksum
from ami_dlms.framing.scan import REJECT, Found, Octets, Scan, Wait

START = 0x68
STOP = 0x16
SEND_USER_DATA = 0x53
BROADCAST = 0xFF
FINAL = 0x10
"""CI field of the DLMS transport: bits 0-3 number the segments, bit 4 marks the last one."""
MAX_DATA = 250
_LINK_AND_TRANSPORT = 5


def encode(
    apdu: bytes, source: int, destination: int, *, address: int = BROADCAST, max_data: int = MAX_DATA
) -> list[bytes]:
    """Return the long frames of `apdu`, at most `max_data` octets of it in each; raises UsageError if it is empty."""
    if not apdu or not 0 < max_data <= MAX_DATA:
        raise UsageError(f"An M-Bus frame carries 1 to {MAX_DATA} octets of an APDU.")
    parts = [apdu[begin : begin + max_data] for begin in range(0, len(apdu), max_data)]
    frames = []
    for index, part in enumerate(parts):
        ci = index & 0x0F | (FINAL if index == len(parts) - 1 else 0)
        body = bytes((SEND_USER_DATA, address, ci, source, destination)) + part
        frames.append(bytes((START, len(body), len(body), START)) + body + bytes((checksum(body), STOP)))
    return frames


def scan(buffer: Octets, at: int) -> Scan:
    """Look for a long frame at `at`.

    An L field below 3 cannot be: the meter's frame is longer than 255 octets and the field has wrapped (Sagemcom
    T210-D). A frame with another CI field than the DLMS transport's is handed on from the CI field on.
    """
    have = len(buffer)
    if have < at + 4:
        head = buffer[at:]
        possible = head[0] == START and (len(head) < 3 or head[1] == head[2])
        return Wait(at + 4) if possible else REJECT
    length = buffer[at + 1]
    if buffer[at + 2] != length or buffer[at + 3] != START or buffer[at] != START:
        return REJECT
    size = length if length >= 3 else length + 256
    begin, end = at + 4, at + 4 + size + 2
    if have < end:
        return Wait(end)
    if buffer[end - 1] != STOP:
        return REJECT
    intact = buffer[end - 2] == checksum(buffer[begin : end - 2])
    ci = buffer[begin + 2]
    if ci > FINAL | 0x0F or size < _LINK_AND_TRANSPORT:
        return Found(end, bytes(buffer[begin + 2 : end - 2]), intact)
    number = ci & 0x0F
    return Found(
        end,
        bytes(buffer[begin + _LINK_AND_TRANSPORT : end - 2]),
        intact,
        more=not ci & FINAL,
        begins=False,
        may_begin=number == 0,
        number=number,
        modulus=16,
        source=buffer[begin + 3],
        destination=buffer[begin + 4],
    )
