"""Columns that rise and fall with the load: powers, currents and the power factor."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from statistics import median
from typing import Final, NamedTuple

from ami_normalize.learning.behaviour import Fit, correlated, excludes, fit, is_sum, zero_filled
from ami_normalize.learning.energy import Register
from ami_normalize.learning.grid import PHASES, Voltage
from ami_normalize.learning.table import Column

_LEAST_DISTINCT: Final = 5
_MOST_FACTOR, _LEAST_FACTOR = 1.05, 0.55
_ROWS: Final = 0.85
"""Of the rows with much load, so many must agree."""
_CORRELATED: Final = 0.8
_LEAST_ROWS: Final = 8
_FACTOR_OFF: Final = 0.05
_FOLLOWS: Final = 0.5
ENERGY_STEPS: Final = {0: 1.0, 1: 0.3, 3: 0.3, 2: 0.05, -1: 0.05, -2: 0.02, -3: 0.05}
"""How usual it is among makers to count energy in such steps, by their scaler."""


class Power(NamedTuple):
    """A column that is a power."""

    column: Column
    direction: int
    """Value group C."""
    confidence: float
    reason: str
    fit: Fit | None = None
    register: Register | None = None

    @property
    def obis(self) -> str:
        """Its code."""
        return f"1.0.{self.direction}.7.0.255"

    @property
    def unit(self) -> str:
        """Its unit."""
        return "W" if self.direction % 20 in {1, 2, 16} else "var"


class Currents(NamedTuple):
    """The columns that are the currents of the phases."""

    columns: tuple[Column, ...]
    """One a voltage."""
    exponent: int
    """Volts times numbers are `10 ** exponent` less than the power's numbers."""
    explained: float
    """The share of rows that agree."""


def is_load(column: Column) -> bool:
    """Tell whether a column rises and falls as a load does, and is never negative."""
    return column.distinct >= _LEAST_DISTINCT and not column.is_counter and min(column.values) >= 0


def of_registers(free: Sequence[Column], found: Sequence[Register]) -> Iterator[Power]:
    """Yield the powers whose hours are what a register counts."""
    taken: set[int] = set()
    for register in found:
        if register.tariff:
            continue
        fits = [
            (held, column)
            for column in free
            if column.index not in taken and is_load(column) and (held := fit(column, register.column)) is not None
        ]
        if not fits:
            continue
        held, column = max(fits, key=lambda each: _score(each[0]))
        taken.add(column.index)
        why = f"hours of it are what column {register.column.index} counts (correlation {held.correlation:.2f})"
        yield Power(column, register.direction, min(register.confidence + 0.05, 0.95), why, held, register)


def _score(held: Fit) -> float:
    """Prefer what follows closely, in the decade meant, and counts in the steps that makers use."""
    return held.correlation - 2 * held.error + 0.3 * math.log10(ENERGY_STEPS.get(held.exponent, 0.01))


def phases_of(power: Power, free: Sequence[Column]) -> list[Power]:
    """Return the powers of the phases: three columns side by side that always add up to the power."""
    for span in _spans([column for column in free if column.index != power.column.index], PHASES):
        positive = all(not column.values or min(column.values) >= 0 for column in span)
        if positive and is_sum(zero_filled(power.column), [zero_filled(column) for column in span]):
            why = f"three columns side by side that always add up to column {power.column.index}"
            return [
                Power(column, power.direction + 20 * (number + 1), power.confidence, why)
                for number, column in enumerate(span)
            ]
    return []


def currents_of(load: Sequence[float], volts: Sequence[Voltage], free: Sequence[Column]) -> Currents | None:
    """Return the currents: as many columns side by side as there are voltages, which with them make the load."""
    found = []
    for span in _spans(free, len(volts)):
        if not all(
            is_load(column) or (column.is_silent and voltage.column.is_silent)
            for column, voltage in zip(span, volts, strict=True)
        ):
            continue
        if is_sum(load, [zero_filled(column) for column in span]):
            continue  # the powers of the phases: with the voltages they correlate with the load as well
        held = _explained(load, apparent(volts, span))
        if held is not None:
            found.append(Currents(tuple(span), *held))
    return max(found, key=lambda each: each.explained, default=None)


def apparent(volts: Sequence[Voltage], amperes: Sequence[Column]) -> list[float]:
    """Return the volts times amperes of each row, over all phases, in volts times the currents' own numbers."""
    products = [
        [v * 10.0**voltage.scaler * c for v, c in zip(zero_filled(voltage.column), zero_filled(current), strict=True)]
        for voltage, current in zip(volts, amperes, strict=True)
    ]
    return [sum(row) for row in zip(*products, strict=True)]


def _explained(load: Sequence[float], products: Sequence[float]) -> tuple[int, float] | None:
    """Hold a load against volts times currents: the exponent between them, and the share of rows that agree."""
    rows = [(p, s) for p, s in zip(load, products, strict=True) if p > 0 and s > 0]
    middle = median([p for p, _ in rows]) if rows else 0
    ratios = [p / s for p, s in rows if p >= middle]
    if len(ratios) < _LEAST_ROWS:
        return None
    exponent = math.ceil(math.log10(median(ratios) / _MOST_FACTOR))
    near = [_LEAST_FACTOR <= ratio / 10.0**exponent <= _MOST_FACTOR * 1.05 for ratio in ratios]
    share = sum(near) / len(near)
    alike = correlated(list(load), list(products))
    return (exponent, share * alike) if share >= _ROWS and alike >= _CORRELATED else None


def _spans(free: Sequence[Column], count: int) -> Iterator[list[Column]]:
    """Yield every so many columns side by side."""
    known = {column.index: column for column in free}
    for index in sorted(known):
        if all(index + more in known for more in range(count)):
            yield [known[index + more] for more in range(count)]


def opposed(free: Sequence[Column]) -> Iterator[tuple[Column, Column]]:
    """Yield pairs side by side that never have a value at the same time: the two directions of one flow."""
    for one, other in _spans([column for column in free if is_load(column)], 2):
        if excludes(one, other):
            yield one, other


def is_reactive(column: Sequence[float], active: Sequence[float], whole: Sequence[float]) -> bool:
    """Tell whether a power is what is missing between the active one and volts times amperes, in most rows."""
    middle = median(whole) if whole else 0
    rows = [math.hypot(p, q) / s for q, p, s in zip(column, active, whole, strict=True) if s >= middle and s > 0]
    if len(rows) < _LEAST_ROWS:
        return False
    near = sum(0.93 <= one <= 1.07 for one in rows)
    return near >= 0.8 * len(rows)


def factor_scaler(column: Column, active: Sequence[float], whole: Sequence[float]) -> int | None:
    """Return the scaler by which a column is the active power over volts times amperes, or None."""
    values = zero_filled(column)
    middle = median(whole) if whole else 0
    factors = [(float(v), p / s) for v, p, s in zip(values, active, whole, strict=True) if s >= middle and s > 0]
    if correlated([v for v, _ in factors], [factor for _, factor in factors]) < _FOLLOWS:
        return None
    for scaler in (-2, -3):
        rows = [
            abs(value * 10.0**scaler - p / s) <= _FACTOR_OFF
            for value, p, s in zip(values, active, whole, strict=True)
            if s >= middle and s > 0
        ]
        if len(rows) >= _LEAST_ROWS and sum(rows) >= _ROWS * len(rows):
            return scaler
    return None
