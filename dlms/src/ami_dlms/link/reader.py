"""Frames out of the octets a station receives, each with the octets that came before it."""

from __future__ import annotations

from ami_dlms.framing import hdlc
from ami_dlms.framing.counts import LineCounts
from ami_dlms.framing.scan import Wait


class FrameReader:
    """Finds HDLC frames; frames with a wrong check sequence are passed over, the peer sends them again."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._at = 0
        self._start = 0
        self._need = 0
        self._after_frame = False
        self._frames = self._damaged = self._noise = 0
        self._given_up = (0, 0)

    @property
    def counts(self) -> LineCounts:
        """What came so far. A beginning that was given up is told until a frame is found."""
        have, need = len(self._buffer) - self._at, self._need - self._at
        have, need = (have, need) if 0 < have < need else self._given_up
        return LineCounts(self._frames, self._damaged, have, need, self._noise)

    def feed(self, data: bytes) -> None:
        """Take octets."""
        self._buffer += data

    def next_frame(self) -> hdlc.HdlcFrame | None:
        """Return the next frame whose check sequences are right, or None."""
        while self._at < len(self._buffer) and self._need <= len(self._buffer):
            shared = self._after_frame and self._buffer[self._at] & 0xF0 == hdlc.FORMAT
            self._after_frame = False
            if not shared:
                flag = self._buffer.find(hdlc.FLAG, self._at)
                begin = flag if flag >= 0 else len(self._buffer)
                self._noise += begin - self._at
                self._at = begin
            found = hdlc.scan_frame(self._buffer, self._at, shared_flag=shared)
            if isinstance(found, hdlc.HdlcFound):
                self._start, self._at, self._need, self._after_frame = self._at, found.end, 0, True
                self._frames += 1
                self._damaged += not found.intact
                self._given_up = (0, 0)
                if found.intact:
                    return found.frame
            elif isinstance(found, Wait):
                self._need, self._after_frame = found.need, shared
                break
            elif not shared:
                self._at += 1
                self._noise += 1
                self._need = 0
        return None

    def leave_out(self) -> None:
        """Forget the octets of the frame returned last, but for its closing flag, which may open the next one too."""
        del self._buffer[self._start : self._at - 1]
        self._at = self._start + 1

    def take(self) -> bytes:
        """Return all octets up to the last frame returned that were not taken yet."""
        taken = bytes(self._buffer[: self._at])
        del self._buffer[: self._at]
        self._need = max(0, self._need - self._at)
        self._at = 0
        return taken

    def give_up(self) -> None:
        """Nothing more came: what waits is no frame, look behind its start."""
        if self._at < len(self._buffer):
            if self._need > len(self._buffer):
                self._given_up = (len(self._buffer) - self._at, self._need - self._at)
            self._at += 1
            self._noise += 1
        self._need = 0
        self._after_frame = False
