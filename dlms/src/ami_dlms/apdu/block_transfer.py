"""General block transfer (E0; Green Book clause 9.3.13)."""

from __future__ import annotations

from dataclasses import dataclass

from ami_dlms.apdu.reader import Reader, octet_string, u16
from ami_dlms.errors import UsageError

_MAX_WINDOW = 63


@dataclass(frozen=True, slots=True)
class GeneralBlockTransfer:
    """One block of any APDU."""

    last: bool
    streaming: bool
    window: int
    """How many blocks the sender may receive without confirming, 0 to 63."""
    block_number: int
    block_number_ack: int
    data: bytes

    def to_bytes(self) -> bytes:
        """Encode."""
        if not 0 <= self.window <= _MAX_WINDOW:
            raise UsageError(f"a window of {self.window} blocks; 0 to {_MAX_WINDOW} can be written")
        control = (0x80 if self.last else 0) | (0x40 if self.streaming else 0) | self.window
        head = bytes((0xE0, control)) + u16(self.block_number) + u16(self.block_number_ack)
        return head + octet_string(self.data)


def read_block(reader: Reader) -> GeneralBlockTransfer:
    """Read a general-block-transfer behind its tag."""
    control = reader.u8()
    number, ack = reader.u16(), reader.u16()
    data = reader.octet_string()
    return GeneralBlockTransfer(bool(control & 0x80), bool(control & 0x40), control & 0x3F, number, ack, data)
