"""Lists of keys as people get them: the key file's JSON, or CSV, YAML and JSON lists with validity.

| field | what |
| --- | --- |
| `system_title` | 16 hex digits (the name of an entry in the form of a key file) |
| `guek`, `gak`, `gbek`, `kek`, `signature_key` | hex; any of them |
| `valid_from`, `valid_until` | ISO 8601, or a date; from always, for ever where not given |
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple

from ami_keys.secret_file import read_private
from ami_normalize.errors import RegistryInvalid
from ami_normalize.keys import BEGIN, END, KeyKind, key_material
from ami_normalize.registry.tables import Entry, entries, instant_of, refuse_unknown, text_of, title_field

_FIELDS: Final = frozenset({"system_title", "id", "valid_from", "valid_until", *(kind.value for kind in KeyKind)})


class ListedKeys(NamedTuple):
    """The keys of one meter that came into force together."""

    system_title: bytes
    material: Mapping[KeyKind, bytes]
    from_us: int
    until_us: int

    def __repr__(self) -> str:
        return f"ListedKeys({self.system_title.hex()}, {[kind.value for kind in self.material]})"


def listed_keys(path: Path) -> list[ListedKeys]:
    """Read a list of keys, mode 600; raises KeysUnreadable and RegistryInvalid, which never name a key."""
    return [_listed(entry) for entry in entries(read_private(path), str(path))]


def validity(valid_from: str, valid_until: str, where: str) -> tuple[int, int]:
    """Read from when until when; raises RegistryInvalid."""
    from_us = instant_of(valid_from, where) if valid_from else BEGIN
    until_us = instant_of(valid_until, where) if valid_until else END
    if from_us >= until_us:
        raise RegistryInvalid(f"{where}: the validity ends before it begins; correct one of the two.")
    return from_us, until_us


def _listed(entry: Entry) -> ListedKeys:
    refuse_unknown(entry, _FIELDS)
    title = title_field(entry, "system_title" if "system_title" in entry.fields else "id")
    if not title:
        raise RegistryInvalid(f'{entry.where}: "system_title" is missing; keys are found by it.')
    material = key_material(entry.fields, entry.where)
    if not material:
        raise RegistryInvalid(f"{entry.where}: there is no key; give {', '.join(kind.value for kind in KeyKind)}.")
    span = validity(text_of(entry, "valid_from"), text_of(entry, "valid_until"), entry.where)
    return ListedKeys(title, material, *span)
