"""Check sequences of the framings."""

from __future__ import annotations

from binascii import crc_hqx

_REVERSED = bytes(int(f"{octet:08b}"[::-1], 2) for octet in range(256))


def _arc_table() -> tuple[int, ...]:
    table = []
    for octet in range(256):
        register = octet
        for _ in range(8):
            register = register >> 1 ^ 0xA001 if register & 1 else register >> 1
        table.append(register)
    return tuple(table)


_ARC = _arc_table()


def fcs16(data: bytes | bytearray) -> bytes:
    """Return the two octets of the HDLC frame check sequence of `data`, as sent (ISO/IEC 13239, 4.2.5.2).

    FCS-16 shifts the least significant bit first, `crc_hqx` the most significant one: with the bits of each octet
    reversed both compute the same register, one in Python's C code.
    """
    register = crc_hqx(data.translate(_REVERSED), 0xFFFF) ^ 0xFFFF
    return bytes((_REVERSED[register >> 8], _REVERSED[register & 0xFF]))


def crc16_arc(data: bytes | bytearray) -> int:
    """Return the CRC of a P1 telegram, from `/` to `!` inclusive (DSMR P1 companion standard, 5.2)."""
    register = 0
    for octet in data:
        register = register >> 8 ^ _ARC[(register ^ octet) & 0xFF]
    return register


def checksum(data: bytes | bytearray) -> int:
    """Return the M-Bus checksum: the sum of C field to the last octet of user data, modulo 256 (EN 60870-5-2)."""
    return sum(data) & 0xFF
