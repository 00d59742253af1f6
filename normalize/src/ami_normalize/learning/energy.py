"""Columns that count: energies by their direction and kind, and what counts something else."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median, pstdev
from typing import Final, NamedTuple

from ami_normalize.learning.behaviour import (
    HOURS,
    counts_messages,
    counts_time,
    idle_hours,
    is_sum,
    is_sunlit,
    zero_filled,
)
from ami_normalize.learning.findings import Finding
from ami_normalize.learning.table import Column

_MOST_TARIFFS: Final = 4
_EVEN: Final = 0.05
_REACTIVE: Final = 0.9
"""Reactive energy goes on by at most so much of the active one."""
_TAKES_TURNS: Final = 5


class Register(NamedTuple):
    """A column that counts energy."""

    column: Column
    direction: int
    """Value group C: 1 active import, 2 active export, 3 and 4 reactive."""
    tariff: int
    confidence: float
    reason: str

    @property
    def obis(self) -> str:
        """Its code."""
        return f"1.0.{self.direction}.8.{self.tariff}.255"

    @property
    def unit(self) -> str:
        """Its unit."""
        return "Wh" if self.direction in {1, 2} else "varh"


class Counters(NamedTuple):
    """The columns that only go forward."""

    energies: list[Column]
    told: dict[int, Finding]
    """Of those that count something else."""


def counters(free: Sequence[Column]) -> Counters:
    """Tell counters that follow consumption from those that follow the clock or the messages."""
    energies: list[Column] = []
    told: dict[int, Finding] = {}
    for column in free:
        if not column.is_counter:
            continue
        if counts_messages(column):
            told[column.index] = Finding("goes up by the same with each message: it counts messages or time, no energy")
        elif counts_time(column):
            told[column.index] = Finding("goes up as time passes: a clock that counts, no energy")
        elif not column.steps or _is_even(column):
            told[column.index] = Finding("goes up evenly, and so follows no consumption")
        else:
            energies.append(column)
    return Counters(energies, told)


def _is_even(column: Column) -> bool:
    rates = [step.moved / step.seconds for step in column.steps]
    middle = sum(rates) / len(rates)
    return pstdev(rates) <= _EVEN * middle


def registers(energies: Sequence[Column], silent: Sequence[Column], *, electric: bool) -> list[Register]:
    """Tell the energies: tariffs by their sum, export by standing still at night, the rest by size and order.

    `electric`: something else in the message shows that it is electricity that is counted.
    """
    tariffs = _tariffs(energies, silent)
    parts = {part.index for found in tariffs.values() for part in found}
    totals = [column for column in energies if column.index not in parts]
    found = _totals(totals, {column.index for column in silent} - parts, electric=electric or bool(tariffs))
    for register in list(found):
        for number, part in enumerate(tariffs.get(register.column.index, ()), start=1):
            why = f"column {register.column.index} is always the sum of this and its neighbours: tariff {number} of it"
            sure = min(register.confidence, 0.9)
            found.append(Register(part, register.direction, number, sure, why))
    return found


def _tariffs(energies: Sequence[Column], silent: Sequence[Column]) -> dict[int, list[Column]]:
    """Return the tariff registers of each total: the fewest columns behind it (or else before it) that add up to it."""
    known = {column.index: column for column in (*energies, *silent)}
    moving = {column.index for column in energies}
    taken: set[int] = set()
    found: dict[int, list[Column]] = {}
    for total in energies:
        if total.index in taken:
            continue
        for first in (total.index + 1, None):
            for count in range(2, _MOST_TARIFFS + 1):
                begin = first if first is not None else total.index - count
                span = range(begin, begin + count)
                if not all(index in known and index not in taken and index not in found for index in span):
                    continue
                if not any(index in moving for index in span):
                    continue
                parts = [known[index] for index in span]
                if total.index not in found and is_sum(zero_filled(total), [zero_filled(part) for part in parts]):
                    found[total.index] = parts
                    taken.update(span)
    return found


def _totals(totals: Sequence[Column], silent: set[int], *, electric: bool) -> list[Register]:
    """Tell totals: active import is the first that also counts at night, and the largest of these."""
    whole_day = any(len({step.hour for step in column.steps}) == HOURS for column in totals)
    sunlit = [column for column in totals if is_sunlit(column, idle_hours(column))]
    always = [column for column in totals if column not in sunlit]
    if not always:
        return [Register(column, 2, 0, 0.3, "a counter that stands still at night") for column in sunlit]
    size = {column.index: _size(column) for column in totals}
    active = always[0]
    largest = size[active.index] >= max(size[column.index] for column in always)
    dark = active.local or len(idle_hours(active)) < _TAKES_TURNS
    electric = electric or (whole_day and len(sunlit) == 1) or len(totals) > 2
    sure = 0.85 if electric and whole_day and largest and dark else 0.4
    why = "never goes back, goes on by day and night"
    if len(always) > 1:
        why += ", by more than the other counters" if largest else "; but another counter goes on by more"
    if not whole_day:
        why = "never goes back; the messages of a whole day would tell more"
    if not electric:
        why += "; but nothing in the message shows that it counts electricity"
    found = [Register(active, 1, 0, sure, why)]
    for column in sunlit:
        between = silent & set(range(active.index, column.index))
        near = len(sunlit) == 1 and column.index > active.index and dark and not between
        why = f"a counter that stands still for {len(idle_hours(column))} hours every night, as fed-in sunlight does"
        found.append(Register(column, 2, 0, 0.9 if near and electric else 0.4, why))
    rest = always[1:]
    behind = [column for column in rest if size[column.index] <= _REACTIVE * size[active.index]]
    last = max(column.index for column in (active, *sunlit))
    gaps = len(silent & set(range(last, rest[0].index))) if rest else 0
    places = gaps <= (0 if sunlit else 1)  # export that no meter has may stand between
    told = len(rest) == len(behind) <= 2 and whole_day and dark and places and len(sunlit) <= 1
    for number, column in enumerate(rest):
        if told:
            usual = 0.75 if len(rest) == 2 else 0.65
            why = f"goes on by day and night, by less than active import, the {('first', 'second')[number]} behind it"
            found.append(Register(column, 3 + number, 0, usual if electric else 0.4, why))
        else:
            found.append(Register(column, 3, 0, 0.3, "a counter beside active import: no rule says of what"))
    return found


def _size(column: Column) -> float:
    """Return by how much a counter goes on at a typical meter."""
    moved = []
    for series in column.series:
        known = [value for value in series if value is not None]
        if known:
            moved.append(float(known[-1] - known[0]))
    return median(moved) if moved else 0.0
