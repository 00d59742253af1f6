"""How well a meter's modem hears its cell, from the GSM diagnostic object.

`cell_info` is a structure of cell, location, signal quality, bit error rate and, since version 1, what names network
and channel (Blue Book, class 47). Signal quality counts steps of 2 dB from -113 dBm (3GPP TS 27.007, 8.5). What a
maker put there instead is no signal: it tells nothing, and hinders nothing.
"""

from __future__ import annotations

from typing import Final

from ami_dlms.apdu import CosemAttribute
from ami_dlms.axdr import Data, Tag
from ami_dlms.client import Result
from ami_ingest.histogram import Histogram

GSM_DIAGNOSTIC: Final = 47
CELL_INFO: Final = CosemAttribute(GSM_DIAGNOSTIC, bytes((0, 0, 25, 6, 0, 255)), 6)
"""Where a meter with one modem has it."""
WEAKEST, STRONGEST = -113, -51
"""What 0 and 31 say: so much or less, so much or more, dBm."""

_SHORTEST: Final = 4
_QUALITY: Final = 2
_STEPS: Final = (STRONGEST - WEAKEST) // 2
_WORDS: Final = ((-75, "strong"), (-85, "good"), (-95, "fair"), (-105, "weak"))
_BOUNDS: Final = (-111.0, -109.0, -107.0, -105.0, -101.0, -95.0, -85.0, -75.0)


def strength(class_id: int, attribute: int, result: Result | None) -> int | None:
    """Return the signal strength that an answer tells, dBm; None where it tells none."""
    if (class_id, attribute) != (GSM_DIAGNOSTIC, CELL_INFO.attribute) or not isinstance(result, Data):
        return None
    if result.tag != Tag.STRUCTURE or len(result.value) < _SHORTEST:
        return None
    tag, quality = result.value[_QUALITY]
    if tag != Tag.UINT8 or quality > _STEPS:
        return None  # 99: not known
    return WEAKEST + 2 * int(quality)


def in_words(dbm: int) -> str:
    """Say how good a signal strength (dBm) is."""
    return next((word for least, word in _WORDS if dbm >= least), "hardly any")


def strengths() -> Histogram:
    """Return a histogram of signal strengths, dBm, finest where it matters."""
    return Histogram(_BOUNDS)
