"""A DLMS/COSEM server without I/O: octets of one connection in, octets to answer out.

Over the wrapper each client SAP has an association of its own; over HDLC there is one, and a new SNRM resets it.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable

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
        self._associations: dict[int, ServerAssociation] = {}
        self._assembler = Assembler(Framing.WRAPPER)
        self._link = HdlcLinkServer(settings.server_sap, settings.server_physical)

    def receive(self, data: bytes) -> bytes:
        """Take octets of a client; return what to send, which may be nothing yet. Never raises on them."""
        return self._receive_hdlc(data) if self._settings.framing is Framing.HDLC else self._receive_wrapper(data)

    def _receive_wrapper(self, data: bytes) -> bytes:
        out = bytearray()
        for message in self._assembler.receive(data):
            client, server = message.source, message.destination
            if client is None or server != self._settings.server_sap:
                continue  # nobody lives at that address
            for octets in message.apdus:
                out += wrapper.encode(self._association(client).handle(octets), server, client)
        return bytes(out)

    def _receive_hdlc(self, data: bytes) -> bytes:
        out = bytearray()
        for event in self._link.receive(data):
            if isinstance(event, Transmit):
                out += event.data
            elif isinstance(event, Delivered) and self._link.connected:
                out += self._link.send(self._association(self._link.client).handle(event.apdu))
            elif isinstance(event, (Connected, Disconnected)):
                self._associations.clear()
        return bytes(out)

    def _association(self, client: int) -> ServerAssociation:
        association = self._associations.get(client)
        if association is None:
            if len(self._associations) >= MAX_CLIENTS:
                self._associations.pop(next(iter(self._associations)))
            association = ServerAssociation(self._settings, self._device, client, self._random)
            self._associations[client] = association
        return association
