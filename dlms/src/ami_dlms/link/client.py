"""The client (primary) station of an HDLC link."""

from __future__ import annotations

from enum import Enum, auto

from ami_dlms.errors import FrameMalformed, LinkError, UsageError
from ami_dlms.framing import hdlc
from ami_dlms.framing.units import LLC_COMMAND
from ami_dlms.link.events import Connected, Delivered, Disconnected, LinkEvent, LinkFailed, Retransmitted, Transmit
from ami_dlms.link.parameters import LinkParameters, read_parameters
from ami_dlms.link.station import Station

_MAX_IDLE_POLLS = 32
"""RR answered by RR so often without progress: the next poll waits for the caller's timeout."""


class State(Enum):
    """Where the link stands."""

    DISCONNECTED = auto()
    CONNECTING = auto()
    CONNECTED = auto()
    DISCONNECTING = auto()


class HdlcLinkClient(Station):
    """Primary station: connects, sends one request at a time, polls for the rest of a segmented answer.

    `client` is the client SAP, `server` the logical device and `server_physical` the physical device or None.
    `propose=None` sends an SNRM without parameters, as many meters expect; both sides then use the defaults.
    """

    def __init__(
        self,
        client: int,
        server: int,
        server_physical: int | None = None,
        *,
        propose: LinkParameters | None = None,
        address_size: int | None = None,
    ) -> None:
        """Raise UsageError if an address does not fit; `address_size` is that of the server, 1, 2 or 4 octets."""
        super().__init__(LLC_COMMAND)
        self._destination = hdlc.address(server, server_physical, size=address_size)
        self._source = hdlc.address(client)
        self._propose = propose
        self._state = State.DISCONNECTED
        self._waiting = False
        self._idle_polls = 0

    @property
    def state(self) -> State:
        """Where the link stands."""
        return self._state

    def connect(self) -> bytes:
        """Return the SNRM; Connected or LinkFailed follows."""
        self._reset()
        self._waiting = False
        self._state = State.CONNECTING
        return self._frame(hdlc.SNRM | hdlc.POLL_FINAL, self._propose.to_bytes() if self._propose else b"")

    def disconnect(self) -> bytes:
        """Return the DISC; Disconnected follows."""
        self._state = State.DISCONNECTING
        return self._frame(hdlc.DISC | hdlc.POLL_FINAL)

    def send(self, apdu: bytes) -> bytes:
        """Return the first frames of a request; further ones come as Transmit.

        Raises UsageError if the link is not up or the answer to the previous request is still due.
        """
        if self._state is not State.CONNECTED:
            raise UsageError("The HDLC link is not connected; connect first.")
        if self._waiting:
            raise UsageError("The previous request is not answered yet; an HDLC client sends one at a time.")
        self._waiting = True
        self._idle_polls = 0
        return self._enqueue(apdu)

    def receive(self, data: bytes) -> list[LinkEvent]:
        """Take octets of the server; never raises on them."""
        self._reader.feed(data)
        events: list[LinkEvent] = []
        while (frame := self._reader.next_frame()) is not None:
            if frame.destination == self._source and frame.source == self._destination:
                events += self._handle(frame)
            else:
                # Another station of the line, late with its answer: in the record it would pass for this one's.
                self._reader.leave_out()
        return events

    def timeout(self) -> list[LinkEvent]:
        """Repeat what is unanswered; the caller calls this when nothing came for too long, and counts."""
        self._reader.give_up()
        events = self.receive(b"")
        if events:
            return events
        if self._state is State.CONNECTING:
            return [Retransmitted(1), Transmit(self.connect())]
        if self._state is State.DISCONNECTING:
            return [Retransmitted(1), Transmit(self.disconnect())]
        if self._state is not State.CONNECTED or not self._waiting:
            return []
        self._idle_polls = 0
        self._peer_busy, busy = False, self._peer_busy
        return (not busy and self._turn()) or [Retransmitted(1), Transmit(self._receive_ready())]

    def _handle(self, frame: hdlc.HdlcFrame) -> list[LinkEvent]:
        kind = frame.kind
        if kind == hdlc.UA:
            return self._accepted(frame)
        if kind in (hdlc.DM, hdlc.FRMR):
            return self._refused(kind)
        if self._state is not State.CONNECTED or kind not in (0, hdlc.RR, hdlc.RNR, hdlc.REJ):
            return []
        if not self._supervise(frame):
            return []
        before = self._expected
        events = self._join(frame) if kind == 0 else []
        if any(isinstance(event, Delivered) for event in events):
            self._waiting = False
            return events
        if not self._waiting or not (frame.poll_final or kind == hdlc.REJ):
            return events
        return events + self._answer_turn(progress=self._expected != before)

    def _answer_turn(self, *, progress: bool) -> list[LinkEvent]:
        """Take the turn: the server has handed it over and the answer is not whole."""
        events = self._turn()
        if events or self._peer_busy:
            return events
        self._idle_polls = 0 if progress else self._idle_polls + 1
        return [Transmit(self._receive_ready())] if self._idle_polls <= _MAX_IDLE_POLLS else []

    def _accepted(self, frame: hdlc.HdlcFrame) -> list[LinkEvent]:
        if self._state is State.DISCONNECTING:
            self._state = State.DISCONNECTED
            return [Disconnected()]
        if self._state is not State.CONNECTING:
            return []
        try:
            peer = read_parameters(frame.information)
        except FrameMalformed:
            peer = LinkParameters()
        self._parameters = (self._propose or LinkParameters()).agreed(peer)
        self._state = State.CONNECTED
        return [Connected(self._parameters)]

    def _refused(self, kind: int) -> list[LinkEvent]:
        if self._state is State.DISCONNECTED:
            return []
        wanted = self._state is State.DISCONNECTING
        self._state = State.DISCONNECTED
        self._waiting = False
        if wanted:
            return [Disconnected()]
        if kind == hdlc.FRMR:
            return [LinkFailed(LinkError("The meter rejected a frame (FRMR); the HDLC link must be set up again."))]
        return [LinkFailed(LinkError("The meter answered DM: it refuses or has closed the HDLC link. Connect again."))]
