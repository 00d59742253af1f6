"""Whole raw records: every octet at hand, all of them answers to one request or one push."""

from __future__ import annotations

from ami_dlms.errors import FrameCheckFailed, FrameIncomplete, FrameMalformed, ReceivedError
from ami_dlms.framing import hdlc, mbus, p1, wrapper
from ami_dlms.framing.assembler import MAX_MESSAGE, Assembler
from ami_dlms.framing.message import Framing, Message
from ami_dlms.framing.scan import Found, Scan
from ami_dlms.framing.units import GENERAL_BLOCK_TRANSFER, llc_length, stated_end


def unframe(value: bytes, framing: Framing, *, lenient: bool = False) -> Message:
    """Read a whole raw record: a push, or all response frames of one request; never raises on octets.

    The APDUs come in order, blocks of general block transfers joined, repeated frames once. Noise and link frames
    around whole messages do no harm; anything unfinished, damaged or out of sequence makes the record incomplete, and
    the APDUs are then those found whole.
    """
    single = _single(value, framing)
    if single is not None:
        return single
    assembler = Assembler(framing, lenient=lenient, max_message=max(len(value), MAX_MESSAGE), exchange=True)
    return assembler.receive_all(value)


def _single(value: bytes, framing: Framing) -> Message | None:
    """Read a record that is one intact frame with one whole APDU, as most are; None leaves it to the assembler."""
    found = _scan(value, framing) if value else None
    if not isinstance(found, Found) or found.end != len(value) or not found.intact or found.more or not found.may_begin:
        return None
    payload = found.payload or b""
    begin = llc_length(payload)
    if begin == len(payload) or payload[begin] == GENERAL_BLOCK_TRANSFER:
        return None
    if (stated_end(payload, begin) or len(payload)) != len(payload):
        return None
    apdu = payload[begin:] if begin else payload
    return Message(value, framing, (apdu,), complete=True, source=found.source, destination=found.destination)


def _scan(value: bytes, framing: Framing) -> Scan | None:
    first = value[0]
    if framing is Framing.WRAPPER:
        return wrapper.scan(value, 0, trusted=True) if first == 0 else None
    if framing is Framing.HDLC:
        return hdlc.scan(value, 0, shared_flag=False) if first == hdlc.FLAG else None
    if framing is Framing.MBUS:
        return mbus.scan(value, 0) if first == mbus.START else None
    if framing is Framing.P1:
        is_text = first == ord("/")
        return p1.scan_text(value, 0, resume=0, final=True) if is_text else p1.scan_ciphered(value, 0, trusted=True)
    return Found(len(value), value)


def failure(message: Message) -> ReceivedError | None:
    """Say why a message is not complete; None if it is."""
    if message.complete:
        return None
    if message.check_errors:
        return FrameCheckFailed("A frame has a wrong check sequence; ask the sender again, or read it leniently.")
    if message.noise >= len(message.raw):
        return FrameMalformed(f"No frame was found in the octets; the framing was taken to be {message.framing.value}.")
    return FrameIncomplete("The frames end before a whole APDU; the last segment, block or octets are missing.")
