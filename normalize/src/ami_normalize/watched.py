"""Files that are looked at again and again: what they hold now, and whether that is something else than before."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

_YOUNG_NS: Final = 2_000_000_000
"""A file changed so recently may change again without its time of change telling."""

_Stamp = tuple[int, int, int]
Content = bytes | str | None
"""What a file holds; why it cannot be read; None where it does not exist."""


class WatchedFiles:
    """The contents of files. A file may come into being later, and go."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self._paths = tuple(paths)
        self._stamps = self._stamped()
        self.contents: tuple[Content, ...] = self._read()

    def refresh(self) -> bool:
        """Read what changed; returns whether something did. Costs a stat a file where nothing changed lately."""
        stamps = self._stamped()
        if stamps == self._stamps and not any(_is_young(stamp) for stamp in stamps):
            return False
        self._stamps = stamps
        before, self.contents = self.contents, self._read()
        return before != self.contents

    def _read(self) -> tuple[Content, ...]:
        return tuple(_content(path) for path in self._paths)

    def _stamped(self) -> tuple[_Stamp | None, ...]:
        return tuple(_stamp(path) for path in self._paths)


def _content(path: Path) -> Content:
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
