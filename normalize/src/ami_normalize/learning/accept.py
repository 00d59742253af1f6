"""A proposal that a person accepted becomes a part of a mapping file: as a whole, or not at all."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from ami_normalize.errors import MappingInvalid
from ami_normalize.mapping.check import check

_MODE: Final = 0o644


def as_text(dialects: Sequence[dict[str, Any]]) -> str:
    """Write dialects as people write mappings: a column a line."""
    return "[\n" + ",\n".join(_dialect(dialect) for dialect in dialects) + "\n]\n"


def _dialect(dialect: dict[str, Any]) -> str:
    lines = [f'    "{name}": {json.dumps(value)}' for name, value in dialect.items() if name != "layouts"]
    layouts = ",\n".join(_layout(layout) for layout in dialect["layouts"])
    return "  {\n" + ",\n".join([*lines, f'    "layouts": [\n{layouts}\n    ]']) + "\n  }"


def _layout(layout: dict[str, Any]) -> str:
    lines = [f'        "{name}": {json.dumps(value)}' for name, value in layout.items() if name != "columns"]
    columns = ",\n".join(f"          {json.dumps(column)}" for column in layout["columns"])
    return "      {\n" + ",\n".join([*lines, f'        "columns": [\n{columns}\n        ]']) + "\n      }"


def write(path: Path, dialects: Sequence[dict[str, Any]]) -> None:
    """Write a mapping of these dialects; raises MappingInvalid or OSError, and then leaves what is there as it is."""
    _replace(path, as_text(dialects))


def append(path: Path, dialects: Sequence[dict[str, Any]]) -> None:
    """Put dialects behind those of a mapping, which may not exist yet; those that are there keep their form.

    Raises MappingInvalid where the mapping is wrong, or is no list, or has a dialect of such a name.
    """
    try:
        before = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        write(path, dialects)
        return
    if check(before.encode()).problems:
        raise MappingInvalid(f"{path} is wrong as it is; run: ami mapping check {path}")
    kept = before.rstrip()
    if not kept.endswith("]"):
        raise MappingInvalid(f"{path} is no list of dialects; write the proposal with --out, and put it in by hand.")
    kept = kept[:-1].rstrip()
    more = as_text(dialects)[2:]
    _replace(path, kept + ("\n" if kept.endswith("[") else ",\n") + more)


def _replace(path: Path, text: str) -> None:
    """Check what is to be written, and put it into place at once: no reader ever sees a half of it."""
    problems = check(text.encode()).problems
    if problems:
        raise MappingInvalid(f"{path} would be wrong ({problems[0]}); it is left as it is.")
    mode = path.stat().st_mode & 0o777 if path.exists() else _MODE
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(mode)
        Path(name).replace(path)
    except BaseException:
        with suppress(OSError):
            Path(name).unlink()
        raise
