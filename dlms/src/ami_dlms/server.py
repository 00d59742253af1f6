"""A DLMS/COSEM server without I/O: octets of one connection in, octets to answer out.

Over the wrapper each client SAP has an association of its own; over HDLC there is one, and a new SNRM resets it.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable

from ami_dlms.association.responder import Responder
from ami_dlms.association.serving import ServerAssociation
from ami_dlms.association.settings import Authentication, ServerSettings
from ami_dlms.cosem import LogicalDevice
from ami_dlms.framing import Assembler, Framing, wrapper
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
        self._carrier: Assembler | HdlcLinkServer
        if settings.framing is Framing.HDLC:
            self._carrier = HdlcLinkServer(settings.server_sap, settings.server_physical, offer=settings.link)
        else:
            self._carrier = Assembler(Framing.WRAPPER, join_blocks=False)

    @property
    def associated(self) -> int:
        """How many clients are associated now."""
        return sum(responder.associated for responder in self._responders.values())

    def receive(self, data: bytes) -> bytes:
        """Take octets of a client; return what to send, which may be nothing yet. Never raises on them."""
        if isinstance(self._carrier, HdlcLinkServer):
            return self._receive_hdlc(self._carrier, data)
        return self._receive_wrapper(self._carrier, data)

    def _receive_wrapper(self, assembler: Assembler, data: bytes) -> bytes:
        out = bytearray()
        for message in assembler.receive(data):
            client, server = message.source, message.destination
            if client is None or server != self._settings.server_sap:
                continue  # nobody lives at that address
            for octets in message.apdus:
                for answer in self._responder(client).answer(octets):
                    out += wrapper.encode(answer, server, client)
        if self._settings.datagrams:
            assembler.flush()  # the rest of a damaged datagram is no start of the next
        return bytes(out)

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
