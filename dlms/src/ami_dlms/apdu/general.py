"""What the general protection APDUs have in front: who speaks to whom, and under which key (Green Book 9.2.7.2.4.8)."""

from __future__ import annotations

from typing import Final, NamedTuple, Union

from ami_dlms.apdu.reader import Reader, octet_string, u8
from ami_dlms.errors import UnsupportedSuite

IDENTIFIED: Final = 0
WRAPPED: Final = 1
AGREED: Final = 2
MASTER_KEY: Final = 0
"""The only key encryption key there is."""
ONE_PASS: Final = b"\x01"
"""Key parameters of the one-pass Diffie-Hellman scheme, C(1e, 1s)."""
STATIC: Final = b"\x02"
"""Key parameters of the static unified model, C(0e, 2s)."""


class GeneralHeader(NamedTuple):
    """The five fields that general-ciphering and general-signing begin with; each may be empty."""

    transaction_id: bytes
    originator_system_title: bytes
    recipient_system_title: bytes
    date_time: bytes = b""
    other_information: bytes = b""

    def to_bytes(self) -> bytes:
        """Write them as they are on the wire and as they are authenticated: each with its length."""
        return b"".join(map(octet_string, self))


class IdentifiedKey(NamedTuple):
    """A key both sides have: 0 global unicast, 1 global broadcast."""

    key_id: int

    def to_bytes(self) -> bytes:
        """Write the choice."""
        return bytes((IDENTIFIED,)) + u8(self.key_id)


class WrappedKey(NamedTuple):
    """A key wrapped under a key encryption key (AES key wrap)."""

    kek_id: int
    wrapped: bytes

    def to_bytes(self) -> bytes:
        """Write the choice."""
        return bytes((WRAPPED,)) + u8(self.kek_id) + octet_string(self.wrapped)


class AgreedKey(NamedTuple):
    """A key both sides derive by a Diffie-Hellman scheme."""

    parameters: bytes
    """Which scheme: ONE_PASS or STATIC."""
    ciphered_data: bytes
    """One-pass: the ephemeral public key and its signature; static: nothing."""

    def to_bytes(self) -> bytes:
        """Write the choice."""
        return bytes((AGREED,)) + octet_string(self.parameters) + octet_string(self.ciphered_data)


KeyInfo = Union[IdentifiedKey, WrappedKey, AgreedKey]
"""How the recipient comes to the key of a general-ciphering APDU."""


def write_key_info(info: KeyInfo | None) -> bytes:
    """Write the OPTIONAL key information."""
    return b"\x00" if info is None else b"\x01" + info.to_bytes()


def read_key_info(reader: Reader) -> KeyInfo | None:
    """Read the OPTIONAL key information. Raises UnsupportedSuite for a choice that does not exist."""
    if not reader.flag():
        return None
    choice = reader.u8()
    if choice == IDENTIFIED:
        return IdentifiedKey(reader.u8())
    if choice == WRAPPED:
        return WrappedKey(reader.u8(), reader.octet_string())
    if choice == AGREED:
        return AgreedKey(reader.octet_string(), reader.octet_string())
    raise UnsupportedSuite(f"{choice} is no kind of key information", offset=reader.at - 1)


def read_header(reader: Reader) -> GeneralHeader:
    """Read the five fields."""
    fields = [reader.octet_string() for _ in range(5)]
    return GeneralHeader(fields[0], fields[1], fields[2], fields[3], fields[4])
