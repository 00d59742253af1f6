"""Frames by the meter they are for, where several meters share an address: by wPort, or by lower HDLC address."""

from __future__ import annotations

from typing import Final, NamedTuple

from ami_dlms.framing import Framing, hdlc, wrapper
from ami_dlms.framing.scan import Wait

_FLAG: Final = 0x7E


class Addressed(NamedTuple):
    """One frame. `device` is the destination wPort, or the physical device (None where a frame names none)."""

    framing: Framing
    device: int | None
    octets: bytes


class Switchboard:
    """Cuts what clients send into frames; what is none is passed over."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def receive(self, data: bytes) -> list[Addressed]:
        """Take octets; return the frames they complete."""
        buffer = self._buffer
        buffer += data
        found: list[Addressed] = []
        while buffer:
            if buffer[0] == _FLAG:
                size = self._hdlc(found)
            elif buffer[0] == 0:
                size = self._wrapper(found)
            else:
                size = 1
            if not size:
                break
            del buffer[:size]
        return found

    def _wrapper(self, found: list[Addressed]) -> int:
        """Take a wrapper; return how many octets are done, 0 to wait for more."""
        buffer = self._buffer
        if len(buffer) < wrapper.HEADER.size:
            return 0
        version, _, destination, length = wrapper.HEADER.unpack_from(buffer)
        size: int = wrapper.HEADER.size + length
        if version != wrapper.VERSION:
            return 1
        if len(buffer) < size:
            return 0
        found.append(Addressed(Framing.WRAPPER, destination, bytes(buffer[:size])))
        return size

    def _hdlc(self, found: list[Addressed]) -> int:
        buffer = self._buffer
        head = hdlc.header(buffer, 1)
        if isinstance(head, hdlc.Header):
            size = head.length + 2
            if len(buffer) < size:
                return 0
            address = bytes(buffer[3 : head.addresses[0]])
            bits = {1: 0, 2: 7, 4: 14}.get(len(address), 0)
            device = hdlc.address_value(address) & (1 << bits) - 1 if bits else None
            found.append(Addressed(Framing.HDLC, device, bytes(buffer[:size])))
            return size
        return 0 if isinstance(head, Wait) else 1
