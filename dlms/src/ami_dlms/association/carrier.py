"""One interface over both ways to carry APDUs: the wrapper, which has no link to connect, and HDLC."""

from __future__ import annotations

from typing import Protocol

from ami_dlms.association.settings import ClientSettings
from ami_dlms.framing import Assembler, Framing, wrapper
from ami_dlms.framing.counts import LineCounts
from ami_dlms.framing.scan import Found
from ami_dlms.framing.units import split
from ami_dlms.link import Connected, Delivered, Disconnected, HdlcLinkClient, LinkEvent, LinkParameters, Transmit


class Carrier(Protocol):
    """Carries a client's APDUs; everything that happens is a link event."""

    @property
    def counts(self) -> LineCounts:
        """What was received on the line so far."""

    def connect(self) -> list[LinkEvent]:
        """Bring the link up."""

    def send(self, apdu: bytes) -> bytes:
        """Frame an APDU; return the octets that may go now."""

    def receive(self, data: bytes) -> list[LinkEvent]:
        """Take octets of the peer."""

    def timeout(self) -> list[LinkEvent]:
        """Repeat what is unanswered, where the link can do that."""

    def disconnect(self) -> list[LinkEvent]:
        """Take the link down."""


class WrapperCarrier:
    """APDUs in wrappers. Octets that belong to no wrapper stay with the APDU that follows them.

    Nearly always exactly one whole wrapper comes at a time: it is taken as it is. Whatever else comes is assembled.
    """

    __slots__ = ("_assembler", "_before", "_client", "_datagrams", "_frames", "_noise", "_server")

    def __init__(self, client: int, server: int, *, datagrams: bool = False) -> None:
        """`datagrams`: each call of `receive` brings one; the rest of a damaged one is no start of the next."""
        self._client, self._server = client, server
        self._datagrams = datagrams
        self._assembler: Assembler | None = None
        self._before = b""
        self._frames = self._noise = 0

    @property
    def counts(self) -> LineCounts:
        """What was received so far."""
        if self._assembler is None:
            return LineCounts(self._frames, 0, 0, 0, self._noise)
        have, need = self._assembler.begun
        return LineCounts(self._frames, 0, have, need, self._noise + self._assembler.pending - have)

    def connect(self) -> list[LinkEvent]:
        """Report the link as up: there is none."""
        return [Connected(LinkParameters())]

    def send(self, apdu: bytes) -> bytes:
        """Wrap an APDU."""
        return wrapper.encode(apdu, self._client, self._server)

    def receive(self, data: bytes) -> list[LinkEvent]:
        """Unwrap."""
        if self._assembler is None:
            found = wrapper.scan(data, 0, trusted=True)
            if isinstance(found, Found) and found.end == len(data) and found.payload:
                self._frames += 1
                first, *rest = split(found.payload)
                return [Delivered(first, data), *(Delivered(apdu, b"") for apdu in rest)]
            self._assembler = Assembler(Framing.WRAPPER, join_blocks=False)
        return self._assembled(self._assembler, data)

    def _assembled(self, assembler: Assembler, data: bytes) -> list[LinkEvent]:
        events: list[LinkEvent] = []
        for message in assembler.receive(data):
            self._noise += message.noise
            if not message.apdus:
                self._before += message.raw
                continue
            self._frames += 1
            raw, self._before = self._before + message.raw, b""
            for apdu in message.apdus:
                events.append(Delivered(apdu, raw))
                raw = b""
        if self._datagrams and (rest := assembler.flush()):
            self._before += rest.raw
            self._noise += rest.noise
        if not assembler.pending and not self._before:
            self._assembler = None
        return events

    def timeout(self) -> list[LinkEvent]:
        """Repeat nothing: TCP does that."""
        return []

    def disconnect(self) -> list[LinkEvent]:
        """Report the link as down."""
        return [Disconnected()]


class HdlcCarrier:
    """APDUs over an HDLC link."""

    def __init__(
        self, client: int, server: int, server_physical: int | None, propose: LinkParameters | None = None
    ) -> None:
        self._link = HdlcLinkClient(client, server, server_physical, propose=propose)

    @property
    def counts(self) -> LineCounts:
        """What was received so far."""
        return self._link.counts

    def connect(self) -> list[LinkEvent]:
        """Send an SNRM."""
        return [Transmit(self._link.connect())]

    def send(self, apdu: bytes) -> bytes:
        """Send an APDU in I-frames."""
        return self._link.send(apdu)

    def receive(self, data: bytes) -> list[LinkEvent]:
        """Take frames."""
        return self._link.receive(data)

    def timeout(self) -> list[LinkEvent]:
        """Repeat frames."""
        return self._link.timeout()

    def disconnect(self) -> list[LinkEvent]:
        """Send a DISC."""
        return [Transmit(self._link.disconnect())]


def carrier(settings: ClientSettings) -> Carrier:
    """Return the carrier of the settings' framing."""
    if settings.framing is Framing.HDLC:
        return HdlcCarrier(settings.client_sap, settings.server_sap, settings.server_physical, settings.link)
    return WrapperCarrier(settings.client_sap, settings.server_sap, datagrams=settings.datagrams)
