"""What columns of numbers do over time, across meters, and beside each other."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from statistics import StatisticsError, correlation, fmean, median, pstdev
from typing import Final, NamedTuple

from ami_normalize.learning.table import Column, Number

MOST_STEP_S: Final = 3 * 3600
"""Over a longer gap no power can be compared with the energy counted."""
_NEAR_DECADE: Final = 0.12
"""A ratio is a power of ten if its logarithm is at most so far from an integer: a factor of 1.3."""
_NEAR_DECADE_OF_ONE: Final = 0.3
"""Of a single meter."""
_LEAST_STEPS: Final = 12
_LEAST_MOVES: Final = 8
_CORRELATED: Final = 0.35
_LEAST_IDLE: Final = 5
HOURS: Final = 24
_NIGHT: Final = frozenset({0, 1, 2})


def zero_filled(column: Column) -> list[Number]:
    """Return the numbers of all rows, 0 where there is none."""
    return [0 if value is None else value for series in column.series for value in series]


def variation(column: Column) -> float:
    """Return the largest ratio of deviation to mean that a meter has."""
    found = []
    for series in column.series:
        known = [value for value in series if value]
        if len(known) > 1 and fmean(known):
            found.append(pstdev(known) / abs(fmean(known)))
    return max(found, default=0.0)


def decade(ratio: float) -> int | None:
    """Return the exponent of the power of ten that a ratio is near to, or None."""
    if ratio <= 0:
        return None
    exact = math.log10(ratio)
    near = round(exact)
    return near if abs(exact - near) <= _NEAR_DECADE else None


class Fit(NamedTuple):
    """A power that fits an energy: hours of power are `10 ** exponent` times the energy counted."""

    exponent: int
    error: float
    """How far off the ratio is, in decades."""
    correlation: float


def fit(power: Column, energy: Column) -> Fit | None:
    """Hold a power against the movement of a counter, meter by meter and step by step; None if it does not fit."""
    ratios, worked, counted = [], [], []
    for work, movement in _paired(power, energy):
        if sum(work) > 0 and sum(movement) > 0 and sum(value > 0 for value in movement) >= _LEAST_MOVES:
            ratios.append(math.log10(sum(work) / sum(movement)))
            worked += work
            counted += movement
    if not ratios or len(worked) < _LEAST_STEPS:
        return None
    middle = median(ratios)
    exponent = round(middle)
    if abs(middle - exponent) > _NEAR_DECADE or any(abs(one - exponent) > _NEAR_DECADE_OF_ONE for one in ratios):
        return None
    alike = correlated(worked, counted)
    return Fit(exponent, abs(middle - exponent), alike) if alike >= _CORRELATED else None


def _paired(power: Column, energy: Column) -> Iterator[tuple[list[float], list[float]]]:
    """Yield for each meter the work of each step (mean power times hours) and the movement of the counter."""
    for powers, energies, times in zip(power.series, energy.series, power.times, strict=True):
        work, movement = [], []
        before: tuple[float, Number, Number] | None = None
        for at, p, e in zip(times, powers, energies, strict=True):
            if at is None or p is None or e is None:
                before = None
                continue
            if before is not None and 0 < at - before[0] <= MOST_STEP_S:
                work.append((before[1] + p) / 2 * (at - before[0]) / 3600)
                movement.append(float(e - before[2]))
            before = (at, p, e)
        yield work, movement


def correlated(one: Sequence[float], other: Sequence[float]) -> float:
    """Return the correlation of two series, 0 where one is constant."""
    try:
        return correlation(one, other)
    except StatisticsError:
        return 0.0


def is_sum(whole: Sequence[float], parts: Sequence[Sequence[float]]) -> bool:
    """Tell whether a column is the sum of others in every message, but for rounding; two of them must have values."""
    most = len(parts)
    both = False
    for total, *each in zip(whole, *parts, strict=True):
        if abs(total - sum(each)) > most:
            return False
        both = both or sum(value > most for value in each) > 1
    return both


def excludes(one: Column, other: Column) -> bool:
    """Tell whether two columns never have a value at the same time, though each has one at times."""
    rows = list(zip(zero_filled(one), zero_filled(other), strict=True))
    least = max(2, len(rows) // 50)
    if any(a and b for a, b in rows):
        return False
    return sum(bool(a) for a, _ in rows) >= least and sum(bool(b) for _, b in rows) >= least


def idle_hours(column: Column) -> set[int]:
    """Return the hours of the day in which a counter never moves, at any meter; none unless all hours were seen."""
    seen = {step.hour for step in column.steps}
    moving = {step.hour for step in column.steps if step.moved}
    return seen - moving if len(seen) == HOURS else set()


def quiet_hours(column: Column) -> set[int]:
    """Return the hours of the day in which a column is always 0, at any meter; none unless all hours were seen."""
    rows = [
        (hour, value)
        for hours, series in zip(column.hours, column.series, strict=True)
        for hour, value in zip(hours, series, strict=True)
        if hour is not None and value is not None
    ]
    seen, busy = {hour for hour, _ in rows}, {hour for hour, value in rows if value}
    return seen - busy if len(seen) == HOURS else set()


def is_sunlit(column: Column, idle: set[int]) -> bool:
    """Tell whether hours without value are the night's, as with fed-in sunlight.

    The meter's own clock says which hours those are; where nobody says, some hours on end must do.
    """
    if not 0 < len(idle) < HOURS:
        return False
    if column.local:
        return idle >= _NIGHT
    return any(all((first + more) % HOURS in idle for more in range(_LEAST_IDLE)) for first in range(HOURS))


def counts_messages(column: Column) -> bool:
    """Tell whether a counter goes up by the same with each message."""
    moved = {step.moved for step in column.steps}
    return len(moved) == 1 and len(column.steps) > 1


def counts_time(column: Column) -> bool:
    """Tell whether a counter goes up with the seconds, minutes or hours that pass."""
    steps = column.steps
    if len(steps) < 2:
        return False
    return any(
        all(abs(step.moved - step.seconds * rate) <= 1 + 0.02 * step.seconds * rate for step in steps)
        and sum(step.moved for step in steps) > 2
        for rate in (1000, 1, 1 / 60, 1 / 3600)
    )
