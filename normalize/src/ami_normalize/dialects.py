"""Dialects in force: what makers' meters leave unsaid, as data. `docs/mapping.md` shows their form, with examples.

`objects` give scaler and unit where the message and its exchange do not; their codes may be patterns
(`ami_dlms.obis.Pattern`: `{1,2}` is a choice, `*` any group). A layout explains a positional list: it fits if the
number of columns, their types and their constant beginnings do.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import NamedTuple

from ami_normalize.errors import MappingInvalid
from ami_normalize.mapping.compile import dialects_of
from ami_normalize.mapping.dialect import NO_DIALECT, Dialect, Layout, Rule, Traits

__all__ = ["BUILT_IN", "NO_DIALECT", "Dialect", "Dialects", "Layout", "MappingFile", "Rule", "Traits"]

BUILT_IN = "built-in"
"""Begins the `source` of a dialect that is shipped."""


class MappingFile(NamedTuple):
    """A file of dialects."""

    name: str
    content: bytes
    built_in: bool = False
    """It is shipped with the software."""


class Dialects:
    """All dialects in force, the user's before the built-in ones."""

    def __init__(self, dialects: Iterable[Dialect], content_hash: str, files: Iterable[MappingFile] = ()) -> None:
        """Hold dialects; `content_hash` is their version, `files` what they were read from."""
        self._dialects = tuple(dialects)
        self.content_hash = content_hash
        self.files = tuple(files)

    @property
    def in_order(self) -> tuple[Dialect, ...]:
        """The dialects, those asked first before those asked later."""
        return self._dialects

    def of(self, traits: Traits) -> Dialect:
        """Return the first dialect that knows the message, or one that says nothing."""
        return next((dialect for dialect in self._dialects if dialect.knows(traits)), NO_DIALECT)

    def named(self, name: str) -> Dialect | None:
        """Return the dialect of a name, or None where none in force has it."""
        return next((dialect for dialect in self._dialects if dialect.name == name), None)

    def laying_out(self, system_title: bytes = b"") -> Sequence[Dialect]:
        """Return the dialects with layouts, of makers that the system title does not rule out."""
        return [dialect for dialect in self._dialects if dialect.layouts and dialect.may_know(system_title)]

    @classmethod
    def load(cls, *user_files: Path) -> Dialects:
        """Read the built-in dialects and the user's; raises MappingInvalid with file, line, column and remedy."""
        return cls.of_contents((str(path), _read(path)) for path in user_files)

    @classmethod
    def of_contents(cls, contents: Iterable[tuple[str, bytes]]) -> Dialects:
        """Return the dialects of named contents, and the built-in ones; raises MappingInvalid."""
        users = [MappingFile(name, content) for name, content in contents]
        built_in, files = _built_in()
        found = [dialect for file in users for dialect in dialects_of(file.content, file.name)]
        return cls([*found, *built_in], _version([*users, *files]), [*users, *files])

    @classmethod
    def of_files(cls, files: Iterable[MappingFile]) -> Dialects:
        """Return the dialects of files alone, built-in ones among them as they were; raises MappingInvalid."""
        files = tuple(files)
        found = [dialect for file in files for dialect in dialects_of(file.content, file.name)]
        return cls(found, _version(files), files)


def _version(files: Sequence[MappingFile]) -> str:
    """Return the hash of contents: of the user's files, then of all that are built in."""
    digest, built_in = hashlib.sha256(), hashlib.sha256()
    for file in files:
        (built_in if file.built_in else digest).update(file.content)
    digest.update(built_in.hexdigest().encode())
    return digest.hexdigest()[:16]


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise MappingInvalid(f"{path} cannot be read ({error.strerror}); name an existing mapping.") from error


@lru_cache(maxsize=1)
def _built_in() -> tuple[tuple[Dialect, ...], tuple[MappingFile, ...]]:
    folder = resources.files("ami_normalize") / "dialects"
    entries = sorted((entry for entry in folder.iterdir() if entry.name.endswith(".json")), key=lambda e: e.name)
    files = [MappingFile(f"{BUILT_IN}:{entry.name}", entry.read_bytes(), built_in=True) for entry in entries]
    found = (dialect for file in files for dialect in dialects_of(file.content, file.name))
    return tuple(found), tuple(files)
