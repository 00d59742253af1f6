"""Reading an APDU from its first octet to its last, and the few pieces all of them are written from."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from typing import Final, TypeVar

from ami_dlms import axdr
from ami_dlms.axdr import Data
from ami_dlms.errors import ApduMalformed, TrailingBytes, Truncated, UsageError

T = TypeVar("T")
_U16: Final = struct.Struct(">H")
_U32: Final = struct.Struct(">I")


class Reader:
    """A position in received octets. Every method raises Truncated where the octets end too early."""

    __slots__ = ("at", "buf", "limits")

    def __init__(self, buf: bytes, at: int = 0) -> None:
        self.buf = buf
        self.at = at
        self.limits = axdr.LIMITS

    def u8(self) -> int:
        """Read an unsigned octet."""
        at = self.at
        if at >= len(self.buf):
            raise Truncated("the APDU ends too early", offset=at)
        self.at = at + 1
        return self.buf[at]

    def u16(self) -> int:
        """Read two octets, unsigned, big-endian."""
        return int.from_bytes(self.take(2), "big")

    def u32(self) -> int:
        """Read four octets, unsigned, big-endian."""
        return int.from_bytes(self.take(4), "big")

    def take(self, count: int) -> bytes:
        """Read `count` octets."""
        end = self.at + count
        if end > len(self.buf):
            raise Truncated(f"{count} octets are due, {len(self.buf) - self.at} are left", offset=self.at)
        octets = self.buf[self.at : end]
        self.at = end
        return octets

    def octet_string(self) -> bytes:
        """Read a length and that many octets."""
        length, self.at = axdr.read_length(self.buf, self.at)
        return self.take(length)

    def count(self) -> int:
        """Read a count of elements, each of at least one octet."""
        at = self.at
        count, self.at = axdr.read_length(self.buf, at)
        if count > len(self.buf) - self.at:
            raise Truncated(f"{count} elements are announced, fewer octets are left", offset=at)
        return count

    def flag(self) -> bool:
        """Read the octet that says whether an OPTIONAL or DEFAULT element follows."""
        octet = self.u8()
        if octet > 1:
            raise ApduMalformed(f"{octet:#04x} stands where 0 or 1 is due", offset=self.at - 1)
        return octet == 1

    def boolean(self) -> bool:
        """Read a BOOLEAN: any octet but 0 is true."""
        return self.u8() != 0

    def data(self) -> Data:
        """Read COSEM data; all data of an APDU share its limits."""
        data, self.at, self.limits = axdr.decode_part(self.buf, self.at, self.limits)
        return data

    def items(self, read: Callable[[Reader], T]) -> tuple[T, ...]:
        """Read a SEQUENCE OF what `read` reads."""
        return tuple(read(self) for _ in range(self.count()))

    def values(self) -> tuple[Data, ...]:
        """Read a SEQUENCE OF COSEM data."""
        return self.items(Reader.data)

    def rest(self) -> bytes:
        """Read what is left."""
        return self.take(len(self.buf) - self.at)

    def end(self) -> None:
        """Raise TrailingBytes unless everything was read."""
        left = len(self.buf) - self.at
        if left:
            raise TrailingBytes(f"{left} octets are left after the APDU", offset=self.at)


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


def values(data: Sequence[Data]) -> bytes:
    """Write a SEQUENCE OF COSEM data."""
    return axdr.write_length(len(data)) + b"".join(map(axdr.encode, data))


def octet_string(octets: bytes) -> bytes:
    """Write a length and the octets."""
    return axdr.write_length(len(octets)) + octets


def optional(octets: bytes | None) -> bytes:
    """Write an OPTIONAL octet-string."""
    return b"\x00" if octets is None else b"\x01" + octet_string(octets)
