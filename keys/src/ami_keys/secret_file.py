"""Files that hold keys: JSON that nobody but its owner can read."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

from ami_keys.errors import KeysUnreadable

Stamp = tuple[int, int, int] | None
"""What tells that a file was changed or replaced; None where there is none."""


def read_private(path: Path) -> bytes:
    """Read a file; raises KeysUnreadable if it is missing or not mode 600."""
    try:
        with path.open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            if mode & 0o077:
                raise KeysUnreadable(f"{path} holds keys and is open to others (mode {mode:o}); run: chmod 600 {path}")
            return file.read()
    except OSError as error:
        raise KeysUnreadable(f"{path} cannot be read ({error.strerror}); name an existing key file.") from error


def read_secret(path: Path) -> dict[str, object]:
    """Read a JSON object; raises KeysUnreadable if it is missing, not mode 600, or none."""
    try:
        content = json.loads(read_private(path))
    except ValueError as error:
        raise KeysUnreadable(f"{path} is not JSON; see the form in the documentation of keys.") from error
    if not isinstance(content, dict):
        raise KeysUnreadable(f"{path} is not a JSON object; see the form in the documentation of keys.")
    return content


def write_secret(path: Path, content: dict[str, object]) -> None:
    """Write a JSON object with mode 600, whole or not at all."""
    beside = path.with_name(f".{path.name}.new")
    beside.unlink(missing_ok=True)
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(content, file, indent=2)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


def stamp_of(path: Path) -> Stamp:
    """Return what changes with the file."""
    try:
        of = path.stat()
    except OSError:
        return None
    return of.st_mtime_ns, of.st_size, of.st_ino
