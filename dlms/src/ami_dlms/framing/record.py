"""Whole raw records: every octet at hand, all of them answers to one request or one push."""

from __future__ import annotations

from ami_dlms.errors import FrameCheckFailed, FrameIncomplete, FrameMalformed, ReceivedError
from ami_dlms.framing.assembler import Assembler
from ami_dlms.framing.message import Framing, Message


def unframe(value: bytes, framing: Framing, *, lenient: bool = False) -> Message:
    """Read a whole raw record: a push, or all response frames of one request; never raises on octets.

    The APDUs come in order, blocks of general block transfers joined, repeated frames once. Noise and link frames
    around whole messages do no harm; anything unfinished, damaged or out of sequence makes the record incomplete, and
    the APDUs are then those found whole.
    """
    assembler = Assembler(framing, lenient=lenient, max_message=max(len(value), 1), exchange=True)
    return assembler.receive_all(value)


def failure(message: Message) -> ReceivedError | None:
    """Say why a message is not complete; None if it is."""
    if message.complete:
        return None
    if message.check_errors:
        return FrameCheckFailed("A frame has a wrong check sequence; ask the sender again, or read it leniently.")
    if message.noise >= len(message.raw):
        return FrameMalformed(f"No frame was found in the octets; the framing was taken to be {message.framing.value}.")
    return FrameIncomplete("The frames end before a whole APDU; the last segment, block or octets are missing.")
