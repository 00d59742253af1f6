"""Keys of one partner, and AES key wrap."""

from __future__ import annotations

from dataclasses import dataclass, field

from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap

from ami_dlms.errors import KeyWrong, UsageError


@dataclass(frozen=True, slots=True)
class Keys:
    """Global keys of one partner: 16 octets (suites 0 and 1) or 32 (suite 2). They are not in the repr."""

    encryption: bytes = field(repr=False)
    """Block cipher key: global unicast (GUEK), or the dedicated key of an association."""
    authentication: bytes | None = field(default=None, repr=False)
    """Authentication key (GAK); None where unknown."""
    broadcast: bytes | None = field(default=None, repr=False)
    """Global broadcast encryption key (GBEK); None where unknown."""

    def __post_init__(self) -> None:
        for name in ("encryption", "authentication", "broadcast"):
            key: bytes | None = getattr(self, name)
            if key is not None and len(key) not in (16, 32):
                raise UsageError(f"the {name} key has {len(key)} octets; 16 or 32 are right")


def wrap_key(kek: bytes, key: bytes) -> bytes:
    """Wrap a key under a key encryption key (RFC 3394)."""
    return aes_key_wrap(kek, key)


def unwrap_key(kek: bytes, wrapped: bytes) -> bytes:
    """Unwrap a key (RFC 3394). Raises KeyWrong where its check value does not fit."""
    try:
        return aes_key_unwrap(kek, wrapped)
    except (InvalidUnwrap, ValueError):
        raise KeyWrong("the wrapped key does not unwrap under this key encryption key") from None
