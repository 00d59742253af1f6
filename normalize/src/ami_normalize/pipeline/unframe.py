"""Step 2, unframe: the bytes as received to complete APDUs."""

from __future__ import annotations

from dataclasses import dataclass

from ami_dlms import framing
from ami_dlms.errors import ReceivedError
from ami_dlms.framing import Framing, Message, hdlc
from ami_normalize.pipeline.context import Context
from ami_normalize.pipeline.identify import Identified
from ami_normalize.pipeline.outcome import Refused
from ami_normalize.quality import Quality
from ami_schemas.reasons import Reason

STAGE = "unframe"
_FLAG = b"\x7e"
_FRAMED = (Framing.WRAPPER, Framing.HDLC, Framing.MBUS)


@dataclass(frozen=True, slots=True)
class Unframed:
    """The APDUs of a record."""

    origin: Identified
    apdus: tuple[bytes, ...]
    quality: tuple[Quality, ...] = ()


def unframe(identified: Identified, context: Context) -> Unframed:
    """Take the framing off; raises Refused if there is no complete APDU in the record."""
    value = identified.record.value
    if identified.incomplete and identified.framing is Framing.NONE and any(_cut_off(value, way) for way in _FRAMED):
        # a link that broke off in its first frame had not yet shown what frames it carries
        raise Refused(Reason.FRAME_INCOMPLETE, STAGE, f"the message is cut off after {len(value)} octets")
    message = framing.unframe(value, identified.framing, lenient=context.lenient)
    if not message.complete or not message.apdus:
        raise _refusal(message)
    quality = (Quality.FRAME_CHECK_FAILED,) if message.check_errors else ()
    return Unframed(identified, message.apdus, quality)


def _refusal(message: Message) -> Refused:
    octets = len(message.raw)
    if message.check_errors:
        reason = Reason.P1_MALFORMED if message.framing is Framing.P1 else Reason.FRAME_CHECK_FAILED
        return Refused(reason, STAGE, f"{message.check_errors} frames have a wrong check sequence")
    if message.noise >= octets and not _cut_off(message.raw, message.framing):
        what = "message" if message.framing is Framing.NONE else f"{message.framing.value} frame"
        return Refused(Reason.FRAME_MALFORMED, STAGE, f"no {what} in {octets} octets")
    if message.framing is Framing.HDLC and _link_only(message.raw):
        return Refused(Reason.NO_METER_DATA, STAGE, "frames of the link only, without an APDU")
    return Refused(Reason.FRAME_INCOMPLETE, STAGE, f"the message is cut off after {octets} octets")


def _cut_off(octets: bytes, carrier: Framing) -> bool:
    """Tell whether a frame begins here and says that it is longer than what is there."""
    have = len(octets)
    if carrier is Framing.WRAPPER:
        return octets[:2] == b"\x00\x01" and (have < 8 or have < 8 + int.from_bytes(octets[6:8], "big"))
    if carrier is Framing.HDLC:
        return (
            octets[:1] == _FLAG and octets[1:2] >= b"\xa0" and have < (int.from_bytes(octets[1:3], "big") & 0x7FF) + 2
        )
    if carrier is Framing.MBUS:
        return octets[:1] == b"\x68" and (have < 4 or have < octets[1] + 6)
    return carrier is Framing.P1 and octets[:1] in {b"/", b"\xdb"}


def _link_only(octets: bytes) -> bool:
    """Tell whether HDLC octets are whole frames of the link's own, such as SNRM, UA, RR and DISC."""
    at = octets.find(_FLAG)
    found = 0
    while 0 <= at < len(octets) - 2:
        end = at + ((octets[at + 1] & 0x07) << 8 | octets[at + 2]) + 2
        try:
            frame = hdlc.decode(octets[at:end])
        except ReceivedError:
            return False
        if frame.information and (frame.is_information or frame.is_unnumbered_information):
            return False
        found += 1
        at = octets.find(_FLAG, end - 1)  # one flag may end a frame and begin the next
        if at == end - 1 and octets[at + 1 : at + 2] == _FLAG:
            at += 1
    return found > 0
