"""Ciphered APDUs, as they are on the wire (Green Book clause 9.2.7.2.4 and 9.5)."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final, NamedTuple

from ami_dlms.apdu.general import GeneralHeader, KeyInfo, read_header, read_key_info, write_key_info
from ami_dlms.apdu.reader import Reader
from ami_dlms.axdr import write_length
from ami_dlms.errors import ApduMalformed

GENERAL_GLO: Final = 0xDB
GENERAL_DED: Final = 0xDC
GENERAL_CIPHERING: Final = 0xDD

GLO_OF: Final = MappingProxyType(
    {
        0x01: 0x21, 0x08: 0x28,
        0x05: 0x25, 0x0C: 0x2C, 0x06: 0x26, 0x0D: 0x2D, 0x0E: 0x2E, 0x16: 0x36, 0x18: 0x38,
        0xC0: 0xC8, 0xC1: 0xC9, 0xC2: 0xCA, 0xC3: 0xCB, 0xC4: 0xCC, 0xC5: 0xCD, 0xC7: 0xCF,
    }
)  # fmt: skip
"""Service tag to the tag of its form under the global key."""

DED_OF: Final = MappingProxyType(
    {
        0x01: 0x41, 0x08: 0x48,
        0x05: 0x45, 0x0C: 0x4C, 0x06: 0x46, 0x0D: 0x4D, 0x0E: 0x4E, 0x16: 0x56, 0x18: 0x58,
        0xC0: 0xD0, 0xC1: 0xD1, 0xC2: 0xD2, 0xC3: 0xD3, 0xC4: 0xD4, 0xC5: 0xD5, 0xC7: 0xD7,
    }
)  # fmt: skip
"""Service tag to the tag of its form under the dedicated key."""

UNDER_DEDICATED_KEY: Final = frozenset(DED_OF.values()) | {GENERAL_DED}
"""Tags of what is ciphered under the dedicated key."""
SERVICE_CIPHERED: Final = frozenset(GLO_OF.values()) | frozenset(DED_OF.values())


class GeneralGloCiphering(NamedTuple):
    """Any APDU under the global key (DB) or the dedicated key (DC), with the originator's system title."""

    system_title: bytes
    """Eight octets; some meters leave it empty."""
    security_control: int
    invocation_counter: int
    content: bytes
    """What is behind the security header: the (ciphered) APDU, and its 12-octet tag where authenticated."""
    tag: int = GENERAL_GLO

    def to_bytes(self) -> bytes:
        """Write the APDU."""
        title = write_length(len(self.system_title)) + self.system_title
        return bytes((self.tag,)) + title + _sealed(self.security_control, self.invocation_counter, self.content)


class ServiceCiphered(NamedTuple):
    """A glo-* or ded-* APDU; whose system title it is, the association knows."""

    tag: int
    security_control: int
    invocation_counter: int
    content: bytes

    def to_bytes(self) -> bytes:
        """Write the APDU."""
        return bytes((self.tag,)) + _sealed(self.security_control, self.invocation_counter, self.content)


class GeneralCiphering(NamedTuple):
    """Any APDU between two named parties, under the key that the key information tells (DD)."""

    header: GeneralHeader
    key_info: KeyInfo | None
    """None: the global unicast key."""
    security_control: int
    invocation_counter: int
    content: bytes

    @property
    def system_title(self) -> bytes:
        """The originator's."""
        return self.header.originator_system_title

    def to_bytes(self) -> bytes:
        """Write the APDU."""
        sealed = _sealed(self.security_control, self.invocation_counter, self.content)
        return bytes((GENERAL_CIPHERING,)) + self.header.to_bytes() + write_key_info(self.key_info) + sealed


def _sealed(security_control: int, invocation_counter: int, content: bytes) -> bytes:
    inner = bytes((security_control,)) + invocation_counter.to_bytes(4, "big") + content
    return write_length(len(inner)) + inner


def _read_sealed(reader: Reader) -> tuple[int, int, bytes]:
    at = reader.at
    inner = reader.octet_string()
    if len(inner) < 5:
        raise ApduMalformed("a ciphered APDU is shorter than its security header", offset=at)
    return inner[0], int.from_bytes(inner[1:5], "big"), inner[5:]


def read_general(reader: Reader, tag: int) -> GeneralGloCiphering:
    """Read general-glo- or general-ded-ciphering behind its tag."""
    at = reader.at
    title = reader.octet_string()
    if len(title) not in (0, 8):
        raise ApduMalformed(f"a system title has 8 octets, not {len(title)}", offset=at)
    return GeneralGloCiphering(title, *_read_sealed(reader), tag)


def read_service(reader: Reader, tag: int) -> ServiceCiphered:
    """Read a glo-* or ded-* APDU behind its tag."""
    return ServiceCiphered(tag, *_read_sealed(reader))


def read_general_ciphering(reader: Reader) -> GeneralCiphering:
    """Read general-ciphering behind its tag."""
    at = reader.at
    header = read_header(reader)
    if len(header.originator_system_title) not in (0, 8):
        raise ApduMalformed("the originator's system title has not 8 octets", offset=at)
    return GeneralCiphering(header, read_key_info(reader), *_read_sealed(reader))
