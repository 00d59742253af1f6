"""Where a value comes from: the element it was read from, and the rule that gave it code, scaler and unit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ami_dlms.annotate import Element
from ami_dlms.axdr import Data, Tag
from ami_normalize.dialects import Dialect
from ami_normalize.model import Entry, ScalerUnit
from ami_normalize.pipeline.interpret import Objects
from ami_schemas import units


class Origin(NamedTuple):
    """Of one value."""

    path: str | None
    """Of its element; None where no single element holds it."""
    rule: str
    """In the words of the message's dialect: `layout 'list 1', columns[0]; objects[2] 1.0.{1,2}.7.0.255: …`."""


def origins(found: Objects, entries: Sequence[Entry], places: dict[int, str], *, polled: bool) -> Iterator[Origin]:
    """Yield where each entry comes from; `places` are the paths of data by identity."""
    if found.layout is None:
        for entry in entries:
            yield Origin(places.get(id(entry.data)), _rule(entry, found.dialect, polled=polled))
        return
    columns = [index for index, column in enumerate(found.layout.columns) if column.obis]
    by_entry: dict[int, int | None] = {}
    surplus = len(found.entries) - len(columns)  # a clock joined of two columns comes first
    for number, entry in enumerate(found.entries):
        by_entry[id(entry)] = None if number < surplus else columns[number - surplus]
    for entry in entries:
        index = by_entry.get(id(entry))
        if index is None:
            yield Origin(None, f"layout '{found.layout.name}': date and time of their columns")
        else:
            yield Origin(f"body[{index}]", _column_rule(entry, found.dialect, found.layout.name, index))


def places_of(data: Data, elements: Sequence[Element]) -> dict[int, str]:
    """Return the path of every value inside `data` (and its own) by identity; `elements` are its annotation."""
    found: dict[int, str] = {}
    typed = (element for element in elements if element.tag is not None)
    for node, element in zip(_nodes(data), typed, strict=False):
        found[id(node)] = element.path
    return found


def _nodes(data: Data) -> Iterator[Data]:
    yield data
    if data.tag in {Tag.ARRAY, Tag.STRUCTURE}:
        for item in data.value:
            yield from _nodes(item)
    elif data.tag == Tag.COMPACT_ARRAY:
        for item in data.value.items:
            yield from _nodes(item)


def _rule(entry: Entry, dialect: Dialect, *, polled: bool) -> str:
    rule = dialect.rule(entry.obis)
    told = []
    if entry.scaler_unit is not None and not (rule and rule.override and rule.scaler_unit):
        told.append(f"{_shown(entry.scaler_unit)}, as {'the exchange' if polled else 'the message'} states")
    if rule is not None:
        number = dialect.objects.index(rule)
        where = f"objects[{number}] {rule.pattern}"
        if rule.code:
            told.append(f"{where}: read as {dialect.code(entry.obis)}")
        if rule.scaler_unit is not None and (rule.override or entry.scaler_unit is None):
            told.append(f"{where}: {_shown(rule.scaler_unit)}")
    return "; ".join(told)


def _column_rule(entry: Entry, dialect: Dialect, layout: str, index: int) -> str:
    where = f"layout '{layout}', columns[{index}]"
    if entry.scaler_unit is not None:
        return f"{where}: {_shown(entry.scaler_unit)}"
    rule = _rule(entry, dialect, polled=False)
    return f"{where}; {rule}" if rule else where


def _shown(scaler_unit: ScalerUnit) -> str:
    unit = units.symbol(scaler_unit.unit)
    return f"scaler {scaler_unit.scaler}, {f'unit {unit}' if unit else 'no unit'}"
