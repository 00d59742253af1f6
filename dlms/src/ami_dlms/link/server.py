"""The server (secondary) station."""

from __future__ import annotations

from ami_dlms.link.events import LinkEvent
from ami_dlms.link.parameters import LinkParameters


class HdlcLinkServer:
    """Secondary station: answers what is addressed to it; the client's address is learned from its SNRM."""

    def __init__(self, server: int, server_physical: int | None = None, *, offer: LinkParameters | None = None) -> None:
        raise NotImplementedError

    def send(self, apdu: bytes) -> bytes:
        """Queue a response; return the frames that may go now."""
        raise NotImplementedError

    def receive(self, data: bytes) -> list[LinkEvent]:
        """Take octets of the peer; Delivered carries requests."""
        raise NotImplementedError
