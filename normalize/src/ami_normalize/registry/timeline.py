"""The keys of a meter over time: which version of each kind was in force when."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final, NamedTuple

from ami_keys.keystore import KeyStore, KeyUnavailable, Wrapped
from ami_keys.names import key_name
from ami_normalize.keys import BEGIN, END, KeyKind, MeterKeys, assembled

_KINDS: Final = {kind: kind.value for kind in KeyKind}
_MOST_VERSIONS: Final = 64
"""Versions of all kinds considered for one meter; those that began last are."""


class KeyVersion(NamedTuple):
    """One version of one key, still wrapped."""

    kind: KeyKind
    version: str
    """Names the key material without revealing it: 8 hex digits."""
    from_us: int
    until_us: int
    wrapped: Wrapped


class _Epoch(NamedTuple):
    """A span in which the same versions are in force; a later version of a kind ends the one before it."""

    from_us: int
    until_us: int
    versions: tuple[KeyVersion, ...]


class WrappedTimeline:
    """The Timeline of wrapped keys: each span is unwrapped when it is first asked for."""

    def __init__(self, system_title: bytes, versions: Sequence[KeyVersion], store: KeyStore) -> None:
        """Order the versions; nothing is unwrapped yet."""
        self._title = system_title
        self._store = store
        self._epochs = _epochs(versions)
        self._open: dict[int, MeterKeys | None] = {}
        self.trouble = "" if self._epochs else f"{system_title.hex()} has no encryption key (guek) in the registry"

    def at(self, at_us: int) -> MeterKeys | None:
        """Return the keys in force at an instant; raises KeyStoreAway."""
        for number, epoch in enumerate(self._epochs):
            if epoch.from_us <= at_us < epoch.until_us:
                return self._opened(number)
        return None

    def others(self, at_us: int) -> Iterator[MeterKeys]:
        """Yield the keys not in force then, those nearest in time first; raises KeyStoreAway."""
        outside = [
            (max(epoch.from_us - at_us, at_us - epoch.until_us + 1), number)
            for number, epoch in enumerate(self._epochs)
            if not epoch.from_us <= at_us < epoch.until_us
        ]
        for _, number in sorted(outside):
            keys = self._opened(number)
            if keys is not None:
                yield keys

    def _opened(self, number: int) -> MeterKeys | None:
        if number not in self._open:
            self._open[number] = self._unwrapped(self._epochs[number])
        return self._open[number]

    def _unwrapped(self, epoch: _Epoch) -> MeterKeys | None:
        try:
            material = {
                one.kind: self._store.unwrap(one.wrapped, key_name(self._title, one.kind, one.version))
                for one in epoch.versions
            }
        except KeyUnavailable as error:
            self.trouble = f"the registered keys of {self._title.hex()} cannot be used: {error}"
            return None
        names = tuple(f"{_KINDS[one.kind]} {one.version}" for one in epoch.versions)
        return assembled(material, from_us=epoch.from_us, until_us=epoch.until_us, versions=names)


def _epochs(versions: Sequence[KeyVersion]) -> tuple[_Epoch, ...]:
    if len({one.kind for one in versions}) == len(versions) and len({one[2:4] for one in versions}) == 1:
        return _only_epoch(versions)
    known = sorted(versions, key=lambda one: (one.from_us, one.version))[-_MOST_VERSIONS:]
    instants = {BEGIN, END}
    for one in known:
        instants |= {one.from_us, one.until_us}
    found: list[_Epoch] = []
    for begin, end in pairwise(sorted(instants)):
        in_force = {one.kind: one for one in known if one.from_us <= begin < one.until_us}
        if KeyKind.GUEK not in in_force:
            continue
        chosen = tuple(in_force[kind] for kind in KeyKind if kind in in_force)
        if found and found[-1].versions == chosen and found[-1].until_us == begin:
            found[-1] = found[-1]._replace(until_us=end)
        else:
            found.append(_Epoch(begin, end, chosen))
    return tuple(found)


def _only_epoch(versions: Sequence[KeyVersion]) -> tuple[_Epoch, ...]:
    """Return what most meters have: one version of each key, all valid at the same time."""
    if all(one.kind is not KeyKind.GUEK for one in versions):
        return ()
    return (_Epoch(versions[0].from_us, versions[0].until_us, tuple(versions)),)
