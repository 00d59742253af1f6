"""The server (secondary) station of an HDLC link."""

from __future__ import annotations

from ami_dlms.errors import FrameMalformed, UsageError
from ami_dlms.framing import hdlc
from ami_dlms.framing.units import LLC_RESPONSE
from ami_dlms.link.events import Connected, Delivered, Disconnected, LinkEvent, Transmit
from ami_dlms.link.parameters import LinkParameters, read_parameters
from ami_dlms.link.station import Station


class HdlcLinkServer(Station):
    """Secondary station: answers frames addressed to it; the client is whoever sent the last SNRM.

    `server` is the logical device, `server_physical` the physical device; None is any. After each Delivered the
    caller owes the client a turn: `send` the response, or `acknowledge` if there is none yet.
    """

    def __init__(
        self, server: int | None, server_physical: int | None = None, *, offer: LinkParameters | None = None
    ) -> None:
        super().__init__(LLC_RESPONSE)
        self._logical = server
        self._physical = server_physical
        self._offer = offer or LinkParameters()
        self._connected = False

    @property
    def connected(self) -> bool:
        """A client has connected."""
        return self._connected

    @property
    def client(self) -> int:
        """Address of the client that sent the last frame, 0 before."""
        return hdlc.address_value(self._destination)

    def send(self, apdu: bytes) -> bytes:
        """Return the first frames of a response; further ones come as Transmit. UsageError if not connected."""
        if not self._connected:
            raise UsageError("No client is connected on this HDLC link; wait for Connected.")
        return self._enqueue(apdu)

    def acknowledge(self) -> bytes:
        """Return the RR that says: request received, no response (yet)."""
        return self._receive_ready()

    def receive(self, data: bytes) -> list[LinkEvent]:
        """Take octets of a client; never raises on them."""
        self._reader.feed(data)
        events: list[LinkEvent] = []
        while (frame := self._reader.next_frame()) is not None:
            if self._is_mine(frame.destination):
                events += self._handle(frame)
        if not self._connected:
            self._reader.take()  # no delivery will carry them
        return events

    def _is_mine(self, octets: bytes) -> bool:
        if self._logical is None:
            return True
        value = hdlc.address_value(octets)
        if len(octets) == 1:
            return value == self._logical
        bits = 7 if len(octets) == 2 else 14
        upper, lower = value >> bits, value & (1 << bits) - 1
        return upper == self._logical and self._physical in (None, lower)

    def _handle(self, frame: hdlc.HdlcFrame) -> list[LinkEvent]:
        kind = frame.kind
        if kind == hdlc.SNRM:
            return self._connect(frame)
        if not self._connected or frame.source != self._destination:
            if not frame.poll_final:
                return []
            dm = hdlc.HdlcFrame(frame.source, frame.destination, hdlc.DM | hdlc.POLL_FINAL)
            return [Transmit(dm.to_bytes())]
        if kind == hdlc.DISC:
            self._connected = False
            self._reset()
            return [Transmit(self._frame(hdlc.UA | hdlc.POLL_FINAL)), Disconnected()]
        if kind not in (0, hdlc.RR, hdlc.RNR, hdlc.REJ) or not self._supervise(frame):
            return []
        events = self._join(frame) if kind == 0 else []
        if any(isinstance(event, Delivered) for event in events):
            return events
        if frame.poll_final or kind == hdlc.REJ:
            events += self._turn() or [Transmit(self._receive_ready())]
        return events

    def _connect(self, frame: hdlc.HdlcFrame) -> list[LinkEvent]:
        self._destination, self._source = frame.source, frame.destination
        self._reset()
        try:
            peer = read_parameters(frame.information)
        except FrameMalformed:
            peer = LinkParameters()
        self._parameters = self._offer.agreed(peer)
        self._connected = True
        self._reader.take()
        answer = self._frame(hdlc.UA | hdlc.POLL_FINAL, self._parameters.to_bytes())
        return [Transmit(answer), Connected(self._parameters)]
