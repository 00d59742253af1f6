r"""The sign-on of IEC 62056-21 that leads to HDLC (protocol mode E): what is said, without I/O.

    reading device                         meter                     speed
    /?address!                        ->                             300 baud, 7 bits, even parity
                                      <-  /XXXZ\2identification
    ACK 2 Z 2                         ->
                                      <-  ACK 2 Z 2
    SNRM                              ->                             the speed of Z, 8 bits, no parity

Sources: IEC 62056-21, 6.3 (messages), 6.4 (modes), annex E (mode E), and IEC 62056-46 annex A for what follows.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from ami_dlms.errors import FrameCheckFailed, LinkError, UsageError

OPENING_BAUD: Final = 300
BAUDS: Final = {"0": 300, "1": 600, "2": 1200, "3": 2400, "4": 4800, "5": 9600, "6": 19200}
"""The baud rate identification Z of mode C and E (6.3.14); 7 to 9 are reserved."""
ACK: Final = b"\x06"
NAK: Final = b"\x15"
REACTION_S: Final = 1.5
"""Longest time before an answer begins, and between two characters of one (6.4.3)."""

_CHARACTERS = {baud: character for character, baud in BAUDS.items()}
_HDLC = "2"
_IDENTIFICATION = re.compile(r"/([A-Za-z]{2})([A-Za-z])([ -~])((?:\\[ -~])*)([ -~]{0,16})\r\n")


class Identification(NamedTuple):
    """What a meter answers to the sign-on."""

    manufacturer: str
    """Three letters; the registry of the FLAG association says whose they are."""
    baud: int
    """The fastest speed it offers, bits a second."""
    hdlc: bool
    """Whether it offers HDLC: mode E."""
    name: str
    """The maker's own text, often type and firmware."""
    quick: bool
    """Whether it reacts within 20 ms instead of 200 ms."""


def sign_on(address: str = "") -> bytes:
    """Return the request message; an empty address reaches whoever listens. Raises UsageError."""
    if len(address) > 32 or not re.fullmatch(r"[0-9A-Za-z ]*", address):
        raise UsageError(f"A device address has at most 32 letters, digits and spaces; '{address}' has others.")
    return f"/?{address}!\r\n".encode("ascii")


def read_identification(octets: bytes) -> Identification:
    """Read the identification message, parity removed. Raises LinkError where it is none, or offers no known speed."""
    match = _IDENTIFICATION.fullmatch(octets.decode("latin-1"))
    if match is None:
        raise LinkError("The meter's answer to the sign-on is no identification message.")
    flag, third, character, modes, name = match.groups()
    if character not in BAUDS:
        raise LinkError(f"The meter identifies with the speed '{character}', which is none of modes C and E.")
    return Identification(
        manufacturer=(flag + third).upper(),
        baud=BAUDS[character],
        hdlc=_HDLC in modes[1::2],
        name=name,
        quick=third.islower(),
    )


def acknowledgement(baud: int) -> bytes:
    """Return the message that chooses HDLC at a speed; the meter confirms with the same. Raises UsageError."""
    character = _CHARACTERS.get(baud)
    if character is None:
        raise UsageError(f"Mode E has no {baud} baud; it has {', '.join(map(str, _CHARACTERS))}.")
    return ACK + f"{_HDLC}{character}{_HDLC}\r\n".encode("ascii")


def with_parity(octets: bytes) -> bytes:
    """Put even parity into the eighth bit, so that a line of 8 bits without parity carries 7 bits with it."""
    return bytes(octet | (octet.bit_count() & 1) << 7 for octet in octets)


def without_parity(octets: bytes) -> bytes:
    """Take the parity out again. Raises FrameCheckFailed where it is wrong."""
    for offset, octet in enumerate(octets):
        if octet.bit_count() & 1:
            raise FrameCheckFailed("A character of the identification has the wrong parity.", offset=offset)
    return bytes(octet & 0x7F for octet in octets)
