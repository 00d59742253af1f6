"""Keys of one partner, what may be done with them, and AES key wrap."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol

from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap

from ami_dlms.errors import KeyWrong, NeedKey, UsageError
from ami_dlms.security import elliptic
from ami_dlms.security.elliptic import PrivateKey, PublicKey


class KeySet(Enum):
    """Which encryption key."""

    UNICAST = "encryption"
    BROADCAST = "broadcast"
    DEDICATED = "dedicated"


class KeyProvider(Protocol):
    """The keys of partners, by system title, as operations: a private key need not leave where it is.

    All answers come from memory. A key that is not known is a NeedKey; who catches it may fetch the key and try again.
    """

    def encryption_key(self, system_title: bytes, key_set: KeySet) -> bytes:
        """Return a block cipher key."""
        ...

    def authentication_key(self, system_title: bytes) -> bytes | None:
        """Return the authentication key, None where it is not known."""
        ...

    def wrap(self, system_title: bytes, key: bytes) -> bytes:
        """Wrap a key under the key encryption key shared with the partner."""
        ...

    def unwrap(self, system_title: bytes, wrapped: bytes) -> bytes:
        """Unwrap it; raises KeyWrong."""
        ...

    def agree(self, system_title: bytes, public_key: PublicKey | None, suite: int) -> bytes:
        """Return the secret shared with `public_key`, or with the partner's static key agreement key."""
        ...

    def agreement_key(self, system_title: bytes) -> PublicKey:
        """Return the partner's static key agreement key."""
        ...

    def sign(self, system_title: bytes, message: bytes, suite: int) -> bytes:
        """Sign a message for the partner with our key."""
        ...

    def verify(self, system_title: bytes, message: bytes, signature: bytes, suite: int) -> bool:
        """Tell whether the partner signed a message."""
        ...


@dataclass(frozen=True, slots=True)
class KeyPairs:
    """Our private keys and one partner's public ones (suites 1 and 2). They are not in the repr."""

    signing: PrivateKey | None = field(default=None, repr=False)
    """Our digital signature key."""
    agreement: PrivateKey | None = field(default=None, repr=False)
    """Our static key agreement key."""
    peer_signing: PublicKey | None = field(default=None, repr=False)
    """The partner's digital signature key."""
    peer_agreement: PublicKey | None = field(default=None, repr=False)
    """The partner's static key agreement key."""


@dataclass(frozen=True, slots=True)
class Keys:
    """Keys of one partner: 16 octets (suites 0 and 1) or 32 (suite 2). They are not in the repr.

    The simple KeyProvider: it gives its keys whatever the system title.
    """

    encryption: bytes = field(repr=False)
    """Block cipher key: global unicast (GUEK)."""
    authentication: bytes | None = field(default=None, repr=False)
    """Authentication key (GAK); None where unknown."""
    broadcast: bytes | None = field(default=None, repr=False)
    """Global broadcast encryption key (GBEK); None where unknown."""
    dedicated: bytes | None = field(default=None, repr=False)
    """Block cipher key of one association; None where there is none."""
    master: bytes | None = field(default=None, repr=False)
    """Key encryption key (KEK); None where unknown."""
    pairs: KeyPairs = field(default_factory=KeyPairs, repr=False)
    """Key pairs, for signatures and key agreement."""

    def __post_init__(self) -> None:
        for name in ("encryption", "authentication", "broadcast", "dedicated", "master"):
            key: bytes | None = getattr(self, name)
            if key is not None and len(key) not in (16, 32):
                raise UsageError(f"the {name} key has {len(key)} octets; 16 or 32 are right")

    def encryption_key(self, system_title: bytes, key_set: KeySet) -> bytes:
        """Return a block cipher key; raises NeedKey."""
        key: bytes | None = getattr(self, key_set.value)
        if key is None:
            raise NeedKey(key_set.value, system_title)
        return key

    def authentication_key(self, system_title: bytes) -> bytes | None:  # noqa: ARG002  # one partner's
        """Return the authentication key."""
        return self.authentication

    def wrap(self, system_title: bytes, key: bytes) -> bytes:
        """Wrap a key; raises NeedKey."""
        return wrap_key(self._master(system_title), key)

    def unwrap(self, system_title: bytes, wrapped: bytes) -> bytes:
        """Unwrap a key; raises NeedKey or KeyWrong."""
        return unwrap_key(self._master(system_title), wrapped)

    def agree(self, system_title: bytes, public_key: PublicKey | None, suite: int) -> bytes:
        """Return the shared secret; raises NeedKey."""
        ours = self.pairs.agreement
        theirs = self.agreement_key(system_title) if public_key is None else public_key
        if ours is None or not (elliptic.fits(ours, suite) and elliptic.fits(theirs, suite)):
            raise NeedKey("key agreement", system_title)
        return elliptic.shared_secret(ours, theirs, suite)

    def agreement_key(self, system_title: bytes) -> PublicKey:
        """Return the partner's static key agreement key; raises NeedKey."""
        if self.pairs.peer_agreement is None:
            raise NeedKey("key agreement", system_title)
        return self.pairs.peer_agreement

    def sign(self, system_title: bytes, message: bytes, suite: int) -> bytes:
        """Sign a message; raises NeedKey."""
        key = self.pairs.signing
        if key is None or not elliptic.fits(key, suite):
            raise NeedKey("signature", system_title)
        return elliptic.sign(key, message, suite)

    def verify(self, system_title: bytes, message: bytes, signature: bytes, suite: int) -> bool:
        """Tell whether the partner signed a message; raises NeedKey."""
        key = self.pairs.peer_signing
        if key is None or not elliptic.fits(key, suite):
            raise NeedKey("signature", system_title)
        return elliptic.verify(key, message, signature, suite)

    def _master(self, system_title: bytes) -> bytes:
        if self.master is None:
            raise NeedKey("key encryption", system_title)
        return self.master


class KeyStore:
    """The KeyProvider of many partners: each one's Keys, by system title."""

    def __init__(self, partners: Mapping[bytes, Keys]) -> None:
        self._partners = partners

    def encryption_key(self, system_title: bytes, key_set: KeySet) -> bytes:
        """Return a block cipher key; raises NeedKey."""
        return self._of(system_title, key_set.value).encryption_key(system_title, key_set)

    def authentication_key(self, system_title: bytes) -> bytes | None:
        """Return the authentication key."""
        return self._of(system_title, "authentication").authentication

    def wrap(self, system_title: bytes, key: bytes) -> bytes:
        """Wrap a key; raises NeedKey."""
        return self._of(system_title, "key encryption").wrap(system_title, key)

    def unwrap(self, system_title: bytes, wrapped: bytes) -> bytes:
        """Unwrap a key; raises NeedKey or KeyWrong."""
        return self._of(system_title, "key encryption").unwrap(system_title, wrapped)

    def agree(self, system_title: bytes, public_key: PublicKey | None, suite: int) -> bytes:
        """Return the shared secret; raises NeedKey."""
        return self._of(system_title, "key agreement").agree(system_title, public_key, suite)

    def agreement_key(self, system_title: bytes) -> PublicKey:
        """Return the partner's static key agreement key; raises NeedKey."""
        return self._of(system_title, "key agreement").agreement_key(system_title)

    def sign(self, system_title: bytes, message: bytes, suite: int) -> bytes:
        """Sign a message; raises NeedKey."""
        return self._of(system_title, "signature").sign(system_title, message, suite)

    def verify(self, system_title: bytes, message: bytes, signature: bytes, suite: int) -> bool:
        """Tell whether the partner signed a message; raises NeedKey."""
        return self._of(system_title, "signature").verify(system_title, message, signature, suite)

    def _of(self, system_title: bytes, kind: str) -> Keys:
        found = self._partners.get(system_title)
        if found is None:
            raise NeedKey(kind, system_title)
        return found


def wrap_key(kek: bytes, key: bytes) -> bytes:
    """Wrap a key under a key encryption key (RFC 3394)."""
    return aes_key_wrap(kek, key)


def unwrap_key(kek: bytes, wrapped: bytes) -> bytes:
    """Unwrap a key (RFC 3394). Raises KeyWrong where its check value does not fit."""
    try:
        return aes_key_unwrap(kek, wrapped)
    except (InvalidUnwrap, ValueError):
        raise KeyWrong("the wrapped key does not unwrap under this key encryption key") from None
