"""AES-GCM as DLMS uses it: 12-octet nonce (system title || counter), 12-octet tag.

The one-shot AEAD of `cryptography` only takes 16-octet tags, and the streaming one costs several times more per
message. Encrypting the ciphertext without additional data undoes the counter mode and yields the candidate plaintext;
encrypting that with the additional data yields the tag it must have.
"""

from __future__ import annotations

from functools import lru_cache
from hmac import compare_digest
from typing import Final

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

TAG_LENGTH: Final = 12

cipher = lru_cache(maxsize=16_384)(AESGCM)
"""One cipher a key; a cached one is about 2.5 KB."""


def nonce(system_title: bytes, counter: int) -> bytes:
    """Return the initialization vector: system title (8 octets) and invocation counter."""
    return system_title + counter.to_bytes(4, "big")


def counter_mode(key: bytes, iv: bytes, octets: bytes) -> bytes:
    """Encrypt or decrypt without a tag."""
    return cipher(key).encrypt(iv, octets, b"")[:-16]


def seal(key: bytes, iv: bytes, plaintext: bytes, aad: bytes) -> bytes:
    """Return ciphertext and 12-octet tag."""
    return cipher(key).encrypt(iv, plaintext, aad)[:-4]


def seal_once(key: bytes, system_title: bytes, counter: int, plaintext: bytes, aad: bytes) -> bytes:
    """Return ciphertext and tag under a key that is not worth remembering, as one of hundreds of thousands is not."""
    return AESGCM(key).encrypt(nonce(system_title, counter), plaintext, aad)[:-4]


def tag_of(key: bytes, iv: bytes, plaintext: bytes, aad: bytes) -> bytes:
    """Return the 12-octet tag of a plaintext."""
    return cipher(key).encrypt(iv, plaintext, aad)[-16:-4]


def verify(expected: bytes, received: bytes) -> bool:
    """Compare tags in constant time."""
    return compare_digest(expected, received)
