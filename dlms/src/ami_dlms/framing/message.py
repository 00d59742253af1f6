"""What comes out of a byte stream: a framing and a message."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple


class Framing(str, Enum):
    """How an APDU is carried; the value is the `ami-framing` header of a raw record."""

    WRAPPER = "wrapper"
    """COSEM wrapper of TCP and UDP: version 1, two wPorts, length (IEC 62056-4-7)."""
    HDLC = "hdlc"
    """HDLC frame format type 3 with LLC, segmentation and FCS (IEC 62056-46)."""
    MBUS = "mbus"
    """Wired M-Bus long frames with the DLMS transport CI fields 0x00-0x1F (EN 13757-1, -2)."""
    P1 = "p1"
    """A consumer port telegram: readable text from `/` to the CRC, or a bare general-glo-ciphering APDU."""
    NONE = "none"
    """One APDU, perhaps behind an LLC header; nothing delimits it."""


class Message(NamedTuple):
    """One complete APDU or exchange, or octets that are none.

    The `raw` of the messages of one link, in order, are exactly the octets received.
    """

    raw: bytes
    """Every octet since the previous message: noise, link frames and the frames of this APDU."""
    framing: Framing
    apdus: tuple[bytes, ...]
    """Complete APDUs without LLC, normally one; blocks of a general block transfer are joined.

    Empty if incomplete, but for a whole record or the rest of a link read at once: those found whole.
    """
    complete: bool
    """False: cut off, out of sequence, damaged (unless lenient), or no APDU at all."""
    noise: int = 0
    """Octets of `raw` that belong to no frame, fill flags between HDLC frames included."""
    check_errors: int = 0
    """Frames whose FCS, HCS, checksum or CRC is wrong."""
    source: int | None = None
    """wPort, HDLC address (7-bit groups concatenated) or M-Bus STSAP of the sender."""
    destination: int | None = None
    """wPort, HDLC address or M-Bus DTSAP of the receiver."""
