"""Mapping files that take effect when they change; what cannot be used is refused, and the old stays in force."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from ami_normalize.dialects import Dialects
from ami_normalize.errors import MappingInvalid

DEFAULT_MAPPING: Final = Path("/etc/ami-gateway/mapping.json")
"""The user's mapping where no other is named; it need not exist."""

_YOUNG_NS: Final = 2_000_000_000
"""A file changed so recently may change again without its time of change telling."""

_Stamp = tuple[int, int, int]
_Content = bytes | str | None
"""What a file holds; why it cannot be read; None where it does not exist."""


class MappingFiles:
    """The dialects of files, in order, before the built-in ones. A file may come into being later."""

    def __init__(self, paths: Sequence[Path]) -> None:
        """Read the files; raises MappingInvalid for one that is wrong, or whose folder does not exist."""
        for path in paths:
            if path != DEFAULT_MAPPING and not path.parent.is_dir():
                raise MappingInvalid(f"{path} cannot be read (there is no such folder); name an existing mapping.")
        self._paths = tuple(paths)
        self._stamps = self._stamped()
        self._contents = self._read()
        self._digest = _digest(self._contents)
        self.dialects = self._compiled()

    @property
    def missing(self) -> tuple[Path, ...]:
        """The files that do not exist yet."""
        return tuple(path for path, content in zip(self._paths, self._contents, strict=True) if content is None)

    def refresh(self) -> bool:
        """Take over what changed; returns whether something did. Raises MappingInvalid once per change.

        Costs a stat a file where nothing changed lately.
        """
        stamps = self._stamped()
        if stamps == self._stamps and not any(_is_young(stamp) for stamp in stamps):
            return False
        self._stamps = stamps
        contents = self._read()
        digest = _digest(contents)
        if digest == self._digest:
            return False
        before, self._contents, self._digest = self._contents, contents, digest
        for path, old, new in zip(self._paths, before, contents, strict=True):
            if old is not None and new is None:
                raise MappingInvalid(
                    f"{path} is gone; put it back, or write [] into it where nothing of it shall hold."
                )
        self.dialects = self._compiled()
        return True

    def _compiled(self) -> Dialects:
        found = []
        for path, content in zip(self._paths, self._contents, strict=True):
            if isinstance(content, str):
                raise MappingInvalid(f"{path} cannot be read ({content}); check its owner and mode.")
            if content is not None:
                found.append((str(path), content))
        return Dialects.of_contents(found)

    def _read(self) -> tuple[_Content, ...]:
        return tuple(_content(path) for path in self._paths)

    def _stamped(self) -> tuple[_Stamp | None, ...]:
        return tuple(_stamp(path) for path in self._paths)


def _content(path: Path) -> _Content:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        return error.strerror or "unknown error"


def _stamp(path: Path) -> _Stamp | None:
    try:
        of = path.stat()
    except OSError:
        return None
    return of.st_mtime_ns, of.st_size, of.st_ino


def _is_young(stamp: _Stamp | None) -> bool:
    return stamp is not None and abs(time.time_ns() - stamp[0]) < _YOUNG_NS


def _digest(contents: Sequence[_Content]) -> bytes:
    return hashlib.sha256(repr(contents).encode()).digest()
