"""The client (primary) station."""

from __future__ import annotations

from ami_dlms.link.events import LinkEvent
from ami_dlms.link.parameters import LinkParameters


class HdlcLinkClient:
    """Primary station: SNRM, I-frames with segmentation, DISC."""

    def __init__(self, client: int, server: int, server_physical: int | None = None, *, propose: LinkParameters | None = None) -> None:
        """`client` and `server` are addresses (SAPs); `propose=None` sends an SNRM without parameters."""
        raise NotImplementedError

    def connect(self) -> bytes:
        """Return the SNRM."""
        raise NotImplementedError

    def send(self, apdu: bytes) -> bytes:
        """Queue a request; return the frames that may go now (maybe empty, the rest comes as Transmit)."""
        raise NotImplementedError

    def receive(self, data: bytes) -> list[LinkEvent]:
        """Take octets of the peer."""
        raise NotImplementedError

    def timeout(self) -> list[LinkEvent]:
        """Nothing came for too long: repeat what is unanswered, as Retransmitted and Transmit."""
        raise NotImplementedError

    def disconnect(self) -> bytes:
        """Return the DISC."""
        raise NotImplementedError
