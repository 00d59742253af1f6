"""The incremental assembler: octets of one link in, messages out.

Four rules carry it.

1. The buffer begins behind the last message and `_at` is how far it is understood. What lies before `_at` is frames
   and noise of the message in the making. Emitting a message cuts the buffer, so `raw` adds up by construction.
2. At `_at` a scanner finds a frame, rejects the place or waits for octets. A place that is rejected is passed over
   and never looked at again; while a scanner waits, nothing is looked at before the octets it needs are there. So the
   work is linear in the octets received.
3. Noise can look like the start of a frame and announce many octets. A candidate without proof is weak: it is
   dropped if an HDLC header with a right check sequence stands inside it.
4. At the end of the link everything still waiting was noise, or the rest of a frame that was cut off.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from ami_dlms.framing import hdlc, mbus, p1, wrapper
from ami_dlms.framing.blocks import BlockTaken
from ami_dlms.framing.draft import Draft, Mark
from ami_dlms.framing.message import Framing, Message
from ami_dlms.framing.scan import REJECT, Found, Reject, Scan, Wait
from ami_dlms.framing.segments import Step
from ami_dlms.framing.units import is_one_apdu

MAX_MESSAGE = 1 << 20

_HDLC_START = rb"\x7e(?:[\xa0-\xaf]|\Z)"
_MBUS_START = rb"\x68(?:\Z|([\x00-\xff])(?:\Z|\1(?:\Z|\x68)))"
_WRAPPER_START = rb"\x00(?:\x01|\Z)"
_P1_START = rb"/(?:[A-Za-z]|\Z)|\xdb(?:\x08|\Z)"
_STARTS = {
    Framing.HDLC: re.compile(_HDLC_START),
    Framing.MBUS: re.compile(_MBUS_START),
    Framing.WRAPPER: re.compile(_WRAPPER_START),
    Framing.P1: re.compile(_P1_START),
}
_ANY_START = re.compile(b"|".join((_HDLC_START, _MBUS_START, _WRAPPER_START, _P1_START)))
_FRAMING_OF = {
    hdlc.FLAG: Framing.HDLC,
    mbus.START: Framing.MBUS,
    0x00: Framing.WRAPPER,
    ord("/"): Framing.P1,
    0xDB: Framing.P1,
}
_CHECKED = (Framing.HDLC, Framing.MBUS)


class Assembler:
    """Cuts the octets of one link (TCP connection, UDP peer, serial line) into messages; never raises on octets.

    `framing=None` detects the framing from the octets, and again after noise. `lenient` also reads frames whose check
    sequence is wrong. A message longer than `max_message` octets is cut into incomplete ones. `exchange` says that the
    octets are all answers to one request, which the peer may repeat: repeated frames then replace damaged ones.
    `join_blocks=False` gives the APDUs of a general block transfer one by one, for a side that confirms them;
    `on_block` hears of each block that is joined, for one that only has to say how far it has them.
    """

    def __init__(
        self,
        framing: Framing | None = None,
        *,
        lenient: bool = False,
        max_message: int = MAX_MESSAGE,
        exchange: bool = False,
        join_blocks: bool = True,
        on_block: Callable[[BlockTaken], None] | None = None,
    ) -> None:
        self._on_block = on_block
        self._fixed = framing
        self._lenient = lenient
        self._max = max_message
        self._exchange = exchange
        self._join_blocks = join_blocks
        self._starts = _STARTS.get(framing, _ANY_START) if framing else _ANY_START
        self._buffer = bytearray()
        self._at = 0
        self._out: list[Message] = []
        self._current: Framing | None = None
        self._checked_seen = False
        self._boundary = 0
        self._shared_flag = exchange and framing is Framing.HDLC  # a record may begin behind the previous one's flag
        self._barrier = 0
        self._previous: tuple[int, bytes] | None = None
        self._tail: int | None = None
        self._need = 0
        self._weak = False
        self._resume = 0
        self._ahead = 0
        self._draft = self._new_draft()

    @property
    def pending(self) -> int:
        """Octets received that no message holds yet."""
        return len(self._buffer)

    @property
    def begun(self) -> tuple[int, int]:
        """Of a frame that has begun and is not whole: its octets, and how many it needs to be told more; else zeros."""
        have, need = len(self._buffer) - self._at, self._need - self._at
        return (have, need) if 0 < have < need else (0, 0)

    def receive(self, data: bytes) -> list[Message]:
        """Take octets; return the messages they complete, and incomplete ones that another message has ended."""
        if self._current is Framing.WRAPPER and not self._buffer and not self._boundary:
            data = self._take_whole_wrappers(data)
            if not data:
                return self._taken_out()
        self._buffer += data
        if self._weak or len(self._buffer) >= self._need:
            self._drain(final=False)
        return self._taken_out()

    def flush(self) -> Message | None:
        """End the message in the making, as the link is idle or closed; None if there is nothing.

        It is incomplete, unless only the end of the link showed that what had looked like the start of a longer frame
        was noise before a whole one. It may hold up to twice `max_message` octets.
        """
        messages, harmless = self._finish()
        return merged(messages, self._fixed, harmless=harmless) if messages else None

    def receive_all(self, data: bytes) -> Message:
        """Take all octets there are, and return them as one message with the APDUs in order."""
        messages = self.receive(data)
        rest, harmless = self._finish()
        return merged([*messages, *rest], self._fixed, harmless=harmless)

    def _finish(self) -> tuple[list[Message], bool]:
        """Emit everything, message by message; tell whether the last one is only noise and link frames."""
        self._tail = None
        self._drain(final=True)
        if self._draft.segments.ended:
            self._end_payload()
        self._draft.end_blocks()
        if self._draft.whole:
            self._emit(self._at)
        harmless = False
        if self._buffer:
            harmless = self._tail is None and not self._draft.errors and not self._draft.started
            if self._tail is not None:
                self._draft.noise -= len(self._buffer) - self._tail
            self._emit(len(self._buffer))
        self._shared_flag = False
        self._forget_wait()
        return self._taken_out(), harmless

    def _take_whole_wrappers(self, data: bytes) -> bytes:
        """Take what nearly all links carry without a buffer and a draft: whole wrappers of one APDU each, and no more.

        Return what is left. It gives the messages that the general way gives, which takes over wherever anything
        is less plain: the rest of a frame, noise, blocks, several APDUs in one frame.
        """
        at, have = 0, len(data)
        while have - at > wrapper.HEADER.size:
            version, source, destination, length = wrapper.HEADER.unpack_from(data, at)
            begin = at + wrapper.HEADER.size
            end = begin + length
            if version != wrapper.VERSION or not length or end > have or end - at > self._max:
                break
            apdu = bytes(data[begin:end])
            if not is_one_apdu(apdu):
                break
            raw = bytes(data[at:end])
            self._out.append(Message(raw, Framing.WRAPPER, (apdu,), True, 0, 0, source, destination))  # noqa: FBT003
            at = end
        if not at:
            return data
        self._tail = None
        return data[at:]

    def _taken_out(self) -> list[Message]:
        messages, self._out = self._out, []
        return messages

    # Finding frames

    def _drain(self, *, final: bool) -> None:
        if self._fixed is Framing.NONE and not final:
            while len(self._buffer) > self._max:
                self._emit(self._max)
            return
        while self._at < len(self._buffer):
            if self._need > len(self._buffer) and not final:
                if not self._weak or not self._is_beaten(self._need):
                    return
                self._reject(REJECT)
            self._skip_noise()
            if self._at >= len(self._buffer):
                return
            scan = self._scan(final=final)
            if isinstance(scan, Found) and scan.weak and self._is_beaten(scan.end):
                scan = REJECT
            if isinstance(scan, Found) and scan.end - self._at <= self._max:
                self._take(scan)
            elif isinstance(scan, Wait) and not final and scan.need - self._at <= self._max:
                self._need, self._weak, self._resume = scan.need, scan.weak, scan.resume
            elif self._shared_flag:
                self._shared_flag = False
            else:
                self._reject(scan)

    def _scan(self, *, final: bool) -> Scan:
        """Ask the scanner of the framing that can begin at `_at`."""
        buffer, at = self._buffer, self._at
        expected = at == self._boundary
        if self._shared_flag:
            return hdlc.scan(buffer, at, shared_flag=True)
        if self._fixed is Framing.NONE:
            return Found(len(buffer), bytes(buffer[at:]))
        first = buffer[at]
        framing = _FRAMING_OF[first]
        if framing is Framing.HDLC:
            return hdlc.scan(buffer, at, shared_flag=False)
        if framing is Framing.MBUS:
            return mbus.scan(buffer, at)
        if first == ord("/"):
            return p1.scan_text(buffer, at, resume=self._resume, final=final) if at >= self._barrier else REJECT
        if self._checked_seen and not expected:
            return REJECT  # on a link whose frames carry check sequences, noise is not searched for frames without
        trusted = expected and (self._fixed is framing or self._current is framing)
        scan = wrapper.scan if framing is Framing.WRAPPER else p1.scan_ciphered
        return scan(buffer, at, trusted=trusted)

    def _skip_noise(self) -> None:
        """Go on to the next octet that can begin a frame."""
        self._shared_flag = self._shared_flag and self._at == self._boundary
        if self._shared_flag or self._fixed is Framing.NONE:
            return
        match = self._starts.search(self._buffer, self._at)
        start = match.start() if match else len(self._buffer)
        if start > self._at:
            self._pass_over(start)

    def _is_beaten(self, end: int) -> bool:
        """Tell whether an HDLC header with a right check sequence stands behind `_at` and ends before `end`."""
        if self._fixed not in (None, Framing.HDLC):
            return False
        self._ahead = max(self._ahead, self._at + 1)
        while (flag := self._buffer.find(hdlc.FLAG, self._ahead, end)) >= 0:
            header_end = hdlc.header_end(self._buffer, flag)
            if header_end is None or header_end >= end:
                self._ahead = flag
                return False
            if header_end:
                self._ahead = flag
                return True
            self._ahead = flag + 1
        return False

    def _reject(self, scan: Scan) -> None:
        """Pass over one octet: no frame begins here, or only a part of one was ever received."""
        if isinstance(scan, Reject):
            self._barrier = max(self._barrier, scan.barrier)
        elif self._tail is None and len(self._buffer) - self._at > 1:
            self._tail = self._at
        self._pass_over(self._at + 1)

    def _pass_over(self, to: int) -> None:
        """Count octets up to `to` as noise of the message in the making."""
        if self._draft.segments and self._buffer[self._at : to].strip(b"\x7e"):
            self._draft.segments.doubt()
        while to > self._max:
            self._draft.noise += self._max - self._at
            self._emit(self._max)
            to -= self._max
        self._draft.noise += to - self._at
        self._at = to
        self._forget_wait()

    def _forget_wait(self) -> None:
        self._need = 0
        self._weak = False
        self._resume = 0

    # Building messages

    def _take(self, found: Found) -> None:
        """Take the frame that begins at `_at`."""
        framing = self._fixed or (Framing.HDLC if self._shared_flag else _FRAMING_OF[self._buffer[self._at]])
        self._forget_wait()
        self._tail = None
        if found.end > self._max or (self._draft.started and framing is not self._current):
            found = self._end_unfinished(self._at, found)
        self._current = framing
        self._checked_seen = self._checked_seen or (framing in _CHECKED and found.intact)
        if found.payload is not None and not self._is_repetition(found):
            if not self._draft.segments:
                self._draft.mark = Mark(self._at, self._draft.noise, self._draft.errors)
            step = self._draft.segments.add(found)
            if step is Step.RESTART:
                found = self._end_unfinished(self._at, found)
                step = self._draft.segments.add(found)
            self._account(found, framing)
            if step is Step.WHOLE:
                self._end_payload()
            return
        self._account(found, framing)
        if not found.intact and not self._exchange:
            if self._draft.started:
                self._draft.segments.doubt()
            else:
                self._emit(self._at)

    def _account(self, found: Found, framing: Framing) -> None:
        self._at = self._boundary = found.end
        self._shared_flag = framing is Framing.HDLC
        self._draft.count(found)

    def _is_repetition(self, found: Found) -> bool:
        """Tell whether an exchange repeats the frame that ended the last payload."""
        if not self._exchange or found.number is None or found.payload is None or not found.intact:
            return False
        same = not self._draft.segments and self._previous == (found.number, found.payload)
        self._previous = (found.number, found.payload)
        return same

    def _end_unfinished(self, end: int, found: Found) -> Found:
        """Emit what stands before `end` as incomplete; return `found` moved to the new beginning of the buffer."""
        if not end:
            return found
        self._emit(end)
        return found._replace(end=found.end - end)

    def _end_payload(self) -> None:
        """Cut a whole payload into APDUs and end the message, unless a block transfer goes on."""
        payload = self._draft.end_segments()
        if not self._draft.continues(payload):
            rest = self._draft.split_counts()
            self._emit(self._draft.mark.at)
            self._draft = rest
        self._draft.add(payload)
        if not self._draft.open:
            self._emit(self._at)

    def _emit(self, end: int) -> None:
        """Cut the buffer at `end` and begin the next message there."""
        framing = self._fixed or self._current or Framing.NONE
        complete = self._draft.whole and end == self._at
        self._out.append(self._draft.message(bytes(self._buffer[:end]), framing, complete=complete))
        del self._buffer[:end]
        self._at = max(0, self._at - end)
        self._boundary -= end
        self._barrier = max(0, self._barrier - end)
        self._ahead = max(0, self._ahead - end)
        self._draft = self._new_draft()

    def _new_draft(self) -> Draft:
        return Draft(
            lenient=self._lenient, exchange=self._exchange, join_blocks=self._join_blocks, on_block=self._on_block
        )


def merged(messages: list[Message], framing: Framing | None, *, harmless: bool) -> Message:
    """Join consecutive messages to one; `harmless` says that the last one may be incomplete if another is whole."""
    judged = messages[:-1] if harmless and len(messages) > 1 else messages
    apdus = tuple(apdu for message in messages for apdu in message.apdus)
    carrier = next((message for message in messages if message.apdus), messages[0] if messages else None)
    return Message(
        raw=b"".join(message.raw for message in messages),
        framing=carrier.framing if carrier else framing or Framing.NONE,
        apdus=apdus,
        complete=bool(apdus) and all(message.complete for message in judged),
        noise=sum(message.noise for message in messages),
        check_errors=sum(message.check_errors for message in messages),
        source=carrier.source if carrier else None,
        destination=carrier.destination if carrier else None,
    )
