"""Who holds the key encryption keys: meters' keys are wrapped by it on their way to the registry, unwrapped on use.

A `KeyStore` gives operations, never its own keys, so that a hardware security module (PKCS #11) or a TPM can be one.
The one here keeps them in a file that only its owner can read.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final, NamedTuple, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ami_keys.errors import KeysUnreadable
from ami_keys.secret_file import read_secret, stamp_of, write_secret

NONCE_LENGTH: Final = 12
_KEK_LENGTH: Final = 32
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class Wrapped(NamedTuple):
    """A key that only a key store can open."""

    kek_id: str
    """Which key encryption key wraps it."""
    nonce: bytes
    ciphertext: bytes
    """AES-256-GCM, the tag (16 octets) at its end."""


class KeyUnavailable(Exception):
    """A wrapped key that the key store cannot open; the text says why, and what to do."""


class KeyStoreAway(OSError):
    """The key store does not answer: an environment fault, so nothing is consumed until it does."""

    cause: Final = "key-store"
    """What is missing, in the word that health and metrics use."""


class KeyStore(Protocol):
    """Wraps and unwraps keys. Called from one thread at a time; an answer may take as long as the device needs."""

    @property
    def current(self) -> str:
        """The id of the key encryption key that wraps from now on."""
        ...

    def wrap(self, key: bytes, bound_to: bytes) -> Wrapped:
        """Wrap a key under the current key encryption key, with `bound_to` as additional authenticated data.

        Raises KeyStoreAway.
        """
        ...

    def unwrap(self, wrapped: Wrapped, bound_to: bytes) -> bytes:
        """Return a key; the key encryption key named may long be retired.

        Raises KeyUnavailable where that one is not held, or the wrapped key is not what was wrapped for `bound_to`, and
        KeyStoreAway where there is no answer.
        """
        ...

    def refresh(self) -> bool:
        """Take over which key encryption keys are held; return whether others are. Raises KeysUnreadable."""
        ...


class NoKeyStore:
    """The key store of a process that was given none."""

    current: Final = ""

    def wrap(self, key: bytes, bound_to: bytes) -> Wrapped:  # noqa: ARG002
        """Raise KeyUnavailable."""
        raise KeyUnavailable("no key store was given; name one with --kek FILE")

    def unwrap(self, wrapped: Wrapped, bound_to: bytes) -> bytes:  # noqa: ARG002
        """Raise KeyUnavailable."""
        raise KeyUnavailable(f"no key store was given, and the key is wrapped under {wrapped.kek_id}; name it by --kek")

    def refresh(self) -> bool:
        """Return False: there is nothing to hold."""
        return False


class FileKeyStore:
    """Key encryption keys in a file: `{"current": "2024-1", "keks": {"2024-1": "<64 hex digits>", …}}`, mode 600.

    Keys that are no longer current still open what they wrapped. The file is read again when it changed.
    """

    def __init__(self, path: Path) -> None:
        """Read the file; raises KeysUnreadable."""
        self._path = path
        self._stamp = stamp_of(path)
        self._current, self._keks = _read(path)

    def __repr__(self) -> str:
        return f"FileKeyStore({str(self._path)!r})"

    @property
    def current(self) -> str:
        """The id of the key encryption key that wraps from now on."""
        return self._current

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids of all that are held, in the file's order."""
        return tuple(self._keks)

    def wrap(self, key: bytes, bound_to: bytes) -> Wrapped:
        """Wrap a key under the current key encryption key."""
        nonce = os.urandom(NONCE_LENGTH)
        return Wrapped(self._current, nonce, self._keks[self._current].encrypt(nonce, key, bound_to))

    def unwrap(self, wrapped: Wrapped, bound_to: bytes) -> bytes:
        """Return a key; raises KeyUnavailable."""
        kek = self._keks.get(wrapped.kek_id)
        if kek is None:
            raise KeyUnavailable(f"{self._path} does not hold the KEK {wrapped.kek_id[:64]}; add it to the file")
        try:
            return kek.decrypt(wrapped.nonce, wrapped.ciphertext, bound_to)
        except (InvalidTag, ValueError):
            raise KeyUnavailable(
                f"the wrapped key does not open under the KEK {wrapped.kek_id}: changed, or wrapped for another meter; "
                "add the key again"
            ) from None

    def refresh(self) -> bool:
        """Read the file again if it changed; returns whether it did. Raises KeysUnreadable once per change."""
        stamp = stamp_of(self._path)
        if stamp == self._stamp:
            return False
        self._stamp = stamp
        self._current, self._keks = _read(self._path)
        return True


def add_kek(path: Path, kek_id: str) -> None:
    """Make a new key encryption key, and the file if there is none; from now on it is the current one.

    Raises KeysUnreadable, also where the id is taken or no name.
    """
    if not _NAME.fullmatch(kek_id):
        raise KeysUnreadable(f"'{kek_id}' is no name of a KEK; use letters, digits, '.', '_' and '-'.")
    keks: dict[str, object] = {}
    if path.exists():
        _read(path)
        held = read_secret(path)["keks"]
        keks = held if isinstance(held, dict) else {}
    if kek_id in keks:
        raise KeysUnreadable(f"{path} already holds a KEK {kek_id}; choose another name.")
    write_secret(path, {"current": kek_id, "keks": {**keks, kek_id: os.urandom(_KEK_LENGTH).hex()}})


def _read(path: Path) -> tuple[str, dict[str, AESGCM]]:
    content = read_secret(path)
    current, keks = content.get("current"), content.get("keks")
    if not isinstance(keks, dict) or not isinstance(current, str) or current not in keks:
        raise KeysUnreadable(f'{path} is no KEK file: it needs "keks" by id and "current", the id of one of them.')
    return current, {kek_id: AESGCM(_kek(value, path, kek_id)) for kek_id, value in keks.items()}


def _kek(value: object, path: Path, kek_id: str) -> bytes:
    try:
        key = bytes.fromhex(value) if isinstance(value, str) else b""
    except ValueError:
        key = b""
    if len(key) != _KEK_LENGTH:
        raise KeysUnreadable(f"{path}: the KEK {kek_id} is not 64 hex digits.")
    return key
