"""general-signing, as it is on the wire (Green Book clause 9.2.7.2.5)."""

from __future__ import annotations

from typing import Final, NamedTuple

from ami_dlms.apdu.general import GeneralHeader, read_header
from ami_dlms.apdu.reader import Reader, octet_string

GENERAL_SIGNING: Final = 0xDF


class GeneralSigning(NamedTuple):
    """Any APDU with the digital signature of its originator."""

    header: GeneralHeader
    content: bytes
    """The signed APDU; it may be ciphered."""
    signature: bytes
    """ECDSA, r and s: 64 octets in suite 1, 96 in suite 2."""

    @property
    def system_title(self) -> bytes:
        """The signer's."""
        return self.header.originator_system_title

    @property
    def signed(self) -> bytes:
        """What the signature is over: all fields before it, each with its length."""
        return self.header.to_bytes() + octet_string(self.content)

    def to_bytes(self) -> bytes:
        """Write the APDU."""
        return bytes((GENERAL_SIGNING,)) + self.signed + octet_string(self.signature)


def read_general_signing(reader: Reader) -> GeneralSigning:
    """Read general-signing behind its tag."""
    return GeneralSigning(read_header(reader), reader.octet_string(), reader.octet_string())
