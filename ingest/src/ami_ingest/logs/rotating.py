"""A log file that is bounded by size, and found again when somebody else moves it away."""

from __future__ import annotations

import os
from pathlib import Path


class RotatingFile:
    """Appends lines; `name` becomes `name.1`, that `name.2`, and the oldest goes.

    Several processes may append to one file: each line is one write. Only who has `max_bytes` rotates; the others see
    at the next line that the file is another one (as they do after logrotate), and open that.
    """

    def __init__(self, path: Path, max_bytes: int | None, keep: int) -> None:
        self.path = path
        self._max_bytes = max_bytes
        self._keep = keep
        self._descriptor: int | None = None

    def write(self, lines: str) -> None:
        """Append text that ends in a line feed. Raises OSError; the next call tries anew."""
        octets = lines.encode("utf-8", "replace")
        try:
            descriptor = self._opened()
            if self._max_bytes is not None:
                size = os.fstat(descriptor).st_size
                if size and size + len(octets) > self._max_bytes:
                    self._rotate()
                    descriptor = self._opened()
            written = os.write(descriptor, octets)
            while written < len(octets):  # a disk that is nearly full takes a part
                written += os.write(descriptor, octets[written:])
        except OSError:
            self.close()
            raise

    def close(self) -> None:
        """Close the file; `write` opens it again."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _opened(self) -> int:
        """Return the descriptor of the file that has the name now."""
        if self._descriptor is not None:
            held = os.fstat(self._descriptor)
            try:
                named = self.path.stat()
            except FileNotFoundError:
                named = None
            if named is not None and (named.st_dev, named.st_ino) == (held.st_dev, held.st_ino):
                return self._descriptor
            self.close()
        self._descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)
        return self._descriptor

    def _rotate(self) -> None:
        self.close()
        for number in range(self._keep - 1, 0, -1):
            older = self._numbered(number)
            if older.exists():
                older.replace(self._numbered(number + 1))
        if self._keep:
            self.path.replace(self._numbered(1))
        else:
            self.path.unlink()

    def _numbered(self, number: int) -> Path:
        return self.path.with_name(f"{self.path.name}.{number}")
