"""Meters' keys: a ring that answers per system title and time, from the registry and from a file.

The file is JSON: `{"4b464d1020007840": {"guek": "<32 hex digits>", "gak": "<32 hex digits>" or null}}`. A meter that
uses them also has `gbek` (broadcasts), `kek` (wrapped keys) and `signature_key` (signed messages). It holds one version
of each key and for all times; the registry holds every version with its validity.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from enum import Enum
from pathlib import Path
from typing import Final, Protocol

from ami_dlms.errors import DlmsError
from ami_dlms.security import KeyPairs, Keys
from ami_dlms.security.elliptic import public_key
from ami_dlms.security.suites import suite_of_signature
from ami_keys.errors import KeysUnreadable
from ami_keys.secret_file import read_secret, stamp_of
from ami_normalize.recent import Recent

_KEY_LENGTHS = {16, 32}
_NO_PAIRS: Final = KeyPairs()
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=timezone.utc)
_TITLE_LENGTH = 8
BEGIN: Final = -(1 << 62)
"""Before every instant, in microseconds since 1970."""
END: Final = 1 << 62
"""After every instant."""
LATEST: Final = END - 1
"""The instant of a record that has none: the keys in force until further notice."""
DEFAULT_OVERLAP_US: Final = 7 * 86_400_000_000
_MOST_RECENT = 65_536
_MOST_OTHERS = 8
"""Versions tried for one message beside the one in force."""


class KeyKind(str, Enum):
    """What a key is for, by the names of the key file."""

    GUEK = "guek"
    GAK = "gak"
    GBEK = "gbek"
    KEK = "kek"
    SIGNATURE = "signature_key"


@dataclass(frozen=True, slots=True)
class MeterKeys:
    """What opens a meter's messages, and when."""

    keys: Keys = field(repr=False)
    version: str
    """A short name of this key material that does not reveal it."""
    from_us: int = BEGIN
    """The first instant they are in force, in microseconds since 1970."""
    until_us: int = END
    """The first instant they are no longer."""
    versions: tuple[str, ...] = ()
    """The version of each key, such as `guek 1a2b3c4d`, where the registry holds them."""

    @property
    def authenticated(self) -> bool:
        """Whether messages of this meter must carry a tag: an authentication key is known."""
        return self.keys.authentication is not None

    @property
    def name(self) -> str:
        """The version of each key and their validity, in words."""
        return f"{', '.join(self.versions)} ({span_text(self.from_us, self.until_us)})"

    def distance(self, at_us: int) -> int:
        """Return how far an instant lies outside their validity, in microseconds; 0 inside."""
        return max(self.from_us - at_us, at_us - self.until_us + 1, 0)


class Timeline(Protocol):
    """The keys of one meter over time."""

    def at(self, at_us: int) -> MeterKeys | None:
        """Return the keys in force at an instant."""
        ...

    def others(self, at_us: int) -> Iterator[MeterKeys]:
        """Yield the keys not in force then, those nearest in time first."""
        ...

    @property
    def trouble(self) -> str:
        """Why keys that are registered cannot be used, empty where none is so."""
        ...


class Timelines(Protocol):
    """Finds the timelines of meters. An instance never changes."""

    def timeline(self, system_title: bytes) -> Timeline | None:
        """Return the keys of a system title over time, None where none is registered."""
        ...


class KeyRing:
    """The keys known, by system title and time. What the registry does not know is looked up in the file's keys."""

    def __init__(
        self,
        keys: Mapping[bytes, MeterKeys] | None = None,
        *,
        any_title: MeterKeys | None = None,
        timelines: Timelines | None = None,
        overlap_us: int = DEFAULT_OVERLAP_US,
        recent: Recent[bytes, MeterKeys] | None = None,
    ) -> None:
        """Hold `keys` of a file; `any_title` opens whatever title says it is (one message with its own keys).

        A version is still accepted `overlap_us` before and after its validity. `recent` are keys already looked up.
        """
        self._keys = dict(keys or {})
        self._any_title = any_title
        self._timelines = timelines
        self._overlap_us = overlap_us
        self._recent: Recent[bytes, MeterKeys] = Recent(_MOST_RECENT) if recent is None else recent
        self._young = self._recent.young

    def __len__(self) -> int:
        return len(self._keys)

    def find(self, system_title: bytes | None, at_us: int = LATEST) -> MeterKeys | None:
        """Return the keys of a system title that are in force at an instant, or None."""
        found = self._young.get(system_title)  # type: ignore[arg-type]  # None is never found
        if found is not None and found.from_us <= at_us < found.until_us:
            return found
        return self._search(system_title, at_us) if system_title else self._any_title

    def others(self, system_title: bytes | None, at_us: int = LATEST) -> Iterator[MeterKeys]:
        """Yield the keys of a system title that are not in force at an instant, nearest first, a bounded number."""
        timeline = self._timeline(system_title)
        if timeline is not None:
            for count, keys in enumerate(timeline.others(at_us)):
                if count == _MOST_OTHERS:
                    return
                yield keys

    def near(self, system_title: bytes | None, at_us: int = LATEST) -> MeterKeys | None:
        """Return the keys in force, else those nearest in time."""
        return self.find(system_title, at_us) or next(self.others(system_title, at_us), None)

    def overlaps(self, keys: MeterKeys, at_us: int) -> bool:
        """Tell whether keys are still, or already, accepted at an instant."""
        return keys.distance(at_us) <= self._overlap_us

    def trouble(self, system_title: bytes | None) -> str:
        """Return why registered keys of a system title cannot be used, empty where there is no such trouble."""
        timeline = self._timeline(system_title)
        return timeline.trouble if timeline is not None else ""

    def renewed(
        self,
        *,
        keys: KeyRing | None = None,
        timelines: Timelines | None = None,
        changed: Collection[bytes] | None = None,
    ) -> KeyRing:
        """Return a ring with other keys of a file, or with later timelines that differ for the titles `changed`."""
        return KeyRing(
            self._keys if keys is None else keys._keys,  # noqa: SLF001  another of its kind
            any_title=self._any_title,
            timelines=self._timelines if timelines is None else timelines,
            overlap_us=self._overlap_us,
            recent=None if changed is None else self._recent.without(changed),
        )

    def _timeline(self, system_title: bytes | None) -> Timeline | None:
        if self._timelines is None or not system_title:
            return None
        return self._timelines.timeline(system_title)

    def _search(self, system_title: bytes, at_us: int) -> MeterKeys | None:
        timeline = self._timeline(system_title)
        found = self._keys.get(system_title) if timeline is None else timeline.at(at_us)
        if found is None:
            return self._any_title
        self._recent.put(system_title, found)
        return found

    @classmethod
    def from_file(cls, path: Path) -> KeyRing:
        """Read a key file; raises KeysUnreadable if it is missing, not mode 600, or not in its form."""
        content = read_secret(path)
        return cls({_title(title, path): meter_keys(entry, f"{path}: {title}") for title, entry in content.items()})


class KeyFile:
    """A key file that is read again when it changed; a broken one is refused and the old keys stay."""

    def __init__(self, path: Path) -> None:
        """Read the file; raises KeysUnreadable."""
        self._path = path
        self._stamp = stamp_of(path)
        self.ring = KeyRing.from_file(path)

    def refresh(self) -> bool:
        """Read the file again if it changed; returns whether it did. Raises KeysUnreadable once per change."""
        stamp = stamp_of(self._path)
        if stamp == self._stamp:
            return False
        self._stamp = stamp
        self.ring = KeyRing.from_file(self._path)
        return True


def meter_keys(entry: object, where: str) -> MeterKeys:
    """Read `{"guek", "gak", "gbek", "kek", "signature_key"}`, all but the first optional.

    `signature_key` is the meter's public one, x and y. Raises KeysUnreadable without ever naming a key.
    """
    if not isinstance(entry, Mapping):
        raise KeysUnreadable(f'{where}: expected an object with "guek" and "gak".')
    found = key_material(entry, where)
    if KeyKind.GUEK not in found:
        raise KeysUnreadable(f'{where}: "guek" is missing; without the encryption key nothing can be opened.')
    return assembled(found)


def key_material(entry: Mapping[str, object], where: str) -> dict[KeyKind, bytes]:
    """Read the keys of an entry, each by its kind; raises KeysUnreadable without ever naming a key."""
    found: dict[KeyKind, bytes] = {}
    for kind in KeyKind:
        value = entry.get(kind.value)
        if value is not None:
            found[kind] = _public_key(value, where) if kind is KeyKind.SIGNATURE else _key(value, where, kind.value)
    return found


def assembled(
    material: Mapping[KeyKind, bytes],
    *,
    from_us: int = BEGIN,
    until_us: int = END,
    versions: tuple[str, ...] = (),
) -> MeterKeys:
    """Return keys of several kinds, the encryption key among them, as what opens messages."""
    guek, gak = material[KeyKind.GUEK], material.get(KeyKind.GAK)
    version = hashlib.sha256(b"ami key version" + guek + (gak or b"")).hexdigest()[:8]
    signature = material.get(KeyKind.SIGNATURE)
    pairs = KeyPairs(peer_signing=signature) if signature else _NO_PAIRS
    keys = Keys(guek, gak, broadcast=material.get(KeyKind.GBEK), master=material.get(KeyKind.KEK), pairs=pairs)
    return MeterKeys(keys, version, from_us, until_us, versions)


def span_text(from_us: int, until_us: int) -> str:
    """Say in words from when until when."""
    begin = f"from {_iso(from_us)}" if from_us > 0 else ""
    end = f"until {_iso(until_us)}" if until_us < END else ""
    return " ".join(filter(None, (begin, end))) or "always"


def _iso(micros: int) -> str:
    try:
        moment = _EPOCH + timedelta(microseconds=micros)
    except OverflowError:
        return "the end of time"
    return moment.replace(microsecond=0, tzinfo=None).isoformat() + "Z"


def _public_key(value: object, where: str) -> bytes:
    try:
        key = bytes.fromhex(value) if isinstance(value, str) else b""
        public_key(key, suite_of_signature(len(key)))
    except (ValueError, DlmsError):
        raise KeysUnreadable(f'{where}: "signature_key" is no public key on P-256 or P-384 (x and y in hex).') from None
    return key


def _key(value: object, where: str, name: str) -> bytes:
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
