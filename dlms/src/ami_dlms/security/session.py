"""The key of a general-ciphering APDU: how the originator makes it, and how the recipient comes to it.

Identified: both have it. Wrapped: it comes under the key encryption key. Agreed: both derive it, by one-pass
Diffie-Hellman, C(1e, 1s), or by the static unified model, C(0e, 2s) (Green Book clauses 9.2.3.4.6 and 9.2.7.2.4.8).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ami_dlms.apdu.general import (
    MASTER_KEY,
    ONE_PASS,
    STATIC,
    AgreedKey,
    GeneralHeader,
    IdentifiedKey,
    KeyInfo,
    WrappedKey,
)
from ami_dlms.axdr import write_length
from ami_dlms.errors import ApduMalformed, SignatureInvalid, UnsupportedSuite, UsageError
from ami_dlms.security import elliptic
from ami_dlms.security.agreement import derive
from ami_dlms.security.elliptic import PrivateKey
from ami_dlms.security.keys import KeyProvider, KeySet
from ami_dlms.security.suites import curve_of

_IDENTIFIED = {0: KeySet.UNICAST, 1: KeySet.BROADCAST}


@dataclass(frozen=True, slots=True)
class SessionKey:
    """A key and how the recipient comes to it. It may serve many APDUs, each with a counter of its own."""

    key: bytes = field(repr=False)
    info: KeyInfo


def identified(keys: KeyProvider, header: GeneralHeader, *, broadcast: bool = False) -> SessionKey:
    """Use the global unicast or broadcast key."""
    key_set = KeySet.BROADCAST if broadcast else KeySet.UNICAST
    key = keys.encryption_key(header.recipient_system_title, key_set)
    return SessionKey(key, IdentifiedKey(int(broadcast)))


def wrapped(keys: KeyProvider, header: GeneralHeader, key: bytes) -> SessionKey:
    """Send a new random key, 16 or 32 octets, wrapped under the key encryption key."""
    if len(key) not in (16, 32):
        raise UsageError(f"a key has 16 or 32 octets, not {len(key)}")
    return SessionKey(key, WrappedKey(MASTER_KEY, keys.wrap(header.recipient_system_title, key)))


def agreed_one_pass(
    keys: KeyProvider, header: GeneralHeader, suite: int, ephemeral: PrivateKey | None = None
) -> SessionKey:
    """Agree a key with an ephemeral key pair of ours, a new one by default, and the recipient's static one."""
    made = elliptic.new_private_key(suite) if ephemeral is None else elliptic.private_key(ephemeral, suite)
    public = elliptic.public_octets(made)
    recipient = header.recipient_system_title
    z = elliptic.shared_secret(made, keys.agreement_key(recipient), suite)
    key = derive(z, suite=suite, party_u=header.originator_system_title, party_v=recipient)
    return SessionKey(key, AgreedKey(ONE_PASS, public + keys.sign(recipient, public, suite)))


def agreed_static(keys: KeyProvider, header: GeneralHeader, suite: int) -> SessionKey:
    """Agree a key with both static key pairs. It depends on the transaction id, which must never come again."""
    z = keys.agree(header.recipient_system_title, None, suite)
    return SessionKey(_static(z, header, suite), AgreedKey(STATIC, b""))


def received_key(keys: KeyProvider, header: GeneralHeader, info: KeyInfo | None, suite: int) -> bytes:
    """Return the key of an APDU received.

    Raises NeedKey, KeyWrong, SignatureInvalid, ApduMalformed or UnsupportedSuite.
    """
    title = header.originator_system_title
    if info is None:
        return keys.encryption_key(title, KeySet.UNICAST)
    if isinstance(info, IdentifiedKey):
        if info.key_id not in _IDENTIFIED:
            raise UnsupportedSuite(f"{info.key_id} identifies no key")
        return keys.encryption_key(title, _IDENTIFIED[info.key_id])
    if isinstance(info, WrappedKey):
        if info.kek_id != MASTER_KEY:
            raise UnsupportedSuite(f"{info.kek_id} identifies no key encryption key")
        key = keys.unwrap(title, info.wrapped)
        if len(key) not in (16, 32):
            raise ApduMalformed(f"the unwrapped key has {len(key)} octets")
        return key
    if info.parameters == ONE_PASS:
        return _one_pass(keys, header, info.ciphered_data, suite)
    if info.parameters == STATIC and not info.ciphered_data:
        return _static(keys.agree(title, None, suite), header, suite)
    raise UnsupportedSuite("the key agreement scheme is neither one-pass Diffie-Hellman nor the static unified model")


def _one_pass(keys: KeyProvider, header: GeneralHeader, data: bytes, suite: int) -> bytes:
    size = 2 * curve_of(suite).coordinate
    if len(data) != 2 * size:
        raise ApduMalformed(f"an ephemeral key and its signature have {2 * size} octets, not {len(data)}")
    title, public, signature = header.originator_system_title, data[:size], data[size:]
    # An unsigned ephemeral key would let anybody speak as the originator.
    if not keys.verify(title, public, signature, suite):
        raise SignatureInvalid(f"the signature of the ephemeral key of {title.hex()} does not verify")
    z = keys.agree(title, elliptic.received_key(public, suite), suite)
    return derive(z, suite=suite, party_u=title, party_v=header.recipient_system_title)


def _static(z: bytes, header: GeneralHeader, suite: int) -> bytes:
    transaction = write_length(len(header.transaction_id)) + header.transaction_id
    party_u = header.originator_system_title + transaction
    return derive(z, suite=suite, party_u=party_u, party_v=header.recipient_system_title)
