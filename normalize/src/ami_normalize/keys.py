"""Meters' keys: a ring per system title, from a file nobody else can read.

The file is JSON: `{"4b464d1020007840": {"guek": "<32 hex digits>", "gak": "<32 hex digits>" or null}}`. A meter that
uses them also has `gbek` (broadcasts), `kek` (wrapped keys) and `signature_key` (signed messages).
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ami_dlms.errors import DlmsError
from ami_dlms.security import KeyPairs, Keys
from ami_dlms.security.elliptic import public_key
from ami_dlms.security.suites import suite_of_signature
from ami_normalize.errors import KeysUnreadable

_KEY_LENGTHS = {16, 32}
_TITLE_LENGTH = 8


@dataclass(frozen=True, slots=True)
class MeterKeys:
    """What opens a meter's messages."""

    keys: Keys = field(repr=False)
    version: str
    """A short name of this key material that does not reveal it."""

    @property
    def authenticated(self) -> bool:
        """Whether messages of this meter must carry a tag: an authentication key is known."""
        return self.keys.authentication is not None


class KeyRing:
    """The keys known, by system title."""

    def __init__(self, keys: Mapping[bytes, MeterKeys] | None = None, *, any_title: MeterKeys | None = None) -> None:
        """Hold `keys`; `any_title` opens whatever title says it is (one message with its own keys)."""
        self._keys = dict(keys or {})
        self._any_title = any_title

    def __len__(self) -> int:
        return len(self._keys)

    def find(self, system_title: bytes | None) -> MeterKeys | None:
        """Return the keys of a system title, or None."""
        found = self._keys.get(system_title) if system_title else None
        return found or self._any_title

    @classmethod
    def from_file(cls, path: Path) -> KeyRing:
        """Read a key file; raises KeysUnreadable if it is missing, not mode 600, or not in its form."""
        try:
            with path.open("rb") as file:
                mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
                if mode & 0o077:
                    raise KeysUnreadable(
                        f"{path} holds keys and is open to others (mode {mode:o}); run: chmod 600 {path}"
                    )
                content = json.load(file)
        except OSError as error:
            raise KeysUnreadable(f"{path} cannot be read ({error.strerror}); name an existing key file.") from error
        except ValueError as error:
            raise KeysUnreadable(f"{path} is not JSON; see the form in the documentation of keys.") from error
        if not isinstance(content, dict):
            raise KeysUnreadable(f"{path} is not a JSON object of system titles.")
        return cls({_title(title, path): meter_keys(entry, f"{path}: {title}") for title, entry in content.items()})


class KeyFile:
    """A key file that is read again when it changed; a broken one is refused and the old keys stay."""

    def __init__(self, path: Path) -> None:
        """Read the file; raises KeysUnreadable."""
        self._path = path
        self._stamp = self._stamped()
        self.ring = KeyRing.from_file(path)

    def refresh(self) -> bool:
        """Read the file again if it changed; returns whether it did. Raises KeysUnreadable once per change."""
        stamp = self._stamped()
        if stamp == self._stamp:
            return False
        self._stamp = stamp
        self.ring = KeyRing.from_file(self._path)
        return True

    def _stamped(self) -> tuple[int, int, int] | None:
        try:
            of = self._path.stat()
        except OSError:
            return None
        return of.st_mtime_ns, of.st_size, of.st_ino


def meter_keys(entry: object, where: str) -> MeterKeys:
    """Read `{"guek", "gak", "gbek", "kek", "signature_key"}`, all but the first optional.

    `signature_key` is the meter's public one, x and y. Raises KeysUnreadable without ever naming a key.
    """
    if not isinstance(entry, Mapping):
        raise KeysUnreadable(f'{where}: expected an object with "guek" and "gak".')
    guek, gak = _key(entry.get("guek"), where, "guek"), _key(entry.get("gak"), where, "gak")
    if guek is None:
        raise KeysUnreadable(f'{where}: "guek" is missing; without the encryption key nothing can be opened.')
    version = hashlib.sha256(b"ami key version" + guek + (gak or b"")).hexdigest()[:8]
    gbek, kek = _key(entry.get("gbek"), where, "gbek"), _key(entry.get("kek"), where, "kek")
    pairs = KeyPairs(peer_signing=_public_key(entry.get("signature_key"), where))
    return MeterKeys(Keys(guek, gak, broadcast=gbek, master=kek, pairs=pairs), version)


def _public_key(value: object, where: str) -> bytes | None:
    if value is None:
        return None
    try:
        key = bytes.fromhex(value) if isinstance(value, str) else b""
        public_key(key, suite_of_signature(len(key)))
    except (ValueError, DlmsError):
        raise KeysUnreadable(f'{where}: "signature_key" is no public key on P-256 or P-384 (x and y in hex).') from None
    return key


def _key(value: object, where: str, name: str) -> bytes | None:
    if value is None:
        return None
    try:
        key = bytes.fromhex(value) if isinstance(value, str) else b""
    except ValueError:
        key = b""
    if len(key) not in _KEY_LENGTHS:
        raise KeysUnreadable(f'{where}: "{name}" is not 32 (or 64, suite 2) hex digits.')
    return key


def _title(text: str, path: Path) -> bytes:
    try:
        title = bytes.fromhex(text)
    except ValueError:
        title = b""
    if len(title) != _TITLE_LENGTH:
        raise KeysUnreadable(f"{path}: '{text}' is no system title (16 hex digits).")
    return title
