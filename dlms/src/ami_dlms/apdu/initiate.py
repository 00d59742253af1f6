"""xDLMS InitiateRequest (01) and InitiateResponse (08), carried by AARQ and AARE (Green Book clause 9.4.4)."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntFlag
from typing import Final

from ami_dlms.apdu.reader import Reader, optional, u8, u16
from ami_dlms.errors import ApduMalformed

_CONFORMANCE_HEAD: Final = (b"\x5f\x1f\x04\x00", b"\x5f\x04\x00")
"""[APPLICATION 31] BIT STRING of four octets, no unused bits; the short form of older meters is read as well."""

LN_NAME: Final = 0x0007
"""vaa-name of logical name referencing."""
SN_NAME: Final = 0xFA00
"""vaa-name of short name referencing."""


class Conformance(IntFlag):
    """The conformance block: bit 0 of the standard is the highest of 24."""

    GENERAL_PROTECTION = 1 << 22
    GENERAL_BLOCK_TRANSFER = 1 << 21
    READ = 1 << 20
    WRITE = 1 << 19
    UNCONFIRMED_WRITE = 1 << 18
    DELTA_VALUE_ENCODING = 1 << 17
    ATTRIBUTE_0_SUPPORTED_WITH_SET = 1 << 15
    PRIORITY_MGMT_SUPPORTED = 1 << 14
    ATTRIBUTE_0_SUPPORTED_WITH_GET = 1 << 13
    BLOCK_TRANSFER_WITH_GET_OR_READ = 1 << 12
    BLOCK_TRANSFER_WITH_SET_OR_WRITE = 1 << 11
    BLOCK_TRANSFER_WITH_ACTION = 1 << 10
    MULTIPLE_REFERENCES = 1 << 9
    INFORMATION_REPORT = 1 << 8
    DATA_NOTIFICATION = 1 << 7
    ACCESS = 1 << 6
    PARAMETERIZED_ACCESS = 1 << 5
    GET = 1 << 4
    SET = 1 << 3
    SELECTIVE_ACCESS = 1 << 2
    EVENT_NOTIFICATION = 1 << 1
    ACTION = 1 << 0


@dataclass(frozen=True, slots=True)
class InitiateRequest:
    """What a client proposes."""

    conformance: Conformance
    client_max_receive_pdu_size: int
    """Octets of an APDU the client takes; 0 without limit."""
    dedicated_key: bytes | None = field(default=None, repr=False)
    response_allowed: bool = True
    quality_of_service: int | None = None
    dlms_version: int = 6

    def to_bytes(self) -> bytes:
        """Encode."""
        return (
            b"\x01"
            + optional(self.dedicated_key)
            + (b"\x00" if self.response_allowed else b"\x01\x00")  # BOOLEAN DEFAULT TRUE
            + _write_quality(self.quality_of_service)
            + u8(self.dlms_version)
            + _write_conformance(self.conformance)
            + u16(self.client_max_receive_pdu_size)
        )


@dataclass(frozen=True, slots=True)
class InitiateResponse:
    """What the server takes of it."""

    conformance: Conformance
    server_max_receive_pdu_size: int
    quality_of_service: int | None = None
    dlms_version: int = 6
    vaa_name: int = LN_NAME

    def to_bytes(self) -> bytes:
        """Encode."""
        return (
            b"\x08"
            + _write_quality(self.quality_of_service)
            + u8(self.dlms_version)
            + _write_conformance(self.conformance)
            + u16(self.server_max_receive_pdu_size)
            + u16(self.vaa_name)
        )


def _write_quality(quality: int | None) -> bytes:
    return b"\x00" if quality is None else b"\x01" + u8(quality & 0xFF)


def _write_conformance(value: Conformance) -> bytes:
    return _CONFORMANCE_HEAD[0] + int(value).to_bytes(3, "big")


def _read_conformance(reader: Reader) -> Conformance:
    at = reader.at
    for head in _CONFORMANCE_HEAD:
        if reader.buf.startswith(head, reader.at):
            reader.take(len(head))
            return Conformance(int.from_bytes(reader.take(3), "big") & 0x7FFFFF)
    raise ApduMalformed("the conformance block is missing", offset=at)


def _quality(reader: Reader) -> int | None:
    return int.from_bytes(reader.take(1), "big", signed=True) if reader.flag() else None


def read_request(reader: Reader) -> InitiateRequest:
    """Read an InitiateRequest behind its tag."""
    key = reader.octet_string() if reader.flag() else None
    allowed = not reader.flag() or reader.boolean()
    quality = _quality(reader)
    version = reader.u8()
    conformance = _read_conformance(reader)
    return InitiateRequest(conformance, reader.u16(), key, allowed, quality, version)


def read_response(reader: Reader) -> InitiateResponse:
    """Read an InitiateResponse behind its tag."""
    quality = _quality(reader)
    version = reader.u8()
    conformance = _read_conformance(reader)
    size = reader.u16()
    return InitiateResponse(conformance, size, quality, version, reader.u16())
