"""Status words of profiles: what their bits say of an interval (IDIS and DSMR: AMR profile status, 0-b:96.10.e)."""

from __future__ import annotations

from enum import Enum
from functools import lru_cache
from typing import Final, NamedTuple

from ami_dlms.axdr import BitString, Data, Tag
from ami_normalize.quality import Quality
from ami_schemas.event_types import Companion


class StatusBit(str, Enum):
    """What a bit says, by the names of a mapping's `status`."""

    UNUSED = "unused"
    CRITICAL_ERROR = "critical-error"
    CLOCK_INVALID = "clock-invalid"
    CLOCK_DOUBTFUL = "clock-doubtful"
    CLOCK_ADJUSTED = "clock-adjusted"
    DATA_INVALID = "data-invalid"
    DAYLIGHT_SAVING = "daylight-saving"
    """Says which of two equal local times a stamp is; no quality."""
    POWER_DOWN = "power-down"


Bits = tuple[StatusBit, ...]
"""The meanings of a word's bits, the lowest first."""

AMR_PROFILE_STATUS: Final[Bits] = (
    StatusBit.CRITICAL_ERROR,
    StatusBit.CLOCK_INVALID,
    StatusBit.DATA_INVALID,
    StatusBit.DAYLIGHT_SAVING,
    StatusBit.UNUSED,
    StatusBit.CLOCK_ADJUSTED,
    StatusBit.UNUSED,
    StatusBit.POWER_DOWN,
)
"""As IDIS and DSMR have it, an unsigned."""

_QUALITIES: Final = {
    StatusBit.CRITICAL_ERROR: Quality.CRITICAL_ERROR,
    StatusBit.CLOCK_INVALID: Quality.CLOCK_INVALID,
    StatusBit.CLOCK_DOUBTFUL: Quality.CLOCK_DOUBTFUL,
    StatusBit.CLOCK_ADJUSTED: Quality.CLOCK_ADJUSTED,
    StatusBit.DATA_INVALID: Quality.DATA_INVALID,
    StatusBit.POWER_DOWN: Quality.POWER_DOWN,
}
_WORDS: Final = frozenset({Tag.UINT8, Tag.UINT16, Tag.UINT32, Tag.UINT64, Tag.INT8, Tag.INT16, Tag.INT32, Tag.INT64})
_MOST_BITS: Final = 64


class Status(NamedTuple):
    """What a status word says."""

    quality: tuple[Quality, ...] = ()
    summer: bool | None = None
    """Whether daylight saving was active, where a bit says so."""


UNSTATED: Final = Status()


def of(cell: Data, bits: Bits | None, companion: Companion | None) -> Status:
    """Read a status word: an integer, bit 0 the lowest, or a bit-string, bit 0 the first.

    `bits` are those a dialect states. Without them IDIS' and DSMR's hold, where the companion or the type says so.
    """
    if bits is None:
        amr = companion in {Companion.IDIS, Companion.DSMR} or (companion is None and cell.tag == Tag.UINT8)
        bits = AMR_PROFILE_STATUS if amr else ()
    word = _word(cell) if bits else None
    return UNSTATED if word is None else _status(word, bits)


def _word(cell: Data) -> int | None:
    value = cell.value
    if cell.tag in _WORDS:
        return int(value) & (1 << _MOST_BITS) - 1
    if cell.tag == Tag.BIT_STRING and isinstance(value, BitString) and value.length <= _MOST_BITS:
        reversed_bits = "".join(f"{octet:08b}" for octet in value.octets)[: value.length][::-1]
        return int(reversed_bits or "0", 2)
    return None


@lru_cache(maxsize=4096)
def _status(word: int, bits: Bits) -> Status:
    quality = tuple(_QUALITIES[bit] for at, bit in enumerate(bits) if word >> at & 1 and bit in _QUALITIES)
    summer = None
    if StatusBit.DAYLIGHT_SAVING in bits:
        summer = bool(word >> bits.index(StatusBit.DAYLIGHT_SAVING) & 1)
    return Status(quality, summer)
