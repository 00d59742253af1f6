"""HDLC link layer, without I/O: connect, carry APDUs, disconnect."""

from __future__ import annotations

from ami_dlms.link.client import HdlcLinkClient
from ami_dlms.link.events import Connected, Delivered, Disconnected, LinkEvent, LinkFailed, Retransmitted, Transmit
from ami_dlms.link.parameters import LinkParameters
from ami_dlms.link.server import HdlcLinkServer

__all__ = [
    "Connected",
    "Delivered",
    "Disconnected",
    "HdlcLinkClient",
    "HdlcLinkServer",
    "LinkEvent",
    "LinkFailed",
    "LinkParameters",
    "Retransmitted",
    "Transmit",
]
