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

from ami_dlms.axdr import Data
from ami_normalize.errors import MappingInvalid
from ami_normalize.mapping.compile import dialects_of
from ami_normalize.mapping.dialect import NO_DIALECT, Dialect, Layout, Rule, Traits

__all__ = ["BUILT_IN", "NO_DIALECT", "Dialect", "Dialects", "Layout", "Rule", "Traits"]

BUILT_IN = "built-in"
"""Begins the `source` of a dialect that is shipped."""


class Dialects:
    """All dialects in force, the user's before the built-in ones."""

    def __init__(self, dialects: Iterable[Dialect], content_hash: str) -> None:
        """Hold dialects; `content_hash` is their version."""
        self._dialects = tuple(dialects)
        self.content_hash = content_hash

    @property
    def in_order(self) -> tuple[Dialect, ...]:
        """The dialects, those asked first before those asked later."""
        return self._dialects

    def of(self, traits: Traits) -> Dialect:
        """Return the first dialect that knows the message, or one that says nothing."""
        return next((dialect for dialect in self._dialects if dialect.knows(traits)), NO_DIALECT)

    def layout(
        self, items: Sequence[Data], *, tagged_time: bool, system_title: bytes = b""
    ) -> tuple[Dialect, Layout] | None:
        """Return the layout a positional list is of, among makers that the system title does not rule out."""
        for dialect in self._dialects:
            if not dialect.layouts or not dialect.may_know(system_title):
                continue
            for layout in dialect.layouts:
                if layout.fits(items, tagged_time=tagged_time):
                    return dialect, layout
        return None

    @classmethod
    def load(cls, *user_files: Path) -> Dialects:
        """Read the built-in dialects and the user's; raises MappingInvalid with file, line, column and remedy."""
        return cls.of_contents((str(path), _read(path)) for path in user_files)

    @classmethod
    def of_contents(cls, contents: Iterable[tuple[str, bytes]]) -> Dialects:
        """Return the dialects of named contents, and the built-in ones; raises MappingInvalid."""
        digest = hashlib.sha256()
        found: list[Dialect] = []
        for name, content in contents:
            digest.update(content)
            found.extend(dialects_of(content, name))
        built_in, content_hash = _built_in()
        digest.update(content_hash.encode())
        return cls([*found, *built_in], digest.hexdigest()[:16])


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise MappingInvalid(f"{path} cannot be read ({error.strerror}); name an existing mapping.") from error


@lru_cache(maxsize=1)
def _built_in() -> tuple[tuple[Dialect, ...], str]:
    digest = hashlib.sha256()
    found: list[Dialect] = []
    folder = resources.files("ami_normalize") / "dialects"
    for entry in sorted((entry for entry in folder.iterdir() if entry.name.endswith(".json")), key=lambda e: e.name):
        content = entry.read_bytes()
        digest.update(content)
        found.extend(dialects_of(content, f"{BUILT_IN}:{entry.name}"))
    return tuple(found), digest.hexdigest()
