"""The three security suites (Green Book clause 9.2.3.7)."""

from __future__ import annotations

from typing import Final, NamedTuple

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from ami_dlms.errors import UnsupportedSuite


class Curve(NamedTuple):
    """The asymmetric part of a suite: ECDSA and ECDH on one curve, with one hash."""

    curve: ec.EllipticCurve
    hash: hashes.HashAlgorithm
    coordinate: int
    """Octets of a coordinate; a private key has as many, a public key and a signature twice as many."""
    key_length: int
    """Octets of the suite's symmetric keys."""
    aes_256: bool


CURVES: Final = {
    1: Curve(ec.SECP256R1(), hashes.SHA256(), 32, 16, aes_256=False),
    2: Curve(ec.SECP384R1(), hashes.SHA384(), 48, 32, aes_256=True),
}
KEY_LENGTHS: Final = {0: 16, 1: 16, 2: 32}
"""Octets of the symmetric keys, by suite."""


def curve_of(suite: int) -> Curve:
    """Return the asymmetric part of a suite; raises UnsupportedSuite where it has none."""
    try:
        return CURVES[suite]
    except KeyError:
        raise UnsupportedSuite(f"security suite {suite} has no public key algorithms; 1 and 2 have") from None


def suite_of_signature(length: int) -> int:
    """Return the suite whose signatures (and public keys) have `length` octets; raises UnsupportedSuite."""
    for suite, curve in CURVES.items():
        if length == 2 * curve.coordinate:
            return suite
    raise UnsupportedSuite(f"a signature of {length} octets is of no security suite")
