"""What a frame carries: one APDU or several, each perhaps behind an LLC header.

Only the outermost octets are read, enough to know where an APDU ends. APDUs that do not state their length reach to
the end of what was carried.
"""

from __future__ import annotations

LLC_COMMAND = b"\xe6\xe6\x00"
LLC_RESPONSE = b"\xe6\xe7\x00"
"""Destination LSAP 0xE6, source LSAP 0xE6 or 0xE7, quality 0 (IEC 62056-46, 5.3)."""

GENERAL_CIPHERED = frozenset((0xDB, 0xDC))
GENERAL_BLOCK_TRANSFER = 0xE0

_XDLMS = {0x01, 0x05, 0x06, 0x08, 0x0C, 0x0D, 0x0E, 0x0F, 0x10, 0x16, 0x18}
_SERVICE_CIPHERED = {0x21, 0x25, 0x26, 0x28, 0x2C, 0x2D, 0x2E, 0x36, 0x38}
_SERVICE_CIPHERED |= {tag + 0x20 for tag in _SERVICE_CIPHERED}
_SERVICE_CIPHERED |= {0xC8, 0xC9, 0xCA, 0xCB, 0xCC, 0xCD, 0xCF, 0xD0, 0xD1, 0xD2, 0xD3, 0xD4, 0xD5, 0xD7}
_ACSE = {0x60, 0x61, 0x62, 0x63}
_LOGICAL_NAME = {0xC0, 0xC1, 0xC2, 0xC3, 0xC4, 0xC5, 0xC7, 0xD8, 0xD9, 0xDA}
_GENERAL = {0xDD, 0xDF, GENERAL_BLOCK_TRANSFER, 0xE6, 0xE7} | GENERAL_CIPHERED
KNOWN_TAGS = frozenset(_XDLMS | _SERVICE_CIPHERED | _ACSE | _LOGICAL_NAME | _GENERAL)
"""First octets of the APDUs of DLMS/COSEM (IEC 62056-5-3, 9.5)."""
_MAYBE_LLC_OR_BLOCK = frozenset((LLC_COMMAND[0], GENERAL_BLOCK_TRANSFER))
_TAG_AND_LENGTH = frozenset(_SERVICE_CIPHERED | _ACSE)


def llc_length(payload: bytes | bytearray, at: int = 0) -> int:
    """Return 3 if an LLC header stands at `at`, else 0."""
    return 3 if payload.startswith((LLC_COMMAND, LLC_RESPONSE), at) else 0


def begins_apdu(payload: bytes | bytearray, at: int = 0) -> bool:
    """Tell whether an APDU, with or without LLC, can begin at `at`."""
    at += llc_length(payload, at)
    return at < len(payload) and payload[at] in KNOWN_TAGS


def length_at(buffer: bytes | bytearray, at: int) -> tuple[int, int] | None:
    """Read a length (A-XDR and BER agree to four octets): value and index behind it; None if cut off or wrong."""
    if at >= len(buffer):
        return None
    first = buffer[at]
    if first < 0x80:
        return first, at + 1
    count = first & 0x7F
    if not 1 <= count <= 4 or at + 1 + count > len(buffer):
        return None
    return int.from_bytes(buffer[at + 1 : at + 1 + count], "big"), at + 1 + count


def stated_end(buffer: bytes | bytearray, at: int = 0) -> int | None:
    """Return the index behind the APDU at `at` by its own length fields, maybe beyond the buffer; None without."""
    if at >= len(buffer):
        return None
    tag = buffer[at]
    if tag in _TAG_AND_LENGTH:
        content = length_at(buffer, at + 1)
    elif tag in GENERAL_CIPHERED:
        title = length_at(buffer, at + 1)
        content = length_at(buffer, title[1] + title[0]) if title else None
    elif tag == GENERAL_BLOCK_TRANSFER:
        content = length_at(buffer, at + 6)
    else:
        return None
    return content[1] + content[0] if content else None


def is_one_apdu(payload: bytes) -> bool:
    """Tell, without looking further than needed, that a payload is one APDU: no LLC, no block, nothing behind it."""
    if payload[0] in _MAYBE_LLC_OR_BLOCK:
        return False
    end = stated_end(payload)
    return end is None or end >= len(payload)


def split(payload: bytes | bytearray) -> list[bytes]:
    """Return the APDUs of a frame without their LLC headers.

    What follows an APDU and does not begin another one stays with it, so that its decoder can name the offset.
    """
    units: list[bytes] = []
    at = llc_length(payload)
    while at < len(payload):
        end = stated_end(payload, at)
        if end is None or not begins_apdu(payload, end):
            end = len(payload)
        units.append(bytes(payload[at:end]))
        at = end + llc_length(payload, end)
    return units
