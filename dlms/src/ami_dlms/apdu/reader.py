"""Reading an APDU from its first octet to its last, and the few pieces all of them are written from."""

from __future__ import annotations

import struct
from typing import Final

from ami_dlms import axdr
from ami_dlms.axdr import Data
from ami_dlms.errors import ApduMalformed, TrailingBytes, Truncated, UsageError

_U16: Final = struct.Struct(">H")
_U32: Final = struct.Struct(">I")


class Reader:
    """A position in received octets. Every method raises Truncated where the octets end too early."""

    __slots__ = ("buf", "offset")

    def __init__(self, buf: bytes, offset: int = 0) -> None:
        self.buf = buf
        self.offset = offset

    @property
    def left(self) -> int:
        """How many octets are left."""
        return len(self.buf) - self.offset

    def uint(self, width: int) -> int:
        """Read an unsigned integer of `width` octets, big-endian."""
        return int.from_bytes(self.take(width), "big")

    def choice(self, *allowed: int) -> int:
        """Read the octet of a CHOICE. Raises ApduMalformed where it is none of `allowed`."""
        octet = self.uint(1)
        if octet not in allowed:
            raise ApduMalformed(f"{octet:#04x} is no choice here", offset=self.offset - 1)
        return octet

    def take(self, count: int) -> bytes:
        """Read `count` octets."""
        end = self.offset + count
        if end > len(self.buf):
            raise Truncated(f"{count} octets are due, {len(self.buf) - self.offset} are left", offset=self.offset)
        octets = self.buf[self.offset : end]
        self.offset = end
        return octets

    def octet_string(self) -> bytes:
        """Read a length and that many octets."""
        length, self.offset = axdr.read_length(self.buf, self.offset)
        return self.take(length)

    def count(self) -> int:
        """Read a count of elements, each of at least one octet."""
        at = self.offset
        count, self.offset = axdr.read_length(self.buf, at)
        if count > len(self.buf) - self.offset:
            raise Truncated(f"{count} elements are announced, fewer octets are left", offset=at)
        return count

    def flag(self) -> bool:
        """Read the octet that says whether an OPTIONAL or DEFAULT element follows."""
        return self.choice(0, 1) == 1

    def boolean(self) -> bool:
        """Read a BOOLEAN: any octet but 0 is true."""
        return self.uint(1) != 0

    def data(self) -> Data:
        """Read COSEM data."""
        data, self.offset = axdr.decode(self.buf, self.offset)
        return data

    def rest(self) -> bytes:
        """Read what is left."""
        return self.take(len(self.buf) - self.offset)

    def end(self) -> None:
        """Raise TrailingBytes unless everything was read."""
        left = len(self.buf) - self.offset
        if left:
            raise TrailingBytes(f"{left} octets are left after the APDU", offset=self.offset)


def u8(value: int) -> bytes:
    """Write an unsigned octet."""
    if not 0 <= value <= 0xFF:
        raise UsageError(f"{value} does not fit one octet")
    return bytes((value,))


def u16(value: int) -> bytes:
    """Write two octets."""
    if not 0 <= value <= 0xFFFF:
        raise UsageError(f"{value} does not fit two octets")
    return _U16.pack(value)


def u32(value: int) -> bytes:
    """Write four octets."""
    if not 0 <= value <= 0xFFFF_FFFF:
        raise UsageError(f"{value} does not fit four octets")
    return _U32.pack(value)


def octet_string(octets: bytes) -> bytes:
    """Write a length and the octets."""
    return axdr.write_length(len(octets)) + octets


def optional(octets: bytes | None) -> bytes:
    """Write an OPTIONAL octet-string."""
    return b"\x00" if octets is None else b"\x01" + octet_string(octets)
