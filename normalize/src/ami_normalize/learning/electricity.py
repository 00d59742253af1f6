"""The numbers of a list: which of them are energies, powers, voltages, currents; and their scalers.

One thing leads to the next. Values alone tell voltages and the frequency; standing still at night tells export from
import; hours of a power are the energy counted; volts times amperes are the power. What nothing tells stays unknown.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from statistics import fmean
from typing import Final, NamedTuple

from ami_normalize.learning import energy, grid, power
from ami_normalize.learning.behaviour import is_sunlit, quiet_hours, zero_filled
from ami_normalize.learning.energy import Register
from ami_normalize.learning.findings import Finding
from ami_normalize.learning.grid import Voltage
from ami_normalize.learning.power import Currents, Power
from ami_normalize.learning.table import Column

CURRENTS: Final = ("1.0.31.7.0.255", "1.0.51.7.0.255", "1.0.71.7.0.255")
FACTOR: Final = "1.0.13.7.0.255"
NET: Final = "1.0.16.7.0.255"
_CLOSE: Final = 0.03
_EXPLAINED: Final = 0.85
_ROUNDED: Final = 3
_METERS: Final = {1: 0.76, 2: 0.8}
_MANY: Final = 150

_POWER_SCALERS: Final = {0: 1.0, -1: 0.03, 1: 0.03, -2: 0.02, -3: 0.03, 3: 0.02}
_CURRENT_SCALERS: Final = {-2: 1.0, -3: 1.0, -1: 1.0, 0: 0.5}
"""How usual each scaler is among makers."""
_TYPICAL_W: Final = 600.0
_TYPICAL_DECADES: Final = 0.6
"""Mean power of a metering point: most are within a factor of 4, few beyond 20."""
_FEW: Final = 5


class Scales(NamedTuple):
    """The scalers of what goes together."""

    power: int
    energy: int
    confidence: float


class Numbers:
    """What is found of the columns of numbers."""

    def __init__(self, columns: Sequence[Column]) -> None:
        """Find it."""
        self.found: dict[int, Finding] = {}
        self._columns = [column for column in columns if column.kind == "number"]
        self.found.update(grid.frequencies(self._free()))
        volts, told = grid.voltages(self._free())
        self.found.update(told)
        counted = energy.counters(self._free())
        self.found.update(counted.told)
        silent = [column for column in self._free() if column.is_silent]
        registers = energy.registers(counted.energies, silent, electric=bool(volts))
        counting = [register.column.index for register in registers]
        powers = list(power.of_registers(self._free(counting), registers))
        powers += self._phases(counting, powers, None)
        currents = self._currents(counting, powers, volts)
        if currents is not None:
            registers, powers = _confirmed(registers, powers, currents)
        if not powers:
            powers, currents = self._by_current(counting, volts)
            powers += self._phases(counting, powers, currents)
        powers += self._opposed(self._free(counting, _taken(powers, currents)), powers, volts, currents)
        scales = _scales(powers, registers, currents)
        self._tell_registers(registers, powers, scales)
        self._tell_powers(powers, scales)
        self._tell_currents(currents, powers, scales)
        self._tell_factor(powers, volts, currents)
        self._tell_net(powers, scales)
        self._weigh()
        self._tell_silent()
        self._tell_rest()

    def _free(self, *beside: Iterable[int]) -> list[Column]:
        taken = {index for more in beside for index in more}
        return [column for column in self._columns if column.index not in self.found and column.index not in taken]

    def _phases(self, counting: Sequence[int], powers: Sequence[Power], currents: Currents | None) -> list[Power]:
        found: list[Power] = []
        for total in powers:
            found += power.phases_of(total, self._free(counting, _taken([*powers, *found], currents)))
        return found

    def _currents(self, counting: Sequence[int], powers: Sequence[Power], volts: Sequence[Voltage]) -> Currents | None:
        load = _load(powers)
        if not volts or not load:
            return None
        return power.currents_of(load, volts, self._free(counting, _taken(powers, None)))

    def _by_current(self, counting: Sequence[int], volts: Sequence[Voltage]) -> tuple[list[Power], Currents | None]:
        """Find active power where no energy tells it: what volts times amperes explain best."""
        free = self._free(counting)
        tried: list[tuple[list[Column], Currents]] = []
        for columns in [*map(list, power.opposed(free)), *([column] for column in free if power.is_load(column))]:
            inside = {column.index for column in columns}
            load = [float(sum(row)) for row in zip(*map(zero_filled, columns), strict=True)]
            rest = [column for column in free if column.index not in inside]
            held = power.currents_of(load, volts, rest) if volts else None
            if held is not None:
                tried.append((columns, held))
        if not tried:
            return [], None
        most = max(held.explained for _, held in tried)
        columns, held = next(each for each in tried if each[1].explained >= most - _CLOSE)
        why = "volts times amperes, but for a power factor"
        if len(columns) == 1:
            return [Power(columns[0], 1, 0.75, why)], held
        sunlit = is_sunlit(columns[1], quiet_hours(columns[1]))
        told = f"{why}, where column {columns[0].index} is 0{', and by day only' if sunlit else ''}"
        sure = 0.85 if sunlit else 0.5
        return [Power(columns[0], 1, sure, why), Power(columns[1], 2, sure, told)], held

    def _opposed(
        self, free: Sequence[Column], powers: Sequence[Power], volts: Sequence[Voltage], currents: Currents | None
    ) -> list[Power]:
        """Find reactive powers by what active power and volts times amperes leave, or by taking turns behind it."""
        load = _load(powers)
        if not load or any(one.direction in {3, 4} for one in powers):
            return []
        whole = _whole(volts, currents)
        found: list[Power] = []
        for one, other in power.opposed(free):
            both = [float(a + b) for a, b in zip(zero_filled(one), zero_filled(other), strict=True)]
            why = "two columns side by side that take turns: one flow in both directions"
            sure = 0.5
            if power.is_reactive(both, load, whole):
                why, sure = f"{why}; what volts times amperes have beside active power", 0.8
            found += [Power(one, 3, sure, why), Power(other, 4, sure, why)]
        return found if len(found) == 2 else [one._replace(confidence=0.3) for one in found]

    def _tell_registers(self, registers: Sequence[Register], powers: Sequence[Power], scales: Scales) -> None:
        own = {one.register.column.index: one.fit for one in powers if one.register and one.fit}
        for register in registers:
            index = register.column.index
            held = own.get(index)
            scaler = scales.power + held.exponent if held else scales.energy
            sure, why = min(register.confidence, scales.confidence), register.reason
            if held:
                sure = min(register.confidence + 0.05, 0.95, scales.confidence)
                why += "; a power fits it"
            elif own and scaler != scales.power:
                sure -= 0.05
            self.found[index] = Finding(why, register.obis, sure, register.unit, scaler)

    def _tell_powers(self, powers: Sequence[Power], scales: Scales) -> None:
        for one in powers:
            sure = min(one.confidence, scales.confidence)
            self.found[one.column.index] = Finding(one.reason, one.obis, sure, one.unit, scales.power)

    def _tell_currents(self, currents: Currents | None, powers: Sequence[Power], scales: Scales) -> None:
        if currents is None:
            return
        scaler = scales.power + currents.exponent
        usual = 0.9 if scaler in _CURRENT_SCALERS else 0.4
        total = next((one.column.index for one in powers if one.direction == 1), powers[0].column.index)
        for phase, column in enumerate(currents.columns):
            if column.is_silent:
                continue
            why = f"with the voltages they make the power of column {total}"
            sure = min(0.6 + 0.35 * currents.explained, usual, scales.confidence)
            self.found[column.index] = Finding(why, CURRENTS[phase], sure, "A", scaler)

    def _tell_factor(self, powers: Sequence[Power], volts: Sequence[Voltage], currents: Currents | None) -> None:
        load = _load(powers)
        if currents is None or not load:
            return
        whole = _whole(volts, currents)
        for column in self._free():
            scaler = power.factor_scaler(column, load, whole)
            if scaler is not None:
                why = "the active power over volts times amperes"
                self.found[column.index] = Finding(why, FACTOR, 0.8, "", scaler)

    def _tell_net(self, powers: Sequence[Power], scales: Scales) -> None:
        """Tell import less export, which may be negative."""
        ways = {one.direction: one for one in powers if one.direction in {1, 2}}
        if len(ways) != 2:
            return
        net = [a - b for a, b in zip(zero_filled(ways[1].column), zero_filled(ways[2].column), strict=True)]
        for column in self._free():
            values = zero_filled(column)
            if min(values, default=0) < 0 and all(abs(a - b) <= _ROUNDED for a, b in zip(values, net, strict=True)):
                sure = min(ways[1].confidence, ways[2].confidence, scales.confidence)
                why = f"always column {ways[1].column.index} less column {ways[2].column.index}"
                self.found[column.index] = Finding(why, NET, sure, "W", scales.power)

    def _weigh(self) -> None:
        """Be less sure of what is told by how values go together, if few meters or messages tell it."""
        meters, rows = (
            (len(self._columns[0].series), sum(map(len, self._columns[0].series))) if self._columns else (0, 0)
        )
        weight = _METERS.get(meters, 1.0) * (1.0 if rows >= _MANY else 0.8)
        for index, found in self.found.items():
            if found.obis and found.obis not in {*grid.VOLTAGES, grid.FREQUENCY}:
                self.found[index] = found._replace(confidence=round(found.confidence * weight, 2))

    def _tell_silent(self) -> None:
        """Name what export would be: always 0, behind import and before reactive import."""
        for column in self._free():
            before, after = self.found.get(column.index - 1), self.found.get(column.index + 1)
            if not (before and after and column.values and column.is_silent):
                continue
            for what in ("7", "8"):
                if (before.obis, after.obis) == (f"1.0.1.{what}.0.255", f"1.0.3.{what}.0.255"):
                    why = "always 0, where makers put export: no meter shows any"
                    code, scaler = f"1.0.2.{what}.0.255", before.scaler
                    self.found[column.index] = Finding(why, code, 0.5, before.unit, scaler)

    def _tell_rest(self) -> None:
        for column in self._free():
            self.found[column.index] = Finding(_rest(column))


def _confirmed(
    registers: Sequence[Register], powers: Sequence[Power], currents: Currents
) -> tuple[list[Register], list[Power]]:
    """Be surer of active import where volts times amperes are its power."""
    least = 0.8 if currents.explained >= _EXPLAINED else 0.0
    return (
        [one._replace(confidence=max(one.confidence, least)) if one.direction == 1 else one for one in registers],
        [one._replace(confidence=max(one.confidence, least)) if one.direction == 1 else one for one in powers],
    )


def _taken(powers: Sequence[Power], currents: Currents | None) -> list[int]:
    return [
        *(one.column.index for one in powers),
        *(column.index for column in (currents.columns if currents else ()) if not column.is_silent),
    ]


def _load(powers: Sequence[Power]) -> list[float]:
    """Return the active power of each row, in either direction."""
    active = [zero_filled(one.column) for one in powers if one.direction in {1, 2}]
    return [float(sum(row)) for row in zip(*active, strict=True)]


def _whole(volts: Sequence[Voltage], currents: Currents | None) -> list[float]:
    """Return volts times amperes of each row, in the numbers of the power."""
    if currents is None:
        return []
    return [product * 10.0**currents.exponent for product in power.apparent(volts, currents.columns)]


def _rest(column: Column) -> str:
    if not column.values:
        return "never has a value"
    if column.is_silent:
        return "always 0: nothing tells what it would count or measure"
    if column.distinct == 1:
        return f"always {column.values[0]}"
    if column.distinct <= _FEW:
        return f"one of {column.distinct} values: a status, a tariff, or the like"
    if min(column.values) < 0:
        return "rises and falls, also below 0: no rule says with what"
    return "rises and falls: no rule says with what"


def _scales(powers: Sequence[Power], registers: Sequence[Register], currents: Currents | None) -> Scales:
    """Choose the scaler of the powers (and so of all that goes with them) by what is usual and what is plausible."""
    held = next((one for one in powers if one.direction == 1), next(iter(powers), None))
    if held is None:
        return _scale_of_energy(registers)
    means = [fmean(known) for series in held.column.series if (known := [v for v in series if v is not None])]
    exponent = held.fit.exponent if held.fit else None
    weights: dict[int, float] = {}
    for scaler, usual in _POWER_SCALERS.items():
        weight = usual * _plausible(means, scaler)
        if exponent is not None:
            weight *= power.ENERGY_STEPS.get(scaler + exponent, 0.01)
        if currents is not None:
            weight *= _CURRENT_SCALERS.get(scaler + currents.exponent, 0.01)
        weights[scaler] = weight
    best = max(weights, key=lambda one: weights[one])
    sure = weights[best] / (sum(weights.values()) or 1.0)
    return Scales(best, best + (exponent or 0), sure)


def _scale_of_energy(registers: Sequence[Register]) -> Scales:
    """Choose the scaler of energies beside which no power stands: by what a day of them would come to."""
    active = next((one for one in registers if one.direction == 1 and not one.tariff), None)
    if active is None:
        return Scales(0, 0, 0.0)
    rates = []
    for meter in range(len(active.column.series)):
        steps = [step for step in active.column.steps if step.meter == meter]
        if steps:
            rates.append(sum(step.moved for step in steps) / sum(step.seconds for step in steps) * 3600)
    weights = {scaler: usual * _plausible(rates, scaler) for scaler, usual in power.ENERGY_STEPS.items()}
    best = max(weights, key=lambda one: weights[one])
    return Scales(best, best, weights[best] / (sum(weights.values()) or 1.0))


def _plausible(means: Sequence[float], scaler: int) -> float:
    """Return how plausible it is that metering points have such mean powers, if scaled so."""
    known = [math.log10(mean) for mean in means if mean > 0]
    if not known:
        return 1.0
    off = fmean(known) + scaler - math.log10(_TYPICAL_W)
    return math.exp(-((off / _TYPICAL_DECADES) ** 2) / 2)
