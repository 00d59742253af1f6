"""What a link reports: octets to transmit, APDUs, and changes of its state."""

from __future__ import annotations

from typing import NamedTuple

from ami_dlms.errors import LinkError
from ami_dlms.link.parameters import LinkParameters


class Transmit(NamedTuple):
    """Send these octets now; they may hold several frames."""

    data: bytes


class Connected(NamedTuple):
    """The link is up; these limits were agreed, seen from this station."""

    parameters: LinkParameters


class Delivered(NamedTuple):
    """A complete APDU arrived, LLC removed."""

    apdu: bytes
    raw: bytes
    """All octets received since the previous delivery, link frames and noise included, other stations' frames not."""


class Retransmitted(NamedTuple):
    """Frames were sent again; the octets are in a Transmit event beside this one."""

    frames: int


class Disconnected(NamedTuple):
    """The link is down, as agreed (DISC and UA, or DM to a DISC)."""


class LinkFailed(NamedTuple):
    """The link is down against our will: the peer answered DM or FRMR, or broke the sequence for good."""

    error: LinkError


LinkEvent = Transmit | Connected | Delivered | Retransmitted | Disconnected | LinkFailed
