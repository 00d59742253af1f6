"""ECDSA and ECDH in the forms of DLMS: a public key is x || y, a signature r || s, without ASN.1 around them."""

from __future__ import annotations

from typing import Union

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from ami_dlms.errors import ApduMalformed, UsageError
from ami_dlms.security.suites import curve_of

PrivateKey = Union[bytes, ec.EllipticCurvePrivateKey]
"""Octets of the number, or an object of `cryptography`."""
PublicKey = Union[bytes, ec.EllipticCurvePublicKey]
"""x || y, or an object of `cryptography` (a certificate has one)."""


def private_key(key: PrivateKey, suite: int) -> ec.EllipticCurvePrivateKey:
    """Return the key as an object; raises UsageError where it is not of the suite's curve."""
    of = curve_of(suite)
    if isinstance(key, bytes):
        if len(key) != of.coordinate:
            raise UsageError(f"a private key of security suite {suite} has {of.coordinate} octets, not {len(key)}")
        try:
            return ec.derive_private_key(int.from_bytes(key, "big"), of.curve)
        except ValueError:
            raise UsageError("the octets are no private key of the curve") from None
    if key.curve.name != of.curve.name:
        raise UsageError(f"the private key is on {key.curve.name}; security suite {suite} needs {of.curve.name}")
    return key


def public_key(key: PublicKey, suite: int) -> ec.EllipticCurvePublicKey:
    """Return the key as an object; raises UsageError where it is not of the suite's curve."""
    of = curve_of(suite)
    if isinstance(key, bytes):
        if len(key) != 2 * of.coordinate:
            raise UsageError(f"a public key of security suite {suite} has {2 * of.coordinate} octets, not {len(key)}")
        try:
            return ec.EllipticCurvePublicKey.from_encoded_point(of.curve, b"\x04" + key)
        except ValueError:
            raise UsageError("the octets are no point of the curve") from None
    if key.curve.name != of.curve.name:
        raise UsageError(f"the public key is on {key.curve.name}; security suite {suite} needs {of.curve.name}")
    return key


def fits(key: PrivateKey | PublicKey, suite: int) -> bool:
    """Tell whether a key is of the suite's curve, by its size or its curve."""
    of = curve_of(suite)
    if isinstance(key, bytes):
        return len(key) in (of.coordinate, 2 * of.coordinate)
    return key.curve.name == of.curve.name


def received_key(octets: bytes, suite: int) -> ec.EllipticCurvePublicKey:
    """Return a public key the peer sent; raises ApduMalformed where it is no point of the curve."""
    try:
        return public_key(octets, suite)
    except UsageError as error:
        raise ApduMalformed(f"the public key received is wrong: {error}") from None


def public_octets(key: ec.EllipticCurvePrivateKey | ec.EllipticCurvePublicKey) -> bytes:
    """Return x || y of a public key, or of a private key's public one."""
    public = key.public_key() if isinstance(key, ec.EllipticCurvePrivateKey) else key
    numbers, size = public.public_numbers(), (public.key_size + 7) // 8
    return numbers.x.to_bytes(size, "big") + numbers.y.to_bytes(size, "big")


def new_private_key(suite: int) -> ec.EllipticCurvePrivateKey:
    """Make a key pair, for one use or for long."""
    return ec.generate_private_key(curve_of(suite).curve)


def sign(key: PrivateKey, message: bytes, suite: int) -> bytes:
    """Return the signature r || s of a message."""
    of = curve_of(suite)
    r, s = decode_dss_signature(private_key(key, suite).sign(message, ec.ECDSA(of.hash)))
    return r.to_bytes(of.coordinate, "big") + s.to_bytes(of.coordinate, "big")


def verify(key: PublicKey, message: bytes, signature: bytes, suite: int) -> bool:
    """Tell whether a signature r || s is right."""
    of = curve_of(suite)
    if len(signature) != 2 * of.coordinate:
        return False
    r, s = (int.from_bytes(part, "big") for part in (signature[: of.coordinate], signature[of.coordinate :]))
    try:
        public_key(key, suite).verify(encode_dss_signature(r, s), message, ec.ECDSA(of.hash))
    except InvalidSignature:
        return False
    return True


def shared_secret(key: PrivateKey, peer: PublicKey, suite: int) -> bytes:
    """Return Z, the x coordinate both sides come to (ECC CDH)."""
    return private_key(key, suite).exchange(ec.ECDH(), public_key(peer, suite))
