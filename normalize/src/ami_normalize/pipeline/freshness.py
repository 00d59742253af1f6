"""What a message proves of its freshness: an invocation counter that a tag vouches for.

Whether it is new is no question of the pipeline, which remembers nothing: see `ami_normalize.ledger`.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from ami_dlms.apdu import GeneralCiphering, GeneralGloCiphering, IdentifiedKey, ServiceCiphered
from ami_dlms.apdu.ciphered import UNDER_DEDICATED_KEY
from ami_dlms.security import SecurityControl

_TAG_LENGTH: Final = 12
TAG_OCTETS: Final = 4
"""How much of a tag tells messages of the same counter apart."""


class Proof(NamedTuple):
    """The invocation counter of a message whose tag is verified (Green Book clause 9.2.3.3.7.3)."""

    system_title: bytes
    key_version: str
    """Counters count per key."""
    counter: int
    tag: bytes
    """Its first four octets."""
    key: bytes
    """What the counter belongs to, see `ledger_key`."""


def ledger_key(system_title: bytes, key_version: str) -> bytes:
    """Return what a counter belongs to: the system title, eight octets, and the key version."""
    return system_title + key_version.encode()


def proof_of(
    apdu: GeneralGloCiphering | GeneralCiphering | ServiceCiphered, system_title: bytes, key_version: str
) -> Proof | None:
    """Return what an APDU with a verified tag proves; None for one under another key than the global unicast key.

    A dedicated, wrapped or agreed key has a counter of its own, which ends with the key: a new one is as fresh as what
    it opens. The broadcast key is no meter's to send under.
    """
    if isinstance(apdu, GeneralCiphering):
        if apdu.key_info is not None and apdu.key_info != IdentifiedKey(0):
            return None
    elif apdu.tag in UNDER_DEDICATED_KEY:
        return None
    if SecurityControl.from_octet(apdu.security_control).broadcast:
        return None
    tag = apdu.content[-_TAG_LENGTH:][:TAG_OCTETS]
    return Proof(system_title, key_version, apdu.invocation_counter, tag, ledger_key(system_title, key_version))
