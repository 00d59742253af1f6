"""Segments of one frame sequence joined to one payload: HDLC segmentation bit, M-Bus transport numbers.

Meters count differently: I-frames and M-Bus segments carry a number, UI-frames none, and some senders repeat the same
control octet in every segment. A number that fits proves that nothing is missing; without one, trust is lost as soon
as noise or a damaged frame stands between two segments.
"""

from __future__ import annotations

from enum import Enum, auto

from ami_dlms.framing.scan import Found
from ami_dlms.framing.units import GENERAL_BLOCK_TRANSFER, GENERAL_CIPHERED, begins_apdu, llc_length, stated_end


class Step(Enum):
    """What a frame did to a sequence."""

    OPEN = auto()
    """Taken; more is to come."""
    WHOLE = auto()
    """Taken; the payload is finished (not necessarily right)."""
    RESTART = auto()
    """Not taken: it begins another payload, the sequence ends unfinished."""


class _Relation(Enum):
    NEXT = auto()
    NEXT_FOR_SURE = auto()
    REPEATED = auto()
    AFTER_A_GAP = auto()
    OTHER = auto()


class Segments:
    """One payload in the making.

    `exchange` says that all octets are the answer to one request: the peer repeats what was damaged, so a damaged
    last segment does not end the payload.
    """

    def __init__(self, *, exchange: bool) -> None:
        self._exchange = exchange
        self._taken: list[Found] = []
        self._trusted: Found | None = None
        self._joined = bytearray()
        self._broken = False
        self._doubt = False
        self._unit = 0
        self._wanted = 0

    def __bool__(self) -> bool:
        return bool(self._taken)

    @property
    def payload(self) -> bytes:
        """What was joined so far, LLC included."""
        return bytes(self._joined)

    @property
    def broken(self) -> bool:
        """A segment is missing, whatever the checks say."""
        return self._broken

    @property
    def damaged(self) -> bool:
        """A segment with a wrong check sequence is part of the payload."""
        return any(not found.intact for found in self._taken)

    @property
    def ended(self) -> bool:
        """The last segment taken says that it is the last."""
        return bool(self._taken) and not self._taken[-1].more and not self._wants_more()

    def doubt(self) -> None:
        """Note that octets were lost or passed over since the last segment."""
        self._doubt = bool(self._taken)

    def add(self, found: Found) -> Step:
        """Take the next frame that carries something."""
        if self._taken:
            relation = self._relation(found)
            if relation is _Relation.OTHER:
                return Step.RESTART
            if relation is _Relation.REPEATED:
                return Step.OPEN
            if relation is _Relation.NEXT_FOR_SURE:
                self._forget_damaged()
            elif relation is _Relation.AFTER_A_GAP or self._doubt:
                self._broken = True
        else:
            self._broken = not found.may_begin
        self._doubt = False
        self._taken.append(found)
        if found.intact and found.number is not None:
            self._trusted = found
        self._joined += found.payload or b""
        if found.more or (self._exchange and not found.intact) or self._wants_more():
            return Step.OPEN
        return Step.WHOLE

    def _relation(self, found: Found) -> _Relation:
        trusted = self._trusted
        if found.number is None or not found.intact:
            return _Relation.OTHER if found.begins and found.intact else _Relation.NEXT
        if trusted is None:
            if self._exchange and found.may_begin:
                return _Relation.NEXT_FOR_SURE
            # A first segment without a number (UI) is followed by this one, whatever octets that begins with.
            last = self._taken[-1]
            promised = last.more and last.intact and not found.begins and not self._doubt
            return _Relation.OTHER if found.may_begin and not promised else _Relation.NEXT
        if trusted.number == found.number and trusted.payload == found.payload:
            return _Relation.REPEATED
        if found.begins:
            return _Relation.OTHER
        if found.number == ((trusted.number or 0) + 1) % found.modulus:
            return _Relation.NEXT_FOR_SURE
        if found.modulus == 16:
            return _Relation.OTHER if found.may_begin else _Relation.AFTER_A_GAP
        return _Relation.NEXT if found.number == trusted.number else _Relation.AFTER_A_GAP

    def _forget_damaged(self) -> None:
        """Drop damaged segments since the last one that was right: the sender has repeated them."""
        while self._taken and not self._taken[-1].intact:
            del self._joined[len(self._joined) - len(self._taken.pop().payload or b"") :]

    def _wants_more(self) -> bool:
        """Tell whether the last APDU states more octets than there are.

        Landis+Gyr meters cut general block transfers over HDLC frames without setting the segmentation bit. Each octet
        is looked at once, however many frames there are.
        """
        if self._broken or not self._taken[-1].intact or self._taken[-1].modulus != 8:
            return False
        have = len(self._joined)
        if have < self._wanted:
            return True
        at = self._unit + llc_length(self._joined, self._unit)
        while at < have:
            end = stated_end(self._joined, at)
            if end is None or self._joined[at] not in GENERAL_CIPHERED | {GENERAL_BLOCK_TRANSFER}:
                return False
            self._unit = at
            if end > have:
                self._wanted = end
                return True
            if not begins_apdu(self._joined, end):
                return False
            at = end + llc_length(self._joined, end)
        return False
