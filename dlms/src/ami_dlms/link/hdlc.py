"""The HDLC link of a COSEM client and server, both stations by their usual name."""

from __future__ import annotations

from ami_dlms.link.client import HdlcLinkClient, State
from ami_dlms.link.server import HdlcLinkServer

__all__ = ["HdlcLinkClient", "HdlcLinkServer", "State"]
