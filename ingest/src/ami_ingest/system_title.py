"""The system title that a ciphered APDU states in the clear."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

GENERAL_GLO_CIPHERING: Final = 0xDB
GENERAL_DED_CIPHERING: Final = 0xDC
GENERAL_CIPHERING: Final = 0xDD
GENERAL_SIGNING: Final = 0xDF

_LENGTH: Final = 8


def find(apdus: Iterable[bytes]) -> bytes | None:
    """Return the sender's system title from the first APDU that states one, else None.

    general-glo and general-ded-ciphering begin with it; general-ciphering and general-signing have it as
    originator-system-title after the transaction id (Green Book, xDLMS APDU syntax). Nothing is deciphered.
    """
    for apdu in apdus:
        title = _of(apdu)
        if title is not None:
            return title
    return None


def _of(apdu: bytes) -> bytes | None:
    if len(apdu) < 2 + _LENGTH:
        return None
    tag = apdu[0]
    if tag in (GENERAL_GLO_CIPHERING, GENERAL_DED_CIPHERING):
        position = 1
    elif tag in (GENERAL_CIPHERING, GENERAL_SIGNING):
        if apdu[1] > 0x7F:  # a transaction id has at most 127 octets in practice
            return None
        position = 2 + apdu[1]
    else:
        return None
    title = apdu[position + 1 : position + 1 + _LENGTH]
    if apdu[position : position + 1] != b"\x08" or len(title) != _LENGTH:
        return None
    return title
