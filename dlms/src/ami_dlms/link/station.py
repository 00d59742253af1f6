"""What both stations of a link do: number, acknowledge, segment, join, repeat (ISO/IEC 13239 normal response mode).

The stations speak in turns. A frame with the P/F bit hands the turn over; whoever has it

1. repeats what the peer's N(R) does not acknowledge,
2. else sends the next frames of its window,
3. else says RR, so that the peer can go on.
"""

from __future__ import annotations

from collections import deque

from ami_dlms.errors import UsageError
from ami_dlms.framing import hdlc
from ami_dlms.framing.counts import LineCounts
from ami_dlms.framing.units import llc_length
from ami_dlms.link.events import Delivered, LinkEvent, Retransmitted, Transmit
from ami_dlms.link.parameters import LinkParameters
from ami_dlms.link.reader import FrameReader


class Segment:
    """The information field of one I-frame and the number it was sent with."""

    __slots__ = ("information", "more", "number")

    def __init__(self, information: bytes, *, more: bool) -> None:
        self.information = information
        self.more = more
        self.number = 0


class Station:
    """Sequence numbers and segments of one end of a link."""

    def __init__(self, llc: bytes) -> None:
        self._llc = llc
        self._reader = FrameReader()
        self._destination = b""
        self._source = b""
        self._parameters = LinkParameters()
        self._reset()

    @property
    def parameters(self) -> LinkParameters:
        """The limits in force."""
        return self._parameters

    @property
    def counts(self) -> LineCounts:
        """What was received on the line so far."""
        return self._reader.counts

    def _reset(self) -> None:
        self._sent = 0
        self._expected = 0
        self._queue: deque[Segment] = deque()
        self._unacknowledged: deque[Segment] = deque()
        self._joined = bytearray()
        self._joining = False
        self._peer_busy = False

    def _frame(self, control: int, information: bytes = b"", *, segmented: bool = False) -> bytes:
        return hdlc.HdlcFrame(self._destination, self._source, control, information, segmented).to_bytes()

    def _receive_ready(self) -> bytes:
        return self._frame(hdlc.RR | hdlc.POLL_FINAL | self._expected << 5)

    def _enqueue(self, apdu: bytes) -> bytes:
        """Cut an APDU into segments and return the frames of the first window."""
        if not apdu:
            raise UsageError("An empty APDU cannot be sent.")
        payload = self._llc + apdu
        size = self._parameters.max_transmit
        for begin in range(0, len(payload), size):
            self._queue.append(Segment(payload[begin : begin + size], more=begin + size < len(payload)))
        return self._next_window()

    def _next_window(self) -> bytes:
        while self._queue and len(self._unacknowledged) < self._parameters.window_transmit:
            segment = self._queue.popleft()
            segment.number = self._sent
            self._sent = self._sent + 1 & 7
            self._unacknowledged.append(segment)
        return self._window()

    def _window(self) -> bytes:
        """Return every frame not acknowledged, the last one with P/F."""
        frames = bytearray()
        for index, segment in enumerate(self._unacknowledged, start=1):
            final = hdlc.POLL_FINAL if index == len(self._unacknowledged) else 0
            control = self._expected << 5 | final | segment.number << 1
            frames += self._frame(control, segment.information, segmented=segment.more)
        return bytes(frames)

    def _acknowledge(self, number: int) -> bool:
        """Drop what N(R) acknowledges; False if it acknowledges what was never sent."""
        first = self._unacknowledged[0].number if self._unacknowledged else self._sent
        count = number - first & 7
        if count > len(self._unacknowledged):
            return False
        for _ in range(count):
            self._unacknowledged.popleft()
        return True

    def _supervise(self, frame: hdlc.HdlcFrame) -> bool:
        """Take N(R) of an I-, RR-, RNR- or REJ-frame; False if the frame makes no sense."""
        self._peer_busy = frame.kind == hdlc.RNR
        return self._acknowledge(frame.receive_number)

    def _join(self, frame: hdlc.HdlcFrame) -> list[LinkEvent]:
        """Take the information field of an I-frame in sequence; a frame out of sequence is dropped."""
        if frame.send_number != self._expected:
            return []
        self._expected = self._expected + 1 & 7
        self._joined += frame.information
        self._joining = frame.segmented
        if frame.segmented:
            return []
        payload = bytes(self._joined)
        self._joined.clear()
        return [Delivered(payload[llc_length(payload) :], self._reader.take())]

    def _turn(self) -> list[LinkEvent]:
        """Use this station's turn to repeat or to send frames; empty if it has none."""
        if self._peer_busy:
            return []
        if self._unacknowledged:
            return [Retransmitted(len(self._unacknowledged)), Transmit(self._window())]
        if self._queue:
            return [Transmit(self._next_window())]
        return []
