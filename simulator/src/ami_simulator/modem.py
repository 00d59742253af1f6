"""The modem of a virtual meter, as the GSM diagnostic object tells of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from ami_dlms import axdr
from ami_dlms.axdr import Data
from ami_dlms.cosem import CosemObject
from ami_dlms.obis import parse_obis

GSM_DIAGNOSTIC: Final = parse_obis("0.0.25.6.0.255")
WEAKEST, STRONGEST = -113, -51
"""What signal_quality reaches from and to, dBm; beyond, it says no more."""
_USUAL: Final = range(-89, -55, 2)
_BER_UNKNOWN: Final = 99


def usual_dbm(seed: int) -> int:
    """Return the signal of a meter that hangs in a good place, dBm."""
    return _USUAL[seed % len(_USUAL)]


def signal_quality(dbm: int) -> int:
    """Return a signal strength as signal_quality writes it: steps of 2 dB (3GPP TS 27.007, 8.5)."""
    return (min(max(dbm, WEAKEST), STRONGEST) - WEAKEST) // 2


class GsmDiagnostic(CosemObject):
    """Operator, registration and cell of a modem (Blue Book, class 47 version 1)."""

    class_id = 47
    version = 1

    def __init__(self, dbm: Callable[[], int]) -> None:
        """`dbm` tells the signal strength whenever the cell is read."""

        def cell() -> Data:
            return axdr.structure(
                axdr.uint32(0x0001_2C0F), axdr.uint16(0x0457), axdr.uint8(signal_quality(dbm())),
                axdr.uint8(_BER_UNKNOWN), axdr.uint16(232), axdr.uint16(1), axdr.uint32(6300),
            )  # fmt: skip

        super().__init__(
            GSM_DIAGNOSTIC,
            {2: axdr.visible("AMI Mobile"), 3: axdr.enum(1), 4: axdr.enum(0), 5: axdr.enum(6), 6: cell,
             7: axdr.array(), 8: axdr.octets(bytes.fromhex("ffffffffffffffffff8000ff"))},
        )  # fmt: skip
