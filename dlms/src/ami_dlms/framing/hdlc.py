"""HDLC frames, frame format type 3 (IEC 62056-46, 6.4): encode, decode, and find them in received octets.

The payload is transparent: 0x7E occurs inside, and the length field rules. Octet stuffing is undone only where the
frame fits its length and check sequence that way and not as received.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from ami_dlms.errors import FrameCheckFailed, FrameMalformed, UsageError
from ami_dlms.framing.checks import fcs16
from ami_dlms.framing.scan import REJECT, Found, Octets, Reject, Scan, Wait
from ami_dlms.framing.units import begins_apdu, llc_length

FLAG = 0x7E
FORMAT = 0xA0
"""Frame format type 3 in the upper four bits."""
SEGMENTED = 0x08
MAX_LENGTH = 0x7FF
"""Of the octets between the flags."""
POLL_FINAL = 0x10
UI = 0x03
SNRM = 0x83
UA = 0x63
DISC = 0x43
DM = 0x0F
FRMR = 0x87
RR = 0x01
RNR = 0x05
REJ = 0x09


def address(upper: int, lower: int | None = None, *, size: int | None = None) -> bytes:
    """Return the octets of an address: `upper` is the SAP or logical device, `lower` the physical device.

    The shortest of 1, 2 and 4 octets that holds both is chosen, or `size`. Raises UsageError if they do not fit.
    """
    for octets, bits in ((1, 7), (2, 7), (4, 14)):
        fits = 0 <= upper < 1 << bits and 0 <= (lower or 0) < 1 << bits
        if size == octets or (size is None and fits and (octets > 1 or lower is None)):
            if not fits or (octets == 1 and lower is not None):
                break
            value = upper if octets == 1 else upper << bits | (lower or 0)
            groups = [(value >> 7 * place & 0x7F) << 1 for place in reversed(range(octets))]
            return bytes(groups[:-1]) + bytes((groups[-1] | 1,))
    raise UsageError(f"HDLC address {upper}/{lower} does not fit into {size or 'up to 4'} octets.")


def address_value(octets: bytes | bytearray) -> int:
    """Return the 7-bit groups of an address as one number: 0x22 0x23 is 0x11 << 7 | 0x11."""
    value = 0
    for octet in octets:
        value = value << 7 | octet >> 1
    return value


class HdlcFrame(NamedTuple):
    """One frame, without flags and check sequences."""

    destination: bytes
    """Address octets as sent, 1, 2 or 4."""
    source: bytes
    control: int
    information: bytes = b""
    segmented: bool = False
    """More segments of the same APDU follow."""

    @property
    def is_information(self) -> bool:
        """An I-frame, numbered."""
        return not self.control & 1

    @property
    def is_unnumbered_information(self) -> bool:
        """A UI-frame."""
        return self.control & ~POLL_FINAL & 0xFF == UI

    @property
    def poll_final(self) -> bool:
        """The P bit of a command, the F bit of a response."""
        return bool(self.control & POLL_FINAL)

    @property
    def send_number(self) -> int:
        """N(S) of an I-frame."""
        return self.control >> 1 & 7

    @property
    def receive_number(self) -> int:
        """N(R) of an I-, RR-, RNR- or REJ-frame."""
        return self.control >> 5

    @property
    def kind(self) -> int:
        """The control field without P/F and sequence numbers: 0 for I, else one of the constants of this module."""
        if self.is_information:
            return 0
        return self.control & (0x0F if self.control & 3 == 1 else ~POLL_FINAL & 0xFF)

    def to_bytes(self) -> bytes:
        """Return the frame with flags, HCS and FCS; raises UsageError if it exceeds 2047 octets."""
        header = self.destination + self.source + bytes((self.control,))
        length = 2 + len(header) + 2 + (len(self.information) + 2 if self.information else 0)
        if length > MAX_LENGTH:
            raise UsageError(f"An HDLC frame of {length} octets does not exist; segment the information field.")
        head = bytes((FORMAT | (SEGMENTED if self.segmented else 0) | length >> 8, length & 0xFF)) + header
        body = head + fcs16(head)
        if self.information:
            body += self.information
            body += fcs16(body)
        return b"\x7e" + body + b"\x7e"


class Header(NamedTuple):
    """Where the parts of a frame stand in a buffer."""

    length: int
    """As the format field says, octets between the flags."""
    addresses: tuple[int, int]
    """Indexes behind the destination and behind the source."""
    end: int
    """Index behind the control field."""


def header(buffer: Octets, at: int) -> Header | Wait | Reject:
    """Read format, addresses and control from the format field at `at` on."""
    have = len(buffer)
    if have > at and buffer[at] & 0xF0 != FORMAT:
        return REJECT
    if have < at + 2:
        return Wait(at + 2)
    length = (buffer[at] & 0x07) << 8 | buffer[at + 1]
    ends = []
    index = at + 2
    for _ in range(2):
        begin = index
        while index < have and not buffer[index] & 1:
            index += 1
            if index - begin > 3:
                return REJECT
        if index >= have:
            return Wait(index + 1)
        index += 1
        if index - begin == 3:
            return REJECT
        ends.append(index)
    if index >= have:
        return Wait(index + 1)
    return Header(length, (ends[0], ends[1]), index + 1)


def header_end(buffer: Octets, at: int) -> int | None:
    """Return the index behind the HCS if a flag and a header with a right HCS stand at `at`, 0 if not.

    None if the buffer is too short to tell.
    """
    head = header(buffer, at + 1)
    if isinstance(head, Reject):
        return 0
    if isinstance(head, Wait) or len(buffer) < head.end + 2:
        return None
    return head.end + 2 if buffer[head.end : head.end + 2] == fcs16(buffer[at + 1 : head.end]) else 0


def decode(octets: bytes) -> HdlcFrame:
    """Decode one frame, flags included; raises FrameMalformed or FrameCheckFailed."""
    buffer = bytearray(octets)
    head = header(buffer, 1)
    if not isinstance(head, Header) or buffer[:1] != b"\x7e" or len(buffer) != head.length + 2 or buffer[-1] != FLAG:
        raise FrameMalformed("The octets are not one HDLC frame with flags.", offset=0)
    frame, intact = _cut(buffer, 1, head, head.length)
    if not intact:
        raise FrameCheckFailed("The frame check sequence of an HDLC frame is wrong.", offset=len(octets) - 3)
    return frame


class HdlcFound(NamedTuple):
    """A frame in a buffer."""

    end: int
    """Index behind its closing flag."""
    frame: HdlcFrame
    intact: bool
    header_intact: bool


def scan_frame(buffer: Octets, at: int, *, shared_flag: bool = False) -> HdlcFound | Wait | Reject:
    """Look for a frame whose opening flag is at `at`, or just before `at` where the previous frame's flag serves both.

    A frame with a wrong check sequence is found if its closing flag stands where it should.
    """
    begin = at if shared_flag else at + 1
    head = header(buffer, begin)
    if not isinstance(head, Header):
        return head
    have = len(buffer)
    minimum = head.end - begin + 2
    if head.length >= minimum:
        if head.length == minimum + 1:
            return REJECT
        end = begin + head.length
        if have >= head.end + 2:
            good_header = buffer[head.end : head.end + 2] == fcs16(buffer[begin : head.end])
        else:
            return Wait(head.end + 2)
        if have <= end:
            return Wait(end + 1, weak=not good_header)
        if buffer[end] == FLAG:
            frame, intact = _cut(buffer, begin, head, head.length)
            if intact:
                return HdlcFound(end + 1, frame, intact=intact, header_intact=good_header)
            return HdlcFound(end + 1, frame, intact=False, header_intact=good_header)
        return _misstated(buffer, begin, head) if good_header else REJECT
    if have < head.end + 2:
        return Wait(head.end + 2)
    if buffer[head.end : head.end + 2] != fcs16(buffer[begin : head.end]):
        return REJECT
    return _misstated(buffer, begin, head)


def _cut(buffer: Octets, begin: int, head: Header, length: int) -> tuple[HdlcFrame, bool]:
    """Return the frame of `length` octets at `begin`, and whether its check sequences are right."""
    end = begin + length
    destination, source = head.addresses
    intact = buffer[end - 2 : end] == fcs16(buffer[begin : end - 2])
    if end > head.end + 2:
        intact = intact and buffer[head.end : head.end + 2] == fcs16(buffer[begin : head.end])
    frame = HdlcFrame(
        destination=bytes(buffer[begin + 2 : destination]),
        source=bytes(buffer[destination:source]),
        control=buffer[source],
        information=bytes(buffer[head.end + 2 : end - 2]),
        segmented=bool(buffer[begin] & SEGMENTED),
    )
    return frame, intact


def _misstated(buffer: Octets, begin: int, head: Header) -> HdlcFound | Wait | Reject:
    """Look for a frame whose header is right but whose closing flag is not where its length says.

    Three causes are known from the field, and only a right FCS proves any: a gateway that sends 0x0D 0x0A for each
    0x0A, a sender that stuffs octets as asynchronous HDLC does, and a meter whose length field has lost its upper bits.
    """
    grown = [_grown(buffer, begin, head, b"\r\n", _contracted), _grown(buffer, begin, head, b"\x7d", _unstuffed)]
    waits = []
    for found in grown:
        if isinstance(found, HdlcFound):
            return found
        if isinstance(found, Wait):
            waits.append(found.need)
    have = len(buffer)
    for length in range(head.length + 0x100, MAX_LENGTH + 1, 0x100):
        end = begin + length
        if have <= end:
            return Wait(min([end + 1, *waits]), weak=True)
        if buffer[end] == FLAG and length >= head.end - begin + 4:
            frame, intact = _cut(buffer, begin, head, length)
            if intact:
                return HdlcFound(end + 1, frame, intact=True, header_intact=True)
    return Wait(min(waits), weak=True) if waits else REJECT


def _grown(
    buffer: Octets, begin: int, head: Header, mark: bytes, shrink: Callable[[bytes], bytes]
) -> HdlcFound | Wait | Reject:
    """Look for a frame that has grown by one octet at each `mark`; `shrink` undoes that."""
    size = head.length + 1
    if head.length < head.end - begin + 4 or not buffer.count(mark, begin, begin + size):
        return REJECT
    end = begin + size
    while (further := begin + size + buffer.count(mark, begin, end)) > end:
        if len(buffer) < further:
            return Wait(further, weak=True)
        end = further
    original = bytearray(shrink(bytes(buffer[begin:end])))
    if len(original) != size or original[-1] != FLAG:
        return REJECT
    behind = head.end - begin
    destination, source = head.addresses
    frame, intact = _cut(original, 0, Header(head.length, (destination - begin, source - begin), behind), head.length)
    return HdlcFound(end, frame, intact=True, header_intact=True) if intact else REJECT


def _contracted(octets: bytes) -> bytes:
    return octets.replace(b"\r\n", b"\n")


def _unstuffed(octets: bytes) -> bytes:
    """Undo octet stuffing (ISO/IEC 13239, 4.3.2.2): 0x7D says that bit 6 of the next octet was inverted."""
    first, *escaped = octets.split(b"\x7d")
    return first + b"".join(bytes((part[0] ^ 0x20,)) + part[1:] for part in escaped if part)


def scan(buffer: Octets, at: int, *, shared_flag: bool) -> Scan:
    """Look for a frame at `at` and say what it carries."""
    found = scan_frame(buffer, at, shared_flag=shared_flag)
    if not isinstance(found, HdlcFound):
        return found
    frame = found.frame
    payload = frame.information
    carries = frame.is_information or frame.is_unnumbered_information or (not found.intact and llc_length(payload))
    source, destination = address_value(frame.source), address_value(frame.destination)
    if not carries or not payload:
        return Found(found.end, None, found.intact, source=source, destination=destination, weak=not found.intact)
    numbered = frame.is_information and found.header_intact
    return Found(
        found.end,
        payload,
        found.intact,
        more=frame.segmented,
        begins=llc_length(payload) > 0,
        may_begin=begins_apdu(payload),
        number=frame.send_number if numbered else None,
        modulus=8,
        source=source,
        destination=destination,
        weak=not found.intact,
    )
