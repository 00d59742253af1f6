"""Lists that people keep of meters and keys: CSV, YAML or JSON, read to rows with their place."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from typing import Any, NamedTuple

import yaml

from ami_normalize.errors import RegistryInvalid
from ami_normalize.instants import micros_of


class Entry(NamedTuple):
    """One row: what stands in it, without empty fields, and where it stands."""

    fields: Mapping[str, Any]
    where: str


def entries(content: bytes, name: str) -> list[Entry]:
    """Read a list: CSV with a heading (`.csv`), else YAML, of which JSON is a part; raises RegistryInvalid.

    A list of objects, or an object of objects by the name that is their `id`.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise RegistryInvalid(f"{name} is not UTF-8 (octet {error.start}); save it so.") from None
    if name.lower().endswith(".csv"):
        return _csv(text, name)
    try:
        found = json.loads(text) if name.lower().endswith(".json") else yaml.safe_load(text)
    except (ValueError, yaml.YAMLError) as error:
        raise RegistryInvalid(f"{name} is neither JSON nor YAML: {' '.join(str(error).split())[:160]}.") from None
    if isinstance(found, Mapping):
        rows: Sequence[Any] = [
            {"id": str(key), **row} if isinstance(row, Mapping) else row for key, row in found.items()
        ]
    elif isinstance(found, list):
        rows = found
    else:
        raise RegistryInvalid(f"{name} holds no list; write a list of objects.")
    for number, row in enumerate(rows, start=1):
        if not isinstance(row, Mapping):
            raise RegistryInvalid(f"{name}: entry {number} is no object.")
    return [Entry(_given(row), f"{name}: entry {number}") for number, row in enumerate(rows, start=1)]


def text_of(entry: Entry, field: str) -> str:
    """Return a field as text, empty where it is not given; raises RegistryInvalid."""
    value = entry.fields.get(field, "")
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        raise RegistryInvalid(f'{entry.where}: "{field}" is no text; put it in quotes.')
    return str(value).strip()


def title_field(entry: Entry, field: str) -> bytes:
    """Return a system title, empty where it is not given; raises RegistryInvalid."""
    text = text_of(entry, field)
    try:
        title = bytes.fromhex(text)
    except ValueError:
        title = b""
    if text and len(title) != 8:
        raise RegistryInvalid(f'{entry.where}: "{field}" is {text[:40]}, no system title (16 hex digits, in quotes).')
    return title


def instant_of(text: str, where: str) -> int:
    """Read an instant, in microseconds since 1970: ISO 8601 with offset, or a date alone, in UTC."""
    try:
        moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        moment = None
    if moment is not None and moment.tzinfo is None and len(text) <= 10:
        moment = moment.replace(tzinfo=timezone.utc)
    if moment is None or moment.tzinfo is None or moment.year < 1970:
        raise RegistryInvalid(f"{where}: '{text[:40]}' is no instant; write 2026-01-31 or 2026-01-31T12:00:00Z.")
    return micros_of(moment)


def refuse_unknown(entry: Entry, known: frozenset[str]) -> None:
    """Raise RegistryInvalid where a row has a field that nobody knows."""
    for field in entry.fields:
        if field not in known:
            raise RegistryInvalid(
                f'{entry.where}: "{str(field)[:40]}" is not known; known are {", ".join(sorted(known))}.'
            )


def _csv(text: str, name: str) -> list[Entry]:
    delimiter = ";" if text.partition("\n")[0].count(";") > text.partition("\n")[0].count(",") else ","
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter, restkey="")
    try:
        rows = [(row, reader.line_num) for row in reader]
    except csv.Error as error:
        raise RegistryInvalid(f"{name}: line {reader.line_num}: {error}.") from None
    for row, line in rows:
        if row.get(""):
            raise RegistryInvalid(f"{name}: line {line} has more fields than the heading.")
    return [Entry(_given({k.strip(): v for k, v in row.items() if k}), f"{name}: line {line}") for row, line in rows]


def _given(row: Mapping[Any, Any]) -> dict[str, Any]:
    return {str(field): value for field, value in row.items() if value is not None and value != ""}
