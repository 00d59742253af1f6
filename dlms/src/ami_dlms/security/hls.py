"""High level security: proofs of knowing the secret, in four passes (Green Book clause 9.2.7.4).

Each side sends a challenge and answers the other's. What an answer is made of, by mechanism:

| mechanism | f(challenge) |
| --- | --- |
| 3 MD5, 4 SHA-1 | H(challenge, secret) |
| 5 GMAC | security control, invocation counter, GMAC(security control, AK, challenge) |
| 6 SHA-256 | SHA-256(secret, own title, peer's title, challenge received, challenge sent) |
| 7 ECDSA | signature of (own title, peer's title, challenge received, challenge sent) |

Mechanism 2 is the manufacturer's; its function comes from outside.
"""

from __future__ import annotations

import hashlib
from hmac import compare_digest
from typing import NamedTuple

from ami_dlms.errors import AuthenticationFailed, UsageError
from ami_dlms.security import gcm
from ami_dlms.security.control import Protection, SecurityControl
from ami_dlms.security.keys import KeyProvider, Keys


class Exchange(NamedTuple):
    """Challenges and system titles as one side sees them: the side that proves itself."""

    received: bytes
    """The challenge to answer."""
    sent: bytes
    """Its own challenge."""
    own_title: bytes
    peer_title: bytes

    def mirrored(self) -> Exchange:
        """Return the same as the other side sees it."""
        return Exchange(self.sent, self.received, self.peer_title, self.own_title)

    @property
    def message(self) -> bytes:
        """What SHA-256 and ECDSA are over, in order."""
        return self.own_title + self.peer_title + self.received + self.sent


def md5_response(challenge: bytes, secret: bytes) -> bytes:
    """Answer a challenge by mechanism 3; 16 octets. Weak, and in meters of the field."""
    return hashlib.md5(challenge + secret, usedforsecurity=False).digest()


def sha1_response(challenge: bytes, secret: bytes) -> bytes:
    """Answer a challenge by mechanism 4; 20 octets. Weak, and in meters of the field."""
    return hashlib.sha1(challenge + secret, usedforsecurity=False).digest()


def sha256_response(exchange: Exchange, secret: bytes) -> bytes:
    """Answer a challenge by mechanism 6; 32 octets."""
    return hashlib.sha256(secret + exchange.message).digest()


def check_response(response: bytes, expected: bytes) -> None:
    """Compare a peer's answer with what it must be; raises AuthenticationFailed."""
    if not compare_digest(response, expected):
        raise AuthenticationFailed("the answer to the challenge is wrong: the peer has another secret or system title")


def ecdsa_response(exchange: Exchange, *, keys: KeyProvider, suite: int) -> bytes:
    """Answer a challenge by mechanism 7; 64 octets in suite 1, 96 in suite 2."""
    return keys.sign(exchange.peer_title, exchange.message, suite)


def ecdsa_verify(response: bytes, exchange: Exchange, *, keys: KeyProvider, suite: int) -> None:
    """Check a peer's answer by mechanism 7, `exchange` as the peer sees it; raises AuthenticationFailed."""
    if not keys.verify(exchange.own_title, exchange.message, response, suite):
        raise AuthenticationFailed(
            "the signature of the challenges is wrong: the peer has another signature key or system title"
        )


def gmac_response(
    challenge: bytes, *, keys: Keys, system_title: bytes, invocation_counter: int, suite: int = 0
) -> bytes:
    """Answer a challenge by mechanism 5. `system_title` and the counter are the sender's. 17 octets."""
    if keys.authentication is None:
        raise UsageError("HLS-GMAC needs the authentication key")
    control = bytes((SecurityControl(Protection.AUTHENTICATED, suite).octet,))
    tag = _gmac(control + keys.authentication + challenge, keys.encryption, system_title, invocation_counter)
    return control + invocation_counter.to_bytes(4, "big") + tag


def gmac_verify(response: bytes, challenge: bytes, *, keys: Keys, system_title: bytes) -> int:
    """Check the peer's answer to our challenge by mechanism 5; return its invocation counter.

    `system_title` is the peer's. Raises AuthenticationFailed where it does not prove knowledge of the keys.
    """
    if keys.authentication is None:
        raise UsageError("HLS-GMAC needs the authentication key")
    if len(response) != 5 + gcm.TAG_LENGTH or not response[0] & 0x10:
        raise AuthenticationFailed("the answer to the challenge is no GMAC")
    counter = int.from_bytes(response[1:5], "big")
    expected = _gmac(response[:1] + keys.authentication + challenge, keys.encryption, system_title, counter)
    if not gcm.verify(expected, response[5:]):
        raise AuthenticationFailed(
            "the answer to the challenge is wrong: the peer has other keys or another system title"
        )
    return counter


def _gmac(authenticated: bytes, key: bytes, system_title: bytes, counter: int) -> bytes:
    return gcm.tag_of(key, gcm.nonce(system_title, counter), b"", authenticated)
