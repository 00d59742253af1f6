"""A DLMS/COSEM client without I/O: it says what to send, and is told what was received.

    client = Client(ClientSettings(framing=Framing.WRAPPER))
    socket.sendall(client.associate())
    ...
    for event in client.receive(socket.recv(65536)): ...

Send every `Send` event's octets in order. One request at a time.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable

from ami_dlms.apdu import CosemAttribute, CosemMethod, SelectiveAccess
from ami_dlms.association.events import Answer, Associated, Event, Failed, Refused, Released, Result, Send, Unsolicited
from ami_dlms.association.settings import Authentication, ClientSettings
from ami_dlms.association.states import ClientState
from ami_dlms.axdr import Data
from ami_dlms.security import CounterProvider

__all__ = [
    "Answer",
    "Associated",
    "Authentication",
    "Client",
    "ClientSettings",
    "ClientState",
    "Event",
    "Failed",
    "Refused",
    "Released",
    "Result",
    "Send",
    "Unsolicited",
]


class Client:
    """One association with one server. After `Released` it may associate again."""

    def __init__(
        self,
        settings: ClientSettings,
        counter: CounterProvider | None = None,
        random: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        """`counter` gives the invocation counters of the encryption key; it is needed wherever keys are used."""
        raise NotImplementedError

    def associate(self) -> bytes:
        """Return the first octets to send; `receive` then leads to `Associated` or `Refused`."""
        raise NotImplementedError

    def get(self, attribute: CosemAttribute, access: SelectiveAccess | None = None) -> bytes:
        """Read an attribute; `receive` then leads to `Answer`, fetching blocks on the way."""
        raise NotImplementedError

    def set(self, attribute: CosemAttribute, value: Data, access: SelectiveAccess | None = None) -> bytes:
        """Write an attribute."""
        raise NotImplementedError

    def action(self, method: CosemMethod, parameter: Data | None = None) -> bytes:
        """Invoke a method."""
        raise NotImplementedError

    def release(self) -> bytes:
        """End the association and the link; `receive` then leads to `Released`. May be empty after a failure: then it is over."""
        raise NotImplementedError

    def receive(self, data: bytes) -> list[Event]:
        """Take octets of the server."""
        raise NotImplementedError

    def timeout(self) -> list[Event]:
        """Nothing came for too long: repeat what HDLC may repeat; a release that is not answered counts as `Released`."""
        raise NotImplementedError

    def connection_lost(self) -> list[Event]:
        """Report that the transport closed: `Released` if that was wished, else `Failed`."""
        raise NotImplementedError
