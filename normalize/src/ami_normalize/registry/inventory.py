"""The inventory of meters as people keep it: CSV, YAML or JSON to facts, checked completely before anything is written.

| field | what |
| --- | --- |
| `id` | the meter's id: the key of all that is derived |
| `system_title` | 16 hex digits |
| `logical_device_name`, `serial`, `inventory_id` | other names of it |
| `aliases` | names it had before: a list, in CSV separated by `;` |
| `group`, `utility`, `zone`, `dialect` | texts |
| `min_protection` | `none`, `authenticated`, `encrypted`, `authenticated-encrypted` |
| `fuse_a`, `ct_primary_a`, `phases`, `nominal_v` | numbers |
| `address` and the fields of `Access` | how an agent reaches it; `schedules` is a list, in CSV separated by spaces |
| `profiles` | not in CSV: `{obis, period_s, columns: [{class_id, obis, attribute, data_index, scaler, unit}]}` |
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields
from math import isfinite
from typing import Any, Final

from ami_dlms.errors import UsageError
from ami_dlms.obis import format_obis, parse_obis
from ami_dlms.security import Protection
from ami_normalize.errors import RegistryInvalid, SettingsInvalid
from ami_normalize.instants import zone_of
from ami_normalize.meter import Access, Limits, MeterFacts, ProfileFacts
from ami_normalize.model import VALUE_ATTRIBUTE, ScalerUnit
from ami_normalize.registry.records import MOST_NAME
from ami_normalize.registry.tables import Entry, entries, refuse_unknown, text_of, title_field
from ami_normalize.shapes.profile import Column
from ami_schemas import units

_NUMBERS: Final = ("fuse_a", "ct_primary_a", "phases", "nominal_v")
_TEXTS: Final = ("logical_device_name", "serial", "inventory_id", "group", "utility", "zone", "dialect")
_ACCESS: Final = tuple(field.name for field in fields(Access))
_ACCESS_NUMBERS: Final = {
    "client_address": (1, 0xFFFF),
    "logical_device_id": (0, 0xFFFF),
    "physical_device_id": (0, 0x3FFF),
    "security_suite": (0, 2),
}
_ACCESS_WORDS: Final = {
    "authentication_level": ("none", "lls", "hls"),
    "mechanism": ("md5", "sha1", "gmac", "sha256", "ecdsa"),
    "security_policy": tuple(one.value for one in Protection),
}
_FIELDS: Final = frozenset({"id", "system_title", "aliases", "min_protection", "profiles"}).union(
    _TEXTS, _NUMBERS, _ACCESS
)
_COLUMN: Final = frozenset({"class_id", "obis", "attribute", "data_index", "scaler", "unit"})
_PROFILE: Final = frozenset({"obis", "period_s", "columns"})
_PROTECTIONS: Final = {one.value: one for one in Protection}


def inventory(content: bytes, name: str) -> list[MeterFacts]:
    """Read the meters of a list; raises RegistryInvalid with the place, what is wrong and what to do."""
    found: list[MeterFacts] = []
    places: dict[str, str] = {}
    for entry in entries(content, name):
        facts = _facts(entry)
        for own in dict.fromkeys(facts.names()):
            first = places.setdefault(own, entry.where)
            if first != entry.where:
                raise RegistryInvalid(f"{entry.where}: {own} is a name of the meter at {first} too; correct one.")
        found.append(facts)
    return found


def described(facts: MeterFacts) -> dict[str, Any]:
    """Return a meter in the form that `inventory` reads, without what is not registered."""
    told: dict[str, Any] = {"id": facts.meter_id, "system_title": facts.system_title.hex()}
    told |= {field: getattr(facts, field) for field in _TEXTS}
    told["aliases"] = list(facts.aliases)
    told["min_protection"] = facts.min_protection.value if facts.min_protection else ""
    told |= {field: getattr(facts.limits, field) for field in _NUMBERS}
    told["profiles"] = [
        {
            "obis": obis,
            "period_s": profile.period_s,
            "columns": [_described_column(column) for column in profile.columns],
        }
        for obis, profile in facts.profiles.items()
    ]
    told |= {field: getattr(facts.access, field) for field in _ACCESS}
    told["schedules"] = list(facts.access.schedules)
    return {field: value for field, value in told.items() if value not in ("", [], None)}


def _facts(entry: Entry) -> MeterFacts:
    refuse_unknown(entry, _FIELDS)
    meter_id = text_of(entry, "id")
    if not meter_id:
        raise RegistryInvalid(f'{entry.where}: "id" is missing; give each meter one.')
    facts = MeterFacts(
        meter_id,
        aliases=tuple(_aliases(entry)),
        system_title=title_field(entry, "system_title"),
        **{field: text_of(entry, field) for field in _TEXTS},
        min_protection=_protection(entry),
        limits=_limits(entry),
        profiles=_profiles(entry),
        access=_access(entry),
    )
    for own in facts.names():
        if len(own.encode()) > MOST_NAME:
            raise RegistryInvalid(f"{entry.where}: '{own[:40]}…' is longer than {MOST_NAME} octets; shorten it.")
    if facts.zone:
        try:
            zone_of(facts.zone)
        except SettingsInvalid as error:
            raise RegistryInvalid(f"{entry.where}: {error}") from None
    return facts


def _aliases(entry: Entry) -> Iterator[str]:
    given = entry.fields.get("aliases", [])
    if isinstance(given, str):
        given = given.split(";")
    if not isinstance(given, list) or not all(isinstance(one, str) for one in given):
        raise RegistryInvalid(f'{entry.where}: "aliases" is no list of texts.')
    yield from filter(None, (one.strip() for one in given))


def _protection(entry: Entry) -> Protection | None:
    text = text_of(entry, "min_protection")
    if text and text not in _PROTECTIONS:
        raise RegistryInvalid(f'{entry.where}: "min_protection" is none of {", ".join(_PROTECTIONS)}.')
    return _PROTECTIONS.get(text)


def _access(entry: Entry) -> Access:
    """Read how an agent reaches the meter; that an agent's names are there is for the agent to check."""
    told: dict[str, Any] = {field: text_of(entry, field) for field in _ACCESS if field != "schedules"}
    for field, (least, most) in _ACCESS_NUMBERS.items():
        text = told[field]
        if text and not (text.isascii() and text.isdigit() and least <= int(text) <= most):
            raise RegistryInvalid(f'{entry.where}: "{field}" is no integer from {least} to {most}.')
        told[field] = int(text) if text else None
    for field, words in _ACCESS_WORDS.items():
        if told[field] and told[field] not in words:
            raise RegistryInvalid(f'{entry.where}: "{field}" is none of {", ".join(words)}.')
    if told["address"] and "://" not in told["address"]:
        raise RegistryInvalid(f'{entry.where}: "address" is no address; write for example tcp://10.0.0.7:4059.')
    given = entry.fields.get("schedules", [])
    names = given.split() if isinstance(given, str) else given
    if not isinstance(names, list) or not all(isinstance(one, str) for one in names):
        raise RegistryInvalid(f'{entry.where}: "schedules" is no list of texts.')
    told["schedules"] = tuple(names)
    if not told["address"] and any(told.values()):
        raise RegistryInvalid(f'{entry.where}: it says how the meter is reached, but not where; give it an "address".')
    return Access(**told)


def _limits(entry: Entry) -> Limits:
    numbers = {field: _number(entry, field) for field in _NUMBERS}
    phases = numbers.pop("phases")
    return Limits(**numbers, phases=None if phases is None else int(phases))


def _number(entry: Entry, field: str) -> float | None:
    value = entry.fields.get(field)
    if value is None:
        return None
    try:
        number = float(value) if not isinstance(value, bool) else -1.0
    except (TypeError, ValueError):
        number = -1.0
    if not isfinite(number) or number <= 0 or (field == "phases" and number not in (1, 2, 3)):
        what = "1, 2 or 3" if field == "phases" else "a number above 0"
        raise RegistryInvalid(f'{entry.where}: "{field}" is not {what}.')
    return number


def _profiles(entry: Entry) -> dict[str, ProfileFacts]:
    given = entry.fields.get("profiles", [])
    if not isinstance(given, list) or not all(isinstance(one, Mapping) for one in given):
        raise RegistryInvalid(f'{entry.where}: "profiles" is no list of objects.')
    return dict(_profile(Entry(one, f"{entry.where}, profile {number}")) for number, one in enumerate(given, start=1))


def _profile(entry: Entry) -> tuple[str, ProfileFacts]:
    refuse_unknown(entry, _PROFILE)
    columns = entry.fields.get("columns")
    if not isinstance(columns, list) or not columns or not all(isinstance(one, Mapping) for one in columns):
        raise RegistryInvalid(f'{entry.where}: "columns" is no list of objects.')
    read = [_column(Entry(one, f"{entry.where}, column {number}")) for number, one in enumerate(columns, start=1)]
    return _obis(entry), ProfileFacts(tuple(read), _integer(entry, "period_s", 0, 31_622_400))


def _column(entry: Entry) -> Column:
    refuse_unknown(entry, _COLUMN)
    scaler_unit = None
    if "unit" in entry.fields or "scaler" in entry.fields:
        scaler_unit = ScalerUnit(_integer(entry, "scaler", 0, 127, least=-128), _unit(entry))
    return Column(
        _integer(entry, "class_id", 0, 0xFFFF),
        _obis(entry),
        _integer(entry, "attribute", VALUE_ATTRIBUTE, 127, least=-128),
        _integer(entry, "data_index", 0, 0xFFFF),
        scaler_unit,
    )


def _obis(entry: Entry) -> str:
    text = text_of(entry, "obis")
    try:
        return format_obis(parse_obis(text))
    except (ValueError, UsageError):
        raise RegistryInvalid(f'{entry.where}: "obis" is {text[:40] or "missing"}; write A.B.C.D.E.F.') from None


def _unit(entry: Entry) -> int:
    text = text_of(entry, "unit")
    if not text:
        return units.UNITLESS
    found = int(text) if text.isascii() and text.isdigit() and int(text) <= 255 else units.code(text)
    if found is None:
        raise RegistryInvalid(f'{entry.where}: "unit" is {text[:40]}, no symbol or code of the DLMS unit list.')
    return found


def _integer(entry: Entry, field: str, default: int, most: int, *, least: int = 0) -> int:
    value = entry.fields.get(field, default)
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise RegistryInvalid(f'{entry.where}: "{field}" is no integer from {least} to {most}.')
    return value


def _described_column(column: Column) -> dict[str, Any]:
    told: dict[str, Any] = {"class_id": column.class_id, "obis": column.obis, "attribute": column.attribute}
    if column.data_index:
        told["data_index"] = column.data_index
    if column.scaler_unit:
        told["scaler"] = column.scaler_unit.scaler
        told["unit"] = units.symbol(column.scaler_unit.unit) or str(column.scaler_unit.unit)
    return told
