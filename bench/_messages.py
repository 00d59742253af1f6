"""Messages to measure on: made here, so that anybody can."""

import random
import struct

from ami_dlms import axdr
from ami_dlms.apdu import DataNotification
from ami_dlms.axdr import Data, Tag
from ami_dlms.cosem_time import CosemDateTime
from ami_dlms.obis import parse_obis
from ami_dlms.security import Keys, Protection, protect

REGISTERS = (
    ("1.0.1.8.0.255", 0, 30), ("1.0.2.8.0.255", 0, 30), ("1.0.3.8.0.255", 0, 32), ("1.0.4.8.0.255", 0, 32),
    ("1.0.1.7.0.255", 0, 27), ("1.0.2.7.0.255", 0, 27), ("1.0.32.7.0.255", -1, 35), ("1.0.52.7.0.255", -1, 35),
    ("1.0.72.7.0.255", -1, 35), ("1.0.31.7.0.255", -2, 33),
)  # fmt: skip
"""OBIS, scaler, unit of a ten-register push."""


class Meter:
    """A meter with keys and a counter of its own."""

    def __init__(self, number: int, random_source: random.Random) -> None:
        self.system_title = b"BEN" + number.to_bytes(5, "big")
        self.keys = Keys(random_source.randbytes(16), random_source.randbytes(16))
        self.counter = 0
        self._random = random_source

    def _moment(self) -> bytes:
        return CosemDateTime(
            2026, 1, 1, 4, self.counter // 3600 % 24, self.counter // 60 % 60, self.counter % 60, 0, -60, 0
        ).to_bytes()

    def _cipher(self, apdu: bytes) -> bytes:
        self.counter += 1
        return protect(
            apdu,
            keys=self.keys,
            system_title=self.system_title,
            invocation_counter=self.counter,
            protection=Protection.AUTHENTICATED_ENCRYPTED,
        )

    def push(self) -> bytes:
        """Return a ciphered and authenticated push of ten registers with OBIS, scaler and unit."""
        body = axdr.array(
            *(
                axdr.structure(
                    axdr.octets(parse_obis(obis)),
                    axdr.uint32(self._random.getrandbits(24)),
                    axdr.structure(axdr.int8(scaler), axdr.enum(unit)),
                )
                for obis, scaler, unit in REGISTERS
            )
        )
        return self._cipher(DataNotification(0x40000000 | self.counter, self._moment(), body).to_bytes())

    def profile(self, rows: int = 96) -> bytes:
        """Return a ciphered and authenticated push of a load profile: rows of clock, status and two registers."""
        table = Data(
            Tag.ARRAY,
            tuple(
                axdr.structure(
                    axdr.octets(self._moment()),
                    axdr.uint8(0),
                    axdr.uint32(self._random.getrandbits(24)),
                    axdr.uint32(self._random.getrandbits(24)),
                )
                for _ in range(rows)
            ),
        )
        return self._cipher(DataNotification(0x40000000 | self.counter, self._moment(), table).to_bytes())


def wrapper(apdu: bytes) -> bytes:
    """Frame an APDU for TCP or UDP."""
    return struct.pack(">HHHH", 1, 1, 16, len(apdu)) + apdu
