"""What names a key without revealing it, and binds it, wrapped, to its meter, kind and version."""

from __future__ import annotations

import hashlib


def version_of(kind: str, key: bytes) -> str:
    """Name a key without revealing it: 8 hex digits."""
    return hashlib.sha256(b"ami key version " + kind.encode() + b" " + key).hexdigest()[:8]


def key_name(system_title: bytes, kind: str, version: str) -> bytes:
    """Return what a wrapped key is bound to; of a registered one it is also the record key."""
    return b"/".join((b"key", system_title.hex().encode(), kind.encode(), version.encode()))
