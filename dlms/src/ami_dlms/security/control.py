"""The security control octet (Green Book clause 9.2.7.2.4.1).

bit 7 compression | bit 6 key set (1 broadcast) | bit 5 encryption | bit 4 authentication | bits 3 to 0 suite
"""

from __future__ import annotations

from enum import Enum
from functools import lru_cache
from typing import NamedTuple

from ami_dlms.errors import UnsupportedCompression, UnsupportedSuite


class Protection(Enum):
    """How an APDU is protected."""

    NONE = "none"
    AUTHENTICATED = "authenticated"
    ENCRYPTED = "encrypted"
    AUTHENTICATED_ENCRYPTED = "authenticated-encrypted"

    @property
    def authenticated(self) -> bool:
        """Whether it carries a tag."""
        return self in (Protection.AUTHENTICATED, Protection.AUTHENTICATED_ENCRYPTED)

    @property
    def encrypted(self) -> bool:
        """Whether its content is ciphertext."""
        return self in (Protection.ENCRYPTED, Protection.AUTHENTICATED_ENCRYPTED)


_PROTECTIONS = (
    Protection.NONE,
    Protection.AUTHENTICATED,
    Protection.ENCRYPTED,
    Protection.AUTHENTICATED_ENCRYPTED,
)


class SecurityControl(NamedTuple):
    """The octet, taken apart."""

    protection: Protection
    suite: int
    broadcast: bool = False

    @classmethod
    @lru_cache(maxsize=256)
    def from_octet(cls, octet: int) -> SecurityControl:
        """Read the octet. Raises UnsupportedSuite, or UnsupportedCompression (V.44)."""
        if octet & 0x80:
            raise UnsupportedCompression("the APDU is compressed with V.44, which is not supported")
        suite = octet & 0x0F
        if suite > 2:
            raise UnsupportedSuite(f"security suite {suite} is not known; 0, 1 and 2 are")
        return cls(_PROTECTIONS[octet >> 4 & 0b11], suite, bool(octet & 0x40))

    @property
    def octet(self) -> int:
        """The octet."""
        return _PROTECTIONS.index(self.protection) << 4 | self.suite | (0x40 if self.broadcast else 0)
