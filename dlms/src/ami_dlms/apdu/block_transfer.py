"""General block transfer (E0; Green Book clause 9.3.13)."""

from __future__ import annotations

from typing import NamedTuple

from ami_dlms.apdu.reader import Reader
from ami_dlms.axdr import write_length


class GeneralBlockTransfer(NamedTuple):
    """One block of any APDU."""

    last: bool
    streaming: bool
    window: int
    """How many blocks the sender may receive without confirming, 0 to 63."""
    block_number: int
    block_number_ack: int
    data: bytes

    def to_bytes(self) -> bytes:
        """Write the APDU."""
        control = (0x80 if self.last else 0) | (0x40 if self.streaming else 0) | self.window
        numbers = self.block_number.to_bytes(2, "big") + self.block_number_ack.to_bytes(2, "big")
        return bytes((0xE0, control)) + numbers + write_length(len(self.data)) + self.data


def read_block(reader: Reader) -> GeneralBlockTransfer:
    """Read a general-block-transfer behind its tag."""
    control = reader.u8()
    number, ack = reader.u16(), reader.u16()
    data = reader.octet_string()
    return GeneralBlockTransfer(bool(control & 0x80), bool(control & 0x40), control & 0x3F, number, ack, data)
