"""One object of a message and its data: to a reading with value, unit and quality."""

from __future__ import annotations

from functools import lru_cache

from ami_dlms import axdr
from ami_dlms.axdr import Data, Tag
from ami_normalize.dialects import Dialect, Rule
from ami_normalize.instants import Instant, from_octets
from ami_normalize.model import Entry, Reading, ScalerUnit
from ami_normalize.numbers import Exact, Value, real
from ami_normalize.quality import Quality
from ami_schemas import units
from ami_schemas.meanings import counts_up, meaning

CLOCK = "0.0.1.0.0.255"
LOGICAL_DEVICE_NAME = "0.0.42.0.0.255"
SERIALS = ("0.0.96.1.0.255", "0.0.96.1.1.255", "1.1.0.0.5.255")
"""Codes of a meter's number, the surest first (the last is Kamstrup's GIAI)."""
LIST_VERSION = "1.1.0.2.129.255"

INTEGERS = frozenset({Tag.INT8, Tag.INT16, Tag.INT32, Tag.INT64, Tag.UINT8, Tag.UINT16, Tag.UINT32, Tag.UINT64})
_LARGEST: dict[int, int] = {
    Tag.INT16: 0x7FFF,
    Tag.INT32: 0x7FFF_FFFF,
    Tag.INT64: 0x7FFF_FFFF_FFFF_FFFF,
    Tag.UINT16: 0xFFFF,
    Tag.UINT32: 0xFFFF_FFFF,
    Tag.UINT64: 0xFFFF_FFFF_FFFF_FFFF,
}
"""Of the types a counter may have."""
_CODES = frozenset({Tag.ENUM, Tag.BCD})
NUMBERS = INTEGERS | _CODES
"""Types whose value is a whole number."""
_FLOATS = frozenset({Tag.FLOAT32, Tag.FLOAT64})
STRINGS = frozenset({Tag.OCTET_STRING, Tag.VISIBLE_STRING, Tag.UTF8_STRING})
_TIMES = frozenset({Tag.DATE_TIME, Tag.DATE, Tag.TIME})
_DATE_TIME_LENGTH = 12
COLLECTIONS = frozenset({Tag.ARRAY, Tag.STRUCTURE, Tag.COMPACT_ARRAY})
EMPTY = frozenset({Tag.NULL, Tag.DONT_CARE})


def reading(entry: Entry, at: Instant | None, dialect: Dialect) -> Reading:
    """Say one object's value, holding for `at`."""
    rule = dialect.rule(entry.obis)
    if rule is not None:
        entry = _ruled(entry, rule, dialect)
    scaler_unit = entry.scaler_unit
    value, numeric = value_of(entry, scaler_unit, dialect)
    ends = ends_of_counter(entry.obis, entry.data.tag, rule.digits if rule else 0)
    ended = bool(ends) and entry.data.value in ends
    quality = tuple(_quality(entry, value, scaler_unit, numeric=numeric, ended=ended))
    unit = scaler_unit.unit if scaler_unit else (units.NOT_STATED if numeric else units.UNITLESS)
    return Reading(entry.obis, value, unit, entry.attribute, at, 0, quality)


def _ruled(entry: Entry, rule: Rule, dialect: Dialect) -> Entry:
    """Say of an object what its dialect says: code, scaler and unit, and what stands for no value."""
    tag, value = entry.data
    overridden = rule.scaler_unit is not None and (rule.override or entry.scaler_unit is None)
    return Entry(
        dialect.code(entry.obis) if rule.code else entry.obis,
        axdr.NULL if rule.no_value and tag in INTEGERS and value in rule.no_value else entry.data,
        rule.scaler_unit if overridden else entry.scaler_unit,
        entry.attribute,
        entry.class_id,
        entry.number or (rule.number and tag == Tag.OCTET_STRING),
    )


def value_of(entry: Entry, scaler_unit: ScalerUnit | None, dialect: Dialect) -> tuple[Value, bool]:
    """Return the value, scaled, and whether it is a number that could have a scaler."""
    tag, value = entry.data
    scaler = scaler_unit.scaler if scaler_unit else 0
    if tag in INTEGERS:
        return Exact(value, scaler), True
    if tag in _FLOATS:
        return real(value, scaler, single=tag == Tag.FLOAT32), True
    if tag in _CODES:
        return Exact(value, 0), False
    if tag == Tag.BOOLEAN:
        return bool(value), False
    if tag in STRINGS:
        return _string(entry, dialect), False
    if tag in _TIMES:
        return _time(tag, value, dialect), False
    if tag == Tag.BIT_STRING:
        return bytes(value.octets), False
    if tag in COLLECTIONS:
        return axdr.encode(entry.data), False
    return None, False


def is_null(data: Data) -> bool:
    """Tell whether there is no value: a null, or an empty string in its place."""
    return data.tag in EMPTY or (data.tag in STRINGS and not data.value)


def clock(data: Data, dialect: Dialect) -> Instant | None:
    """Read a date-time (tag 25, or an octet-string of 12), or None."""
    if data.tag not in {Tag.OCTET_STRING, Tag.DATE_TIME}:
        return None
    return from_octets(data.value, inverted=dialect.deviation_inverted)


def is_time(data: Data) -> bool:
    """Tell whether data can be a date-time: tag 25, or an octet-string of 12."""
    return data.tag == Tag.DATE_TIME or (data.tag == Tag.OCTET_STRING and len(data.value) == _DATE_TIME_LENGTH)


def is_clock(obis: str) -> bool:
    """Tell whether a code is the clock's, on any channel."""
    groups = obis.split(".")
    return groups[0] == "0" and groups[2:5] == ["1", "0", "0"]


@lru_cache(maxsize=4096)
def ends_of_counter(obis: str, tag: int, digits: int) -> frozenset[int]:
    """Return the raw numbers that are the end of a counter: the largest of its type, and nines in all of its digits.

    Empty for a code that does not count up; `digits` is 0 where nobody says how many it shows.
    """
    if tag not in INTEGERS or not counts_up(obis):
        return frozenset()
    shown = {10**digits - 1} if digits else set()
    return frozenset(shown | ({_LARGEST[tag]} if tag in _LARGEST else set()))


@lru_cache(maxsize=4096)
def is_measured(obis: str) -> bool:
    """Tell whether a code is a quantity of a medium; abstract and general purpose objects (A or C is 0) are none."""
    groups = obis.split(".")
    return groups[0] != "0" and groups[2] != "0"


def is_list_version(obis: str) -> bool:
    """Tell whether a code is the OBIS list version's, on any channel."""
    groups = obis.split(".")
    return groups[0] == "1" and groups[2:5] == ["0", "2", "129"]


def text(data: Data) -> str | None:
    """Return the text of a string, without what fills it up, or None if it is no readable text."""
    if data.tag not in STRINGS:
        return None
    octets = data.value if isinstance(data.value, bytes) else None
    if octets is None:
        stripped = str(data.value).rstrip("\x00")
        return stripped if stripped.isprintable() else None
    octets = octets.rstrip(b"\x00") or octets
    return octets.decode("ascii") if octets.isascii() and octets.decode("ascii").isprintable() else None


def _string(entry: Entry, dialect: Dialect) -> Value:
    value = entry.data.value
    if entry.number:
        return Exact(int.from_bytes(value, "big"), 0) if isinstance(value, bytes) and value else None
    instant = clock(entry.data, dialect)
    if instant is not None and (is_clock(entry.obis) or text(entry.data) is None):
        return instant.iso_local()
    readable = text(entry.data)
    if readable is not None:
        return readable
    return value if isinstance(value, bytes) else str(value).encode("utf-8")


def _time(tag: int, octets: bytes, dialect: Dialect) -> Value:
    if tag == Tag.DATE_TIME:
        instant = from_octets(octets, inverted=dialect.deviation_inverted)
        return instant.iso_local() if instant else octets
    if tag == Tag.TIME:
        hour, minute, second = octets[:3]
        return f"{hour:02}:{minute:02}:{second:02}" if hour < 24 and minute < 60 and second < 60 else octets
    instant = from_octets(octets + b"\x00\x00\x00\x00\x80\x00\xff")
    return instant.local.date().isoformat() if instant else octets


def _quality(
    entry: Entry, value: Value, scaler_unit: ScalerUnit | None, *, numeric: bool, ended: bool
) -> list[Quality]:
    found: list[Quality] = []
    if value is None:
        found.append(Quality.NO_VALUE)
    elif ended:
        found.append(Quality.COUNTER_AT_END)
    known = meaning(entry.obis)
    if scaler_unit is None:
        counts = known is not None and known.units and known.units <= {units.NOT_STATED, units.UNITLESS}
        if numeric and not counts and is_measured(entry.obis):
            found.append(Quality.SCALER_UNKNOWN)
        return found
    if not units.known(scaler_unit.unit) and scaler_unit.unit != units.NOT_STATED:
        found.append(Quality.UNIT_UNKNOWN)
    elif known is not None and known.units and scaler_unit.unit not in known.units and numeric:
        found.append(Quality.UNIT_CONTRADICTS_OBIS)
    return found
