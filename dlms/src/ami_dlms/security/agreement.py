"""Keys out of a Diffie-Hellman secret (Green Book clause 9.2.3.4.6; NIST SP 800-56A, single-step key derivation).

KDF = H(00000001 | Z | AlgorithmID | PartyUInfo | PartyVInfo), its leftmost octets. Party U is the originator.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import Hash

from ami_dlms.errors import ApduMalformed, SignatureInvalid
from ami_dlms.security import elliptic
from ami_dlms.security.elliptic import PrivateKey, PublicKey
from ami_dlms.security.suites import curve_of

_ALGORITHM: Final = bytes.fromhex("608574050803")
"""2.16.756.5.8.3; the algorithm is the last arc."""


class KeyId(IntEnum):
    """The symmetric keys that security setup transfers and agrees (class 64)."""

    GLOBAL_UNICAST = 0
    GLOBAL_BROADCAST = 1
    AUTHENTICATION = 2
    MASTER = 3


def derive(z: bytes, *, suite: int, party_u: bytes, party_v: bytes, wrapping: bool = False) -> bytes:
    r"""Derive a key of the suite's length from the shared secret; `wrapping`: a key that wraps others.

    >>> secret = bytes.fromhex("0D4385BA0DD756CBCAB9887EB538396EE8F090A14C1079B4359F115B977F4615")
    >>> derive(secret, suite=1, party_u=b"MMM\0\0\xBCaN", party_v=b"MMM\0\0\0\0\1").hex()
    '59a71fd81c929a86a99438da17a66c05'
    """
    of = curve_of(suite)
    algorithm = of.aes_256 + (2 if wrapping else 0)
    digest = Hash(of.hash)
    digest.update(b"\x00\x00\x00\x01" + z + _ALGORITHM + bytes((algorithm,)) + party_u + party_v)
    return digest.finalize()[: of.key_length]


def offer_key(key_id: KeyId, ephemeral: PrivateKey, *, signing_key: PrivateKey, suite: int) -> bytes:
    """Return one side's key data of a key agreement, C(2e, 0s): its ephemeral public key, signed with the key's id."""
    public = elliptic.public_octets(elliptic.private_key(ephemeral, suite))
    return public + elliptic.sign(signing_key, bytes((key_id,)) + public, suite)


def accept_key(key_id: KeyId, key_data: bytes, *, signer: PublicKey, suite: int) -> ec.EllipticCurvePublicKey:
    """Return the other side's ephemeral public key; raises ApduMalformed or SignatureInvalid."""
    size = 2 * curve_of(suite).coordinate
    if len(key_data) != 2 * size:
        raise ApduMalformed(f"the key data of an agreement has {2 * size} octets, not {len(key_data)}")
    public, signature = key_data[:size], key_data[size:]
    if not elliptic.verify(signer, bytes((key_id,)) + public, signature, suite):
        raise SignatureInvalid("the signature of an ephemeral key does not verify")
    return elliptic.received_key(public, suite)


def agree_key(
    key_id: KeyId,
    ephemeral: PrivateKey,
    peer: ec.EllipticCurvePublicKey,
    *,
    client_title: bytes,
    server_title: bytes,
    suite: int,
) -> bytes:
    """Return the new key of a key agreement, C(2e, 0s); both its invocation counters begin at 0 again."""
    z = elliptic.shared_secret(ephemeral, peer, suite)
    wrapping = key_id is KeyId.MASTER
    return derive(z, suite=suite, party_u=client_title, party_v=server_title, wrapping=wrapping)
