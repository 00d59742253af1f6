"""A checked mapping to what the pipeline asks of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ami_dlms.obis import Pattern, format_obis, parse_obis
from ami_normalize.errors import MappingInvalid
from ami_normalize.mapping.check import check
from ami_normalize.mapping.dialect import Column, Condition, Dialect, Layout, Rule
from ami_normalize.model import ScalerUnit
from ami_normalize.status import StatusBit
from ami_schemas import units
from ami_schemas.event_types import Companion

_LOAD_PROFILE = "1.0.99.1.0.255"


def dialects_of(content: bytes, name: str) -> list[Dialect]:
    """Read a mapping called `name`; raises MappingInvalid with the place and remedy of the first problem."""
    checked = check(content)
    if checked.problems:
        more = f" ({len(checked.problems) - 1} more.)" if checked.problems[1:] else ""
        raise MappingInvalid(f"{name}:{checked.problems[0]}{more}; run: ami mapping check {name}")
    return [_dialect(entry.plain(), name) for entry in checked.entries]


def _dialect(entry: Mapping[str, Any], source: str) -> Dialect:
    time = entry.get("time", {})
    return Dialect(
        name=entry["name"],
        manufacturer=entry.get("manufacturer", ""),
        match=tuple(_condition(condition) for condition in entry.get("match", ())),
        objects=tuple(_rule(rule) for rule in entry.get("objects", ())),
        layouts=tuple(_layout(layout) for layout in entry.get("layouts", ())),
        deviation_inverted=time.get("deviation_inverted", False),
        zone=time.get("zone", ""),
        stamps_start=time.get("row_stamp") == "start",
        nulls_absent=entry.get("nulls") == "absent",
        companion=Companion(entry["companion"]) if "companion" in entry else None,
        status=tuple(StatusBit(bit) for bit in entry["status"]) if "status" in entry else None,
        renames=any("as" in rule for rule in entry.get("objects", ())),
        source=source,
    )


def _condition(entry: Mapping[str, Any]) -> Condition:
    shape = entry.get("shape", {})
    return Condition(
        flag=entry.get("flag", ""),
        system_title=bytes.fromhex(entry.get("system_title", "")),
        logical_device_name=entry.get("logical_device_name", ""),
        list_version=entry.get("list_version", ""),
        deviation=entry.get("deviation", ""),
        objects=tuple(Pattern.parse(pattern) for pattern in shape.get("objects", ())),
        size=shape.get("count", 0),
        registry=entry.get("registry", False),
    )


def _rule(entry: Mapping[str, Any]) -> Rule:
    groups = entry["as"].split(".") if "as" in entry else ()
    return Rule(
        pattern=Pattern.parse(entry["obis"]),
        scaler_unit=_scaler_unit(entry),
        override=entry.get("override", False),
        code=tuple(None if group == "*" else int(group) for group in groups),
        number=entry.get("number", False),
        no_value=frozenset(entry.get("no_value", ())),
        digits=entry.get("digits", 0),
    )


def _layout(entry: Mapping[str, Any]) -> Layout:
    rows = entry.get("rows", False)
    return Layout(
        name=entry["name"],
        columns=tuple(map(_column, entry["columns"])),
        tagged_time=entry.get("tagged_time"),
        profile=format_obis(parse_obis(entry.get("profile", _LOAD_PROFILE))) if rows else "",
        period_s=entry.get("period_s", 0),
    )


def _column(entry: Mapping[str, Any]) -> Column:
    return Column(
        type=entry["type"],
        obis=format_obis(parse_obis(entry["obis"])) if "obis" in entry else "",
        part=entry.get("part", ""),
        starts=entry.get("starts", ""),
        scaler_unit=_scaler_unit(entry),
        number=entry.get("number", False),
        no_value=frozenset(entry.get("no_value", ())),
    )


def _scaler_unit(entry: Mapping[str, Any]) -> ScalerUnit | None:
    if "unit" not in entry:
        return None
    code = units.UNITLESS if entry["unit"] is None else units.code(entry["unit"])
    return ScalerUnit(entry.get("scaler", 0), units.UNITLESS if code is None else code)
