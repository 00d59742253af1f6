"""What an element of an APDU says to a person."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from ami_dlms.annotate import Element
from ami_dlms.axdr import BitString, Tag
from ami_dlms.obis import format_obis
from ami_normalize.instants import from_octets
from ami_schemas import units
from ami_schemas.meanings import meaning

_DATE_TIME_FIELDS: Final = frozenset({"date-time", "time"})
_NO_MEDIUM: Final = b"\x10"
"""Value group A of an OBIS code is below."""
_NUMBERS: Final = frozenset(
    {"class-id", "attribute-id", "count", "length", "block-number", "form", "invocation-counter"}
)
_COLLECTIONS: Final = frozenset({Tag.ARRAY, Tag.STRUCTURE})


def elements(octets: bytes, found: Sequence[Element]) -> list[dict[str, Any]]:
    """Return the elements as objects: place, own octets, type, value and meaning."""
    scalers = _scaler_units(found)
    told = []
    for index, element in enumerate(found):
        told.append(
            {
                "offset": element.offset,
                "length": element.length,
                "path": element.path,
                "type": type_name(element.tag),
                "hex": octets[element.offset : element.offset + element.head].hex(),
                "value": _value(element),
                "means": scalers.get(index) or _meaning(element),
            }
        )
    return told


def type_name(tag: int | None) -> str | None:
    """Return the name of a type of COSEM data, in the words of the standard; None of a field."""
    return None if tag is None else Tag(tag).name.lower().replace("_", "-")


def _scaler_units(found: Sequence[Element]) -> dict[int, str]:
    """Tell scalers and units: integer and enum in a structure of two."""
    told: dict[int, str] = {}
    for index, element in enumerate(found[:-2]):
        scaler, unit = found[index + 1], found[index + 2]
        if element.tag == Tag.STRUCTURE and element.value == 2 and (scaler.tag, unit.tag) == (Tag.INT8, Tag.ENUM):
            told[index] = "scaler and unit"
            told[index + 1] = f"scaler: times 10^{scaler.value}"
            told[index + 2] = f"unit: {units.symbol(unit.value) or 'none'}"
    return told


def _value(element: Element) -> str | None:
    value = element.value
    if element.tag in _COLLECTIONS:
        return f"{value} elements"
    if element.tag == Tag.COMPACT_ARRAY:
        return f"of {type_name(value.tag)}"
    if value is None:
        return None
    if isinstance(value, BitString):
        return "".join(f"{octet:08b}" for octet in value.octets)[: value.length]
    if isinstance(value, bytes):
        return value.hex()
    if element.tag is None and isinstance(value, int) and element.path not in _NUMBERS:
        return f"{value:#0{2 * element.head + 2}x}"
    return str(value)


def _meaning(element: Element) -> str | None:
    value = element.value
    if not isinstance(value, bytes):
        return None
    if element.tag in {Tag.OCTET_STRING, Tag.DATE_TIME} or element.path in _DATE_TIME_FIELDS:
        instant = from_octets(value)
        if instant is not None:
            return f"time: {instant.iso_local()}"
    if element.path == "date-time" and not value:
        return "no time"
    is_name = element.path.endswith("instance-id") or (element.tag == Tag.OCTET_STRING and value[:1] < _NO_MEDIUM)
    if is_name and len(value) == 6:
        code = format_obis(value)
        known = meaning(code)
        return f"OBIS {code}" + (f": {known.description}" if known else "")
    if value and value.isascii() and (text := value.decode("ascii")).isprintable():
        return f'text: "{text}"'
    return None
