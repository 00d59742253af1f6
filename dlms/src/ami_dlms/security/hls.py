"""High level security, mechanism 5 (GMAC): proofs of knowing the keys (Green Book clause 9.2.7.4).

f(challenge) = security control | invocation counter | GMAC(security control | AK | challenge)
"""

from __future__ import annotations

from ami_dlms.errors import AuthenticationFailed, UsageError
from ami_dlms.security import gcm
from ami_dlms.security.control import Protection, SecurityControl
from ami_dlms.security.keys import Keys


def gmac_response(
    challenge: bytes, *, keys: Keys, system_title: bytes, invocation_counter: int, suite: int = 0
) -> bytes:
    """Answer the peer's challenge. `system_title` and the counter are the sender's. 17 octets."""
    if keys.authentication is None:
        raise UsageError("HLS-GMAC needs the authentication key")
    control = bytes((SecurityControl(Protection.AUTHENTICATED, suite).octet,))
    tag = _gmac(control + keys.authentication + challenge, keys.encryption, system_title, invocation_counter)
    return control + invocation_counter.to_bytes(4, "big") + tag


def gmac_verify(response: bytes, challenge: bytes, *, keys: Keys, system_title: bytes) -> int:
    """Check the peer's answer to our challenge; return its invocation counter.

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
