"""A table of messages to the mapping entry that would explain them, with how sure each column is, and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from statistics import median
from typing import Any, Final

from ami_dlms.axdr import Tag
from ami_normalize.learning.electricity import Numbers
from ami_normalize.learning.findings import Finding
from ami_normalize.learning.samples import Sample
from ami_normalize.learning.table import Column, Table, tables
from ami_normalize.learning.words import constant_begin, words
from ami_normalize.model import ScalerUnit
from ami_normalize.shapes import lists
from ami_schemas import units

SURE: Final = 0.6
"""A column that is less sure stays without OBIS, so that it is passed over."""
_INVERTED_S: Final = 600
_CONTRADICTED: Final = 0.3


@dataclass(frozen=True)
class Place:
    """One column of the proposal."""

    index: int
    type: str
    finding: Finding
    starts: str
    examples: tuple[Any, ...]

    def as_column(self, sure: float) -> dict[str, Any]:
        """Return it in the form of a mapping."""
        found = self.finding
        made: dict[str, Any] = {"type": self.type}
        if self.starts:
            made["starts"] = self.starts
        if found.confidence < sure:
            return made
        if found.part:
            made["part"] = found.part
        if found.obis:
            made["obis"] = found.obis
            if found.scaler:
                made["scaler"] = found.scaler
            if found.unit is not None:
                made["unit"] = found.unit or None
        return made


@dataclass(frozen=True)
class Proposal:
    """What is learnt of one layout."""

    table: Table
    places: tuple[Place, ...]
    """Empty where the body is no list: no mapping can explain it."""
    deviation_inverted: bool
    name: str
    """Of the dialect."""

    @property
    def fingerprint(self) -> str:
        """The fingerprint most of its messages have."""
        return self.table.fingerprints[0]

    def explains(self, sure: float = SURE) -> int:
        """Return how many columns get an OBIS code."""
        return sum(bool(place.finding.obis) and place.finding.confidence >= sure for place in self.places)

    def as_dialect(self, sure: float = SURE) -> dict[str, Any]:
        """Return the entry of a mapping; columns less sure than that are passed over."""
        table = self.table
        maker = {"manufacturer": table.maker, "match": [{"flag": table.maker}]} if table.maker else {}
        return {
            "name": self.name,
            "description": f"proposed from {len(table.samples)} messages of {len(table.meters)} meters",
            **maker,
            "layouts": [
                {
                    "name": self.fingerprint,
                    **({"tagged_time": True} if table.tagged_time else {}),
                    "columns": [place.as_column(sure) for place in self.places],
                }
            ],
            **({"time": {"deviation_inverted": True}} if self.deviation_inverted else {}),
            **({"nulls": "absent"} if self._lacks_phases(sure) else {}),
        }

    def _lacks_phases(self, sure: float) -> bool:
        """Tell whether some meters have values where others never have one."""
        return any(
            place.type == "number"
            and place.finding.confidence >= sure
            and any(not any(value is not None for value in series) for series in self.table.columns[place.index].series)
            for place in self.places
        )


def learn(found: Iterable[Sample]) -> list[Proposal]:
    """Return what is learnt of messages that no mapping explains, the layout with most messages first."""
    names: Counter[str] = Counter()
    proposals = []
    for table in tables(list(found)):
        name = "-".join(filter(None, ("learned", table.maker.lower(), table.fingerprints[0])))
        names[name] += 1
        proposals.append(_proposal(table, f"{name}-{names[name]}" if names[name] > 1 else name))
    return proposals


def _proposal(table: Table, name: str) -> Proposal:
    told: dict[int, Finding] = {**dict(words(table)), **Numbers(table.columns).found}
    return Proposal(
        table,
        tuple(
            Place(
                column.index,
                column.kind,
                _held(told.get(column.index, _other(column)), _stated(table, column.index + 1)),
                constant_begin(column) if column.kind == "text" else "",
                _examples(column),
            )
            for column in table.columns
        ),
        _inverted(table),
        name,
    )


def _stated(table: Table, index: int) -> ScalerUnit | None:
    """Return the scaler and unit that a column always states, or None."""
    column = table.columns[index] if index < len(table.columns) else None
    if column is None or column.kind != "scaler-unit":
        return None
    found = {lists.scaler_unit(cell) for cells in column.cells for cell in cells if cell.tag == Tag.STRUCTURE}
    return found.pop() if len(found) == 1 else None


def _held(finding: Finding, stated: ScalerUnit | None) -> Finding:
    """Hold a finding against what the message states: its scaler counts, another unit speaks against the finding."""
    if stated is None or not finding.obis or finding.unit is None:
        return finding
    symbol = units.symbol(stated.unit) or ""
    if symbol == finding.unit:
        return finding._replace(scaler=stated.scaler, reason=f"{finding.reason}; the message states the unit, too")
    sure = min(finding.confidence, _CONTRADICTED)
    return finding._replace(
        confidence=sure, reason=f"{finding.reason}; but the message states the unit {symbol or 'none'}"
    )


def _other(column: Column) -> Finding:
    if column.kind == "boolean":
        return Finding("a truth value: nothing tells of what")
    if column.kind == "text":
        return Finding("a text that some meters share")
    return Finding("never has a value" if not _examples(column) else "no value that a list of numbers and texts holds")


def _examples(column: Column) -> tuple[Any, ...]:
    """Return the first values of the first meters."""
    found = []
    for cells in column.cells[:3]:
        cell = next((cell for cell in cells if cell.value not in (None, b"", "")), None)
        if cell is not None:
            found.append(cell.value)
    return tuple(found)


def _inverted(table: Table) -> bool:
    """Tell whether the meters' times come near to our reception only with the sign of their deviation turned around."""
    as_said, turned = [], []
    for stated, received in zip(table.stated, table.received, strict=True):
        for instant, reception in zip(stated, received, strict=True):
            if instant is None or instant.utc is None or reception is None:
                continue
            offset = instant.local - instant.utc.replace(tzinfo=None)
            if offset != timedelta():
                as_said.append(abs(instant.utc.timestamp() - reception))
                turned.append(abs((instant.utc + 2 * offset).timestamp() - reception))
    return bool(as_said) and median(turned) < _INVERTED_S < median(as_said)


def as_mapping(proposals: Sequence[Proposal], sure: float = SURE) -> list[dict[str, Any]]:
    """Return the mapping of all proposals that explain something."""
    return [proposal.as_dialect(sure) for proposal in proposals if proposal.explains(sure)]
