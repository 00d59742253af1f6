"""A DLMS/COSEM server without I/O: octets of one connection in, octets to answer out.

Over the wrapper each client SAP has an association of its own; over HDLC there is one, and a new SNRM resets it.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable

from ami_dlms.association.responder import Responder
from ami_dlms.association.serving import ServerAssociation
from ami_dlms.association.settings import Authentication, ServerSettings
from ami_dlms.cosem import LogicalDevice
from ami_dlms.framing import Assembler, Framing, wrapper
from ami_dlms.framing.scan import Found
from ami_dlms.framing.units import split
from ami_dlms.link import Connected, Delivered, Disconnected, HdlcLinkServer, Transmit

__all__ = ["Authentication", "Server", "ServerSettings"]

MAX_CLIENTS = 16
"""Associations kept for one connection; the oldest is forgotten."""


class Server:
    """The server of one logical device on one connection. Connections of a device share its objects and counters."""

    def __init__(
        self, settings: ServerSettings, device: LogicalDevice, random: Callable[[int], bytes] = secrets.token_bytes
    ) -> None:
        self._settings, self._device, self._random = settings, device, random
        self._responders: dict[int, Responder] = {}
        self._assembler: Assembler | None = None
        self._link: HdlcLinkServer | None = None
        if settings.framing is Framing.HDLC:
            self._link = HdlcLinkServer(settings.server_sap, settings.server_physical, offer=settings.link)

    @property
    def associated(self) -> int:
        """How many clients are associated now."""
        return sum(responder.associated for responder in self._responders.values())

    def receive(self, data: bytes) -> bytes:
        """Take octets of a client; return what to send, which may be nothing yet. Never raises on them."""
        return self._receive_wrapper(data) if self._link is None else self._receive_hdlc(self._link, data)

    def _receive_wrapper(self, data: bytes) -> bytes:
        assembler = self._assembler
        if assembler is None or not assembler.pending:
            # One whole frame at a time is what nearly every client sends: no need to look for it.
            frame = wrapper.scan(data, 0, trusted=True)
            if isinstance(frame, Found) and frame.end == len(data) and frame.payload is not None:
                return self._answer_frame(frame.source, frame.destination, split(frame.payload))
        if assembler is None:
            assembler = self._assembler = Assembler(Framing.WRAPPER, join_blocks=False)
        out = [
            self._answer_frame(message.source, message.destination, message.apdus)
            for message in assembler.receive(data)
        ]
        if self._settings.datagrams:
            assembler.flush()  # the rest of a damaged datagram is no start of the next
        return b"".join(out)

    def _answer_frame(self, client: int | None, server: int | None, apdus: Iterable[bytes]) -> bytes:
        if client is None or server is None or server != self._settings.server_sap:
            return b""  # nobody lives at that address
        responder = self._responder(client)
        return b"".join(
            wrapper.encode(answer, server, client) for octets in apdus for answer in responder.answer(octets)
        )

    def _receive_hdlc(self, link: HdlcLinkServer, data: bytes) -> bytes:
        out = bytearray()
        for event in link.receive(data):
            if isinstance(event, Transmit):
                out += event.data
            elif isinstance(event, Delivered) and link.connected:
                out += self._answer_on_link(link, event.apdu)
            elif isinstance(event, (Connected, Disconnected)):
                self._responders.clear()
        return bytes(out)

    def _answer_on_link(self, link: HdlcLinkServer, octets: bytes) -> bytes:
        answers = self._responder(link.client).answer(octets)
        return b"".join(map(link.send, answers)) or link.acknowledge()

    def _responder(self, client: int) -> Responder:
        responder = self._responders.get(client)
        if responder is None:
            if len(self._responders) >= MAX_CLIENTS:
                self._responders.pop(next(iter(self._responders)))
            association = ServerAssociation(self._settings, self._device, client, self._random)
            window = 1 if self._settings.framing is Framing.HDLC else self._settings.block_window
            responder = self._responders[client] = Responder(association, window)
        return responder
