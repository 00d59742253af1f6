"""Dialects: what a maker's meters leave unsaid, as data.

A dialect is a JSON object:

    {"name": "kamstrup-han", "manufacturer": "KAM",
     "match": [{"list_version": "Kamstrup_V"}, {"system_title": "KAM"}, {"deviation": "untagged-descriptors"}],
     "objects": [{"obis": "1.1.{1,2}.8.0.255", "scaler": 1, "unit": "Wh"}],
     "time": {"deviation_inverted": false, "default_zone": null},
     "layouts": [{"name": "list 2", "tagged_time": true,
                  "columns": [{"type": "text", "starts": "KFM_", "obis": "1.1.0.2.129.255"},
                              {"type": "number", "obis": "1.0.31.7.0.255", "scaler": -3, "unit": "A"},
                              {"type": "date", "part": "date"}, {"type": "any"}]}]}

`objects` give scaler and unit only where the message and its exchange do not; their codes may be patterns
(`ami_dlms.obis.Pattern`: `{1,2}` is a choice, `*` any group). A layout explains a positional list: it fits if the
number of columns, their types and their constant beginnings do. A column without `obis` and `part` is passed over.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple

from ami_dlms.axdr import Data, Tag
from ami_dlms.errors import UsageError
from ami_dlms.obis import Pattern, format_obis, parse_obis
from ami_normalize.errors import MappingInvalid
from ami_normalize.model import ScalerUnit
from ami_schemas import units

_NUMBERS = frozenset(
    {Tag.INT8, Tag.INT16, Tag.INT32, Tag.INT64, Tag.UINT8, Tag.UINT16, Tag.UINT32, Tag.UINT64, Tag.FLOAT32, Tag.FLOAT64}
)
_TEXTS = frozenset({Tag.OCTET_STRING, Tag.VISIBLE_STRING, Tag.UTF8_STRING})
_LENGTHS = {"date-time": 12, "date": 5, "time": 4, "obis": 6}


class Column(NamedTuple):
    """One place of a positional list."""

    type: str
    obis: str = ""
    part: str = ""
    starts: str = ""
    scaler_unit: ScalerUnit | None = None
    number: bool = False

    def fits(self, data: Data) -> bool:
        """Tell whether a value can stand here; a null, or an empty string for a number, always can."""
        if data.tag == Tag.NULL or self.type == "any":
            return True
        if self.type == "number":
            return data.tag in _NUMBERS or (data.tag == Tag.OCTET_STRING and not data.value)
        if self.type == "boolean":
            return data.tag == Tag.BOOLEAN
        if data.tag not in _TEXTS:
            return False
        if self.type in _LENGTHS:
            return len(data.value) == _LENGTHS[self.type]
        text = data.value.decode("latin-1") if isinstance(data.value, bytes) else str(data.value)
        return text.startswith(self.starts)


class Layout(NamedTuple):
    """A positional list."""

    name: str
    columns: tuple[Column, ...]
    tagged_time: bool | None

    def fits(self, items: Sequence[Data], *, tagged_time: bool) -> bool:
        """Tell whether a list is of this layout."""
        return (
            len(items) == len(self.columns)
            and self.tagged_time in {None, tagged_time}
            and all(column.fits(item) for column, item in zip(self.columns, items, strict=True))
        )


class Traits(NamedTuple):
    """What a message shows of its maker."""

    system_title: bytes = b""
    list_version: str = ""
    logical_device_name: str = ""
    deviation: str = ""


@dataclass(frozen=True, slots=True)
class Dialect:
    """What a maker's meters leave unsaid."""

    name: str
    manufacturer: str = ""
    match: tuple[Mapping[str, str], ...] = ()
    objects: tuple[tuple[Pattern, ScalerUnit], ...] = ()
    layouts: tuple[Layout, ...] = ()
    deviation_inverted: bool = False

    def knows(self, traits: Traits) -> bool:
        """Tell whether the message is of this maker: one of its conditions holds in all its members."""
        return any(all(_holds(trait, value, traits) for trait, value in condition.items()) for condition in self.match)

    def scaler_unit(self, obis: str) -> ScalerUnit | None:
        """Return scaler and unit of an object that the message leaves unsaid."""
        for pattern, scaler_unit in self.objects:
            if pattern.match(parse_obis(obis)):
                return scaler_unit
        return None


NO_DIALECT = Dialect("")


class Dialects:
    """All dialects in force, the user's before the built-in ones."""

    def __init__(self, dialects: Iterable[Dialect], content_hash: str) -> None:
        """Hold dialects; `content_hash` is their version."""
        self._dialects = tuple(dialects)
        self.content_hash = content_hash

    def of(self, traits: Traits) -> Dialect:
        """Return the first dialect that knows the message, or one that says nothing."""
        return next((dialect for dialect in self._dialects if dialect.knows(traits)), NO_DIALECT)

    def layout(self, items: Sequence[Data], *, tagged_time: bool) -> tuple[Dialect, Layout] | None:
        """Return the layout a positional list is of."""
        for dialect in self._dialects:
            for layout in dialect.layouts:
                if layout.fits(items, tagged_time=tagged_time):
                    return dialect, layout
        return None

    @classmethod
    def load(cls, *user_files: Path) -> Dialects:
        """Read the built-in dialects and the user's; raises MappingInvalid with file, dialect and member."""
        digest = hashlib.sha256()
        found: list[Dialect] = []
        for path in user_files:
            try:
                content = path.read_bytes()
            except OSError as error:
                raise MappingInvalid(f"{path} cannot be read ({error.strerror}); name an existing mapping.") from error
            digest.update(content)
            found.extend(_file(content, str(path)))
        built_in, content_hash = _built_in()
        digest.update(content_hash.encode())
        return cls([*found, *built_in], digest.hexdigest()[:16])


@lru_cache(maxsize=1)
def _built_in() -> tuple[tuple[Dialect, ...], str]:
    digest = hashlib.sha256()
    found: list[Dialect] = []
    folder = resources.files("ami_normalize") / "dialects"
    for entry in sorted((entry for entry in folder.iterdir() if entry.name.endswith(".json")), key=lambda e: e.name):
        content = entry.read_bytes()
        digest.update(content)
        found.extend(_file(content, entry.name))
    return tuple(found), digest.hexdigest()


def _file(content: bytes, where: str) -> list[Dialect]:
    try:
        entries = json.loads(content)
    except ValueError as error:
        raise MappingInvalid(f"{where} is not JSON: {error}.") from error
    entries = entries if isinstance(entries, list) else [entries]
    return [_dialect(entry, f"{where}, entry {number}") for number, entry in enumerate(entries, 1)]


def _dialect(entry: Any, where: str) -> Dialect:
    try:
        name = str(entry["name"])
        where = f"{where} ({name})"
        return Dialect(
            name=name,
            manufacturer=str(entry.get("manufacturer", "")),
            match=tuple({str(k): str(v) for k, v in condition.items()} for condition in entry.get("match", [])),
            objects=tuple(
                (Pattern.parse(str(rule["obis"])), _scaler_unit(rule, where)) for rule in entry.get("objects", [])
            ),
            layouts=tuple(_layout(layout, where) for layout in entry.get("layouts", [])),
            deviation_inverted=bool(entry.get("time", {}).get("deviation_inverted", False)),
        )
    except (KeyError, TypeError, AttributeError, ValueError, UsageError) as error:
        raise MappingInvalid(f"{where}: not a dialect ({type(error).__name__}: {error}).") from error


def _layout(entry: Any, where: str) -> Layout:
    columns = tuple(
        Column(
            type=str(column["type"]),
            obis=format_obis(parse_obis(str(column["obis"]))) if column.get("obis") else "",
            part=str(column.get("part", "")),
            starts=str(column.get("starts", "")),
            scaler_unit=_scaler_unit(column, where) if "unit" in column else None,
            number=bool(column.get("number", False)),
        )
        for column in entry["columns"]
    )
    tagged = entry.get("tagged_time")
    return Layout(str(entry["name"]), columns, None if tagged is None else bool(tagged))


def _scaler_unit(rule: Mapping[str, Any], where: str) -> ScalerUnit:
    unit = rule["unit"]
    code = units.UNITLESS if unit is None else units.code(str(unit))
    if code is None:
        raise MappingInvalid(f"{where}: '{unit}' is no unit of the DLMS unit list.")
    return ScalerUnit(int(rule.get("scaler", 0)), code)


def _holds(trait: str, wanted: str, traits: Traits) -> bool:
    if trait == "system_title":
        return traits.system_title[: len(wanted)] == wanted.encode("latin-1")
    if trait == "deviation":
        return traits.deviation == wanted
    stated = {"list_version": traits.list_version, "logical_device_name": traits.logical_device_name}
    return trait in stated and stated[trait].startswith(wanted)
