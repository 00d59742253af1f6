"""Room kept free for the spool on its disk, given up when the disk is full: deleting needs some too.

SQLite writes what it deletes into its journal first, and the journal into the file. On a disk without any room neither
is possible, and a full spool could never become empty.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Final

SIZE: Final = 8 << 20
_LEAST: Final = 1 << 20


class Reserve:
    """A file beside the spool that holds nothing."""

    def __init__(self, path: Path) -> None:
        self._path = path.with_name(path.name + ".reserve")
        self._size = 0

    def keep(self) -> None:
        """Take the room, where the disk has as much again; else later."""
        if self._size < SIZE and self._left() >= 2 * SIZE:
            self._take(SIZE)

    def take_back(self) -> None:
        """Take what is left of the room after it was used: nobody else may have it meanwhile."""
        left = min(SIZE, self._left())
        if left >= _LEAST:
            self._take(left)

    def give_up(self) -> None:
        """Give the room to who needs it now."""
        self._size = 0
        with contextlib.suppress(OSError):
            self._path.unlink(missing_ok=True)

    def _left(self) -> int:
        try:
            disk = os.statvfs(self._path.parent)
        except OSError:
            return 0
        return disk.f_bavail * disk.f_frsize

    def _take(self, size: int) -> None:
        try:
            with self._path.open("wb") as file:
                os.posix_fallocate(file.fileno(), 0, size)
        except OSError:
            self.give_up()
        else:
            self._size = size
