"""Whether octets that no tag confirms are a message: the test of a key that may be wrong."""

from __future__ import annotations

from ami_dlms import apdu as apdus
from ami_dlms.errors import ReceivedError
from ami_normalize.deviations import DEVIATIONS
from ami_normalize.shapes import telegram

_P1_START = 0x2F


def readable(octets: bytes) -> bool:
    """Tell whether octets are one whole APDU, such as a maker is known to send, or a telegram."""
    if not octets:
        return False
    if octets[0] == _P1_START:
        return telegram.crc_holds(octets) is not False and telegram.read(octets) is not None
    return _is_apdu(octets) or any(
        legal is not None and _is_apdu(legal) for legal in (deviation.repair(octets) for deviation in DEVIATIONS)
    )


def _is_apdu(octets: bytes) -> bool:
    try:
        apdus.decode(octets)
    except ReceivedError:
        return False
    return True
