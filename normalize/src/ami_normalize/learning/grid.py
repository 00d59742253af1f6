"""Columns that show the grid: voltages and the frequency. Their values alone tell them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from ami_normalize.learning.behaviour import variation
from ami_normalize.learning.findings import Finding
from ami_normalize.learning.table import Column

_VOLTS: Final = ((195.0, 265.0), (95.0, 135.0))
"""Of 230 V and of 120 V, with what grids allow themselves."""
_HERTZ: Final = ((49.7, 50.3), (59.7, 60.3))
_SCALERS: Final = (-1, 0, -2, -3)
_VOLTAGE_VARIES: Final = 0.035
_FREQUENCY_VARIES: Final = 0.003
_FEW: Final = 4
PHASES: Final = 3
VOLTAGES: Final = ("1.0.32.7.0.255", "1.0.52.7.0.255", "1.0.72.7.0.255")
FREQUENCY: Final = "1.0.14.7.0.255"


class Voltage(NamedTuple):
    """A column that is a voltage."""

    column: Column
    scaler: int
    phase: int
    """0 is L1."""


def voltages(free: Sequence[Column]) -> tuple[list[Voltage], dict[int, Finding]]:
    """Find the voltages of the phases: one, or those of three columns side by side."""
    in_range = {column.index: _in_range(column, _VOLTS, _VOLTAGE_VARIES) for column in free}
    like = {index: scaler for index, scaler in in_range.items() if scaler is not None}
    runs = _runs(sorted(like), {column.index for column in free if column.is_silent})
    whole = [run for run in runs if len(run) == PHASES]
    chosen = whole if len(whole) == 1 else runs if len(runs) == 1 else []
    known = {column.index: column for column in free}
    found: list[Voltage] = []
    told: dict[int, Finding] = {}
    for run in runs:
        alone = run in chosen
        for index in run:
            phase = index - run[0]
            if index not in like:
                continue
            scaler = like[index]
            why = f"values of a {'120' if _mean(known[index]) * 10**scaler < 150 else '230'} V grid"
            sure = (0.9 if len(run) == PHASES else 0.75) if alone else 0.4
            if len(run) == PHASES:
                why += f", the {('first', 'second', 'third')[phase]} of three side by side"
            elif len(run) > 1:
                sure = min(sure, 0.5)
            if not alone:
                why += "; but other columns have such values, too"
            else:
                found.append(Voltage(known[index], scaler, phase))
            told[index] = Finding(why, VOLTAGES[phase], sure, "V", scaler)
    return found, told


def _runs(indices: Sequence[int], silent: set[int]) -> list[list[int]]:
    """Group columns side by side, three at most; a column that has no value at any meter may be a phase between."""
    runs: list[list[int]] = []
    for index in indices:
        run = runs[-1] if runs else []
        between = list(range(run[-1] + 1, index)) if run else []
        if run and len(run) + len(between) < PHASES and all(each in silent for each in between):
            run += [*between, index]
        else:
            runs.append([index])
    return runs


def frequencies(free: Sequence[Column]) -> dict[int, Finding]:
    """Find the frequency: all meters of a grid have the same."""
    told = {}
    for column in free:
        scaler = _in_range(column, _HERTZ, _FREQUENCY_VARIES)
        if scaler is None or scaler == 0:
            continue
        means = [sum(known) / len(known) for series in column.series if (known := [v for v in series if v])]
        if max(means) - min(means) <= 0.002 * max(means):
            told[column.index] = Finding(
                "the frequency of a grid, the same at all meters", FREQUENCY, 0.85, "Hz", scaler
            )
    return told if len(told) == 1 else {index: one._replace(confidence=0.4) for index, one in told.items()}


def _mean(column: Column) -> float:
    known = [value for value in column.values if value]
    return sum(known) / len(known)


def _in_range(column: Column, ranges: Sequence[tuple[float, float]], varies: float) -> int | None:
    """Return the scaler by which all values are in a range; a phase that is away has 0 or nothing."""
    known = [value for value in column.values if value]
    if len(known) < _FEW or column.distinct < _FEW or column.is_counter or variation(column) > varies:
        return None
    low, high = min(known), max(known)
    for scaler in _SCALERS:
        for least, most in ranges:
            if least <= low * 10.0**scaler and high * 10.0**scaler <= most:
                return scaler
    return None
