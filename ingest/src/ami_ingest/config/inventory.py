"""Lists of meters: those of the configuration file, YAML files, and CSV files with a heading."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol

from pydantic import ValidationError

from ami_ingest.config.form import MeterForm
from ami_ingest.config.yaml_file import Document, Location, explain, nearest, read_text, read_yaml
from ami_ingest.errors import ConfigError

COLUMNS: Final = (
    *(name for name in MeterForm.model_fields if name not in ("clock", "signal", "tls")),
    "clock.warn_over",
    "clock.set_over",
    "signal.warn_under",
)
"""The heading of a CSV file has any of these, in any order; an empty cell says nothing."""
_INTEGER: Final = re.compile(r"-?[0-9]{1,9}")
_NUMBERS: Final = frozenset({"client_address", "logical_device_id", "physical_device_id", "security_suite", "retries"})


class Source(Protocol):
    """A list of meters that can say where something stands."""

    def place(self, number: int, at: Location) -> str:
        """Return file, line and key of a meter, by the number that `Row` has."""


class Row(NamedTuple):
    """A meter as it is written, and where."""

    form: MeterForm
    source: Source
    number: int

    def place(self, at: Location = ()) -> str:
        """Return file, line and key."""
        return self.source.place(self.number, at)


def read_list(path: Path, wrong: list[str]) -> Iterator[Row]:
    """Read a list of meters; what is wrong with one is added to `wrong`, with file, line and column or key.

    Raises ConfigError where the file is no list of meters.
    """
    text = read_text(path, "inventory", "correct inventory.file")
    return _of_csv(path, text, wrong) if path.suffix.lower() == ".csv" else _of_yaml(path, text, wrong)


class Listed:
    """Meters in a list of a YAML document."""

    def __init__(self, document: Document, before: Location) -> None:
        self._document = document
        self._before = before

    def place(self, number: int, at: Location) -> str:
        """Return file, line and key."""
        return self._document.place((*self._before, number, *at))


def _of_yaml(path: Path, text: str, wrong: list[str]) -> Iterator[Row]:
    document = read_yaml(path, text)
    if not isinstance(document.tree, list):
        raise ConfigError(f"{path}: the file holds no list; write `- id: …` for each meter")
    listed = Listed(document, ())
    for number, entry in enumerate(document.tree):
        yield from _row(entry, listed, number, wrong)


class _Cells:
    """Meters in the lines of a CSV file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def place(self, number: int, at: Location) -> str:
        """Return file, line and column."""
        column = ".".join(str(step) for step in at if isinstance(step, str))
        return f"{self._path}, line {number}" + (f", column {column}" if column else "")


def _of_csv(path: Path, text: str, wrong: list[str]) -> Iterator[Row]:
    cells = _Cells(path)
    first = text.partition("\n")[0]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=";" if first.count(";") > first.count(",") else ",")
    try:
        heading = [name.strip() for name in next(reader, [])]
        _check_heading(heading, cells)
        for cell in reader:
            if not any(cell):
                continue
            if len(cell) != len(heading):
                wrong.append(
                    f"{cells.place(reader.line_num, ())}: {len(cell)} cells stand below {len(heading)} columns; put "
                    "texts with a separator in quotes"
                )
                continue
            yield from _row(_entry(heading, cell), cells, reader.line_num, wrong)
    except csv.Error as error:
        raise ConfigError(f"{cells.place(reader.line_num, ())}: {error}; correct the line") from None


def _check_heading(heading: list[str], cells: _Cells) -> None:
    wrong: list[str] = []
    for name in dict.fromkeys(heading):
        if name not in COLUMNS:
            meant = nearest(name, COLUMNS, "docs/agent-config.md lists the columns")
            wrong.append(f"{cells.place(1, (name or 'without a name',))}: there is no such column; {meant}")
        elif heading.count(name) > 1:
            wrong.append(f"{cells.place(1, (name,))}: this column stands twice; remove one")
    wrong += [
        f"{cells.place(1, ())}: the heading lacks the column {name}; add it"
        for name in ("id", "address")
        if name not in heading
    ]
    if wrong:
        raise ConfigError(*wrong)


def _row(entry: object, source: Source, number: int, wrong: list[str]) -> Iterator[Row]:
    """Yield a meter where nothing is wrong with it."""
    try:
        form = MeterForm.model_validate(entry)
    except ValidationError as error:
        wrong += [f"{source.place(number, at)}: {sentence}" for at, sentence in explain(error, MeterForm)]
    else:
        yield Row(form, source, number)


def _entry(heading: list[str], cell: list[str]) -> Mapping[str, Any]:
    """Make of cells what YAML would have given."""
    entry: dict[str, Any] = {}
    for name, written in zip(heading, cell, strict=True):
        text = written.strip()
        if not text:
            continue
        if name in _NUMBERS:
            entry[name] = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else text
        elif name == "schedules":
            entry[name] = text.split()
        elif name.startswith("clock."):
            entry.setdefault("clock", {})[name.removeprefix("clock.")] = text
        elif name == "signal.warn_under":
            entry["signal"] = {"warn_under": int(text) if _INTEGER.fullmatch(text) else text}
        else:
            entry[name] = text
    return entry
