"""In which form the hot path runs: compiled ahead of time, or as its sources.

`compile.py` makes extension modules beside the sources and leaves a note in each package: which sources they were made
of, and what these and the modules they import by name hold (constants of those are compiled in). Imports nothing of the
rooms, so that the compiler can use it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from enum import Enum
from hashlib import sha256
from importlib.machinery import EXTENSION_SUFFIXES
from importlib.util import find_spec
from pathlib import Path
from typing import Final

PACKAGES: Final = ("ami_dlms", "ami_normalize")
"""Those with compiled modules."""
SUFFIX: Final = EXTENSION_SUFFIXES[0]
"""Of an extension module of this Python and platform; others never load it."""
NOTE: Final = f"compiled{SUFFIX}.json"
"""In the package: digest by the name of a module."""
REMEDY: Final = "run `make compiled`, or `make interpreted` to run the sources"


class Form(str, Enum):
    """How the hot path runs here."""

    COMPILED = "compiled"
    INTERPRETED = "interpreted"
    """Slower; the same octets."""
    PARTLY = "partly compiled"
    """In one package only."""


def form() -> Form:
    """Return the form that imports find."""
    there = [_note(package).is_file() for package in PACKAGES]
    if all(there):
        return Form.COMPILED
    return Form.PARTLY if any(there) else Form.INTERPRETED


def stale() -> Iterator[str]:
    """Yield the modules that changed since something was compiled of them."""
    for package in PACKAGES:
        note = _note(package)
        if note.is_file():
            for module, known in json.loads(note.read_text()).items():
                if digest(find_source(module)) != known:
                    yield module


def digest(source: Path | None) -> str:
    """Return what is noted of a source; empty where there is none."""
    return sha256(source.read_bytes()).hexdigest() if source is not None and source.is_file() else ""


def find_source(module: str) -> Path | None:
    """Return the source of a module of a room, without importing it."""
    package, *rest = module.split(".")
    base = _folder(package)
    if base is None:
        return None
    path = base.joinpath(*rest)
    return path / "__init__.py" if path.is_dir() else path.with_name(f"{path.name}.py")


def _note(package: str) -> Path:
    folder = _folder(package)
    return folder / NOTE if folder is not None else Path(NOTE)


def _folder(package: str) -> Path | None:
    spec = find_spec(package)
    return Path(spec.origin).parent if spec is not None and spec.origin else None
