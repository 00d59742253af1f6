"""Bodies that name their objects themselves, in the forms met in the field.

Each object is a code followed by its value, perhaps by scaler and unit, in a row of its own or flat in one list:

    structure{obis, value} · structure{obis, value, structure{scaler, unit}} · obis, value, structure{scaler, unit}
    obis, structure{value, structure{scaler, unit}} · structure{structure{class, obis, attribute, …}, value}

Beside them may stand a clock, a list version in front and the meter's number at the end, all without code, and nulls
for phases the meter does not have.
"""

from __future__ import annotations

from collections.abc import Sequence

from ami_dlms.axdr import Data, Tag
from ami_dlms.obis import format_obis
from ami_normalize.dialects import NO_DIALECT
from ami_normalize.model import Entry, ScalerUnit
from ami_normalize.shapes import objects

_MEDIA = frozenset(range(16))
"""Value group A of the standard."""


def entries(items: Sequence[Data]) -> list[Entry] | None:
    """Return the objects of a list, or None if something in it is not explained or nothing names an object."""
    found: list[Entry] = []
    named = 0
    at = 0
    while at < len(items):
        item = items[at]
        at += 1
        if item.tag in {Tag.STRUCTURE, Tag.ARRAY}:
            entry = described(item.value)
            if entry is None:
                return None
            found.append(entry)
            named += 1
            continue
        code = obis(item)
        if code is not None:
            if at == len(items):
                return None
            entry = valued(code, items[at])
            at += 1
            if at < len(items) and (stated := scaler_unit(items[at])) is not None:
                entry = entry._replace(scaler_unit=stated)
                at += 1
            found.append(entry)
            named += 1
            continue
        bare = _bare(item, first=at == 1, last=at == len(items))
        if bare is not None:
            found.append(bare)
        elif item.tag not in objects.EMPTY:
            return None
    return found if named else None


def described(row: Sequence[Data]) -> Entry | None:
    """Read a row of its own for one object, or None if it is none."""
    if len(row) < 2:
        return None
    code = obis(row[0])
    if code is not None:
        if len(row) == 2:
            return valued(code, row[1])
        stated = scaler_unit(row[2]) if len(row) == 3 else None
        return Entry(code, row[1], stated) if stated else None
    if row[0].tag == Tag.STRUCTURE and len(row) == 2:
        target = attribute(row[0].value)
        if target is None:
            return None
        class_id, code, index = target
        return valued(code, row[1])._replace(class_id=class_id, attribute=index)
    return None


def attribute(row: Sequence[Data]) -> tuple[int, str, int] | None:
    """Read class, code and attribute from an object definition (class, logical name, attribute, data index, …)."""
    if len(row) < 3 or row[0].tag != Tag.UINT16 or row[2].tag != Tag.INT8:
        return None
    code = obis(row[1])
    return None if code is None else (int(row[0].value), code, int(row[2].value))


def obis(data: Data) -> str | None:
    """Return the code an octet-string of six holds, or None if it cannot be one."""
    octets = data.value
    if data.tag != Tag.OCTET_STRING or len(octets) != 6 or octets[0] not in _MEDIA:
        return None
    return format_obis(octets)


def scaler_unit(data: Data) -> ScalerUnit | None:
    """Read structure{integer scaler, enum unit}, or None."""
    if data.tag != Tag.STRUCTURE or len(data.value) != 2:
        return None
    scaler, unit = data.value
    if scaler.tag != Tag.INT8 or unit.tag != Tag.ENUM:
        return None
    return ScalerUnit(scaler.value, unit.value)


def valued(code: str, value: Data) -> Entry:
    """Make an entry of a code and its value, which may carry scaler and unit: structure{value, structure{…}}."""
    if value.tag == Tag.STRUCTURE and len(value.value) == 2:
        stated = scaler_unit(value.value[1])
        if stated is not None and value.value[0].tag not in objects.COLLECTIONS:
            return Entry(code, value.value[0], stated)
    return Entry(code, value)


def _bare(item: Data, *, first: bool, last: bool) -> Entry | None:
    """Explain a value without code by its form and place."""
    readable = objects.text(item)
    if readable:
        if first:
            return Entry(objects.LIST_VERSION, item)
        return Entry(objects.SERIALS[0], item) if last else None
    return Entry(objects.CLOCK, item) if objects.clock(item, NO_DIALECT) is not None else None
