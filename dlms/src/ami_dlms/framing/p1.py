"""P1 consumer port: readable telegrams (DSMR P1, IEC 62056-21 mode D) and bare general-glo-ciphering APDUs.

Luxembourg and Sagemcom meters send the telegram ciphered, as an APDU without any frame around it.
"""

from __future__ import annotations

import re

from ami_dlms.framing.checks import crc16_arc
from ami_dlms.framing.scan import REJECT, Found, Octets, Reject, Scan, Wait
from ami_dlms.framing.units import stated_end

_IDENTIFICATION = re.compile(rb"/[A-Za-z]{3}[\x21-\x7e]")
_NOT_TEXT = re.compile(rb"[^\t\r\n\x20-\x7e]")
_CRC = re.compile(rb"!([0-9A-Fa-f]{4})")
_END_OF_LINE = re.compile(rb"\r?\n|\r")
_CRC_LENGTH = 5
_HEADER = 1 + 1 + 8
_SECURITY = 1 + 4
_SUITES = (0, 1, 2)


def scan_text(buffer: Octets, at: int, *, resume: int, final: bool) -> Scan:
    """Look for a telegram from `/` at `at` to the CRC behind `!` and its line end.

    `resume` octets from `at` on are known to be text without `!`. `final` says that nothing follows.
    """
    have = len(buffer)
    if have < at + 5:
        return Wait(at + 5)
    if not _IDENTIFICATION.match(buffer, at):
        return REJECT
    start = at + max(resume, 5)
    end = buffer.find(b"!", start)
    odd = _NOT_TEXT.search(buffer, start, end if end >= 0 else have)
    if odd:
        return Reject(barrier=odd.start())
    if end < 0:
        return Reject(barrier=have) if final else Wait(have + 1, resume=have - at)
    tail = buffer[end : end + _CRC_LENGTH + 2]
    crc = _CRC.match(tail)
    if not final and len(tail) < _CRC_LENGTH + 2 and _may_continue(tail):
        return Wait(have + 1, resume=end - at)
    behind = end + (crc.end() if crc else 1)
    line_end = _END_OF_LINE.match(buffer, behind)
    intact = crc is None or int(crc[1], 16) == crc16_arc(buffer[at : end + 1])
    behind = line_end.end() if line_end else behind
    return Found(behind, bytes(buffer[at:behind]), intact)


def _may_continue(tail: Octets) -> bool:
    """Tell whether a CRC or a line end may still follow what stands behind `!`."""
    return b"\n" not in tail and re.fullmatch(rb"![0-9A-Fa-f]{0,4}\r?", tail) is not None


def scan_ciphered(buffer: Octets, at: int, *, trusted: bool) -> Scan:
    """Look for a bare general-glo-ciphering APDU: tag, system title of 8 octets, length, security control.

    Nothing checks it. `trusted` says that one is expected exactly here.
    """
    have = len(buffer)
    if not b"\xdb\x08".startswith(buffer[at : at + 2]):
        return REJECT
    if have < at + _HEADER + 1:
        return Wait(at + _HEADER + 1)
    width = 1 if buffer[at + _HEADER] < 0x80 else 1 + (buffer[at + _HEADER] & 0x7F)
    if width > 5:
        return REJECT
    control = at + _HEADER + width
    if have <= control:
        return Wait(control + 1)
    end = stated_end(buffer, at)
    if end is None or end < control + _SECURITY or buffer[control] & 0x0F not in _SUITES:
        return REJECT
    if have < end:
        return Wait(end, weak=not trusted)
    return Found(end, bytes(buffer[at:end]), weak=not trusted)
