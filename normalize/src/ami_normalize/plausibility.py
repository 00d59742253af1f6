"""Values that cannot be, by one message and what is registered of its meter: marked, never removed, never corrected.

    POWER_IMPLAUSIBLE      a power against the voltages and currents beside it   by values
    LIMIT_EXCEEDED         a value against what the connection carries           by values and the registry
    TIME_IMPOSSIBLE        a meter's time against the time of reception          by times
    MANUFACTURER_SPECIFIC  a code whose meaning is the maker's own               by the code alone

A counter at its end is seen where its type is known (`shapes.objects`), a unit that contradicts its code likewise. What
takes several records to see, such as a register that goes backwards, belongs to `watch`.

What depends on the codes and units of a message alone is its `Plan`, made once a shape.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from functools import lru_cache
from typing import Final, NamedTuple

from ami_dlms.obis import parse_obis
from ami_normalize.instants import Instant, Origin, micros_of
from ami_normalize.meter import Limits
from ami_normalize.model import VALUE_ATTRIBUTE, Block, Reading, Statement
from ami_normalize.numbers import Exact, Real, Value
from ami_normalize.quality import Quality
from ami_schemas.meanings import meaning

_W, _VA, _VAR, _WH, _VAH, _VARH, _A, _V = 27, 28, 29, 30, 31, 32, 33, 35
_POWERS: Final = frozenset({_W, _VA, _VAR})
_ENERGIES: Final = frozenset({_WH, _VAH, _VARH})

POWER_FACTOR: Final = 2.0
"""A power may be twice what voltage and current come to: meters do not sample them in the same instant, and a load that
is switched in between shows in one of them only. A wrong scaler is at least a factor of ten."""
POWER_FLOOR_VA: Final = 100.0
"""Below this, what the last digits of voltage and current hide outweighs the rest."""
VOLTAGE_BAND: Final = 1.1
"""Supply voltage is at most 10 % above nominal (EN 50160)."""
TIME_TOLERANCE: Final = timedelta(minutes=15)
"""A clock may run ahead of reception by one usual interval: beyond, a value belongs to an interval not yet begun."""
ZONE_TOLERANCE: Final = timedelta(hours=14)
"""Where the zone is assumed the clock may be that much ahead: the largest offset on earth."""
EARLIEST: Final = datetime(2001, 1, 1, tzinfo=timezone.utc)
"""No meter in the field has a value from before: clocks that lost their time begin in 1970, 1980 or 2000."""

TIME_TOLERANCE_US: Final = TIME_TOLERANCE // timedelta(microseconds=1)
ZONE_TOLERANCE_US: Final = ZONE_TOLERANCE // timedelta(microseconds=1)
EARLIEST_US: Final = micros_of(EARLIEST)


class Bounds(NamedTuple):
    """What the connection of a meter carries; None where nobody knows."""

    current_a: float | None = None
    """The most a conductor carries."""
    phase_va: float | None = None
    """The most one phase carries."""
    total_va: float | None = None
    """The most all phases carry."""


NO_BOUNDS: Final = Bounds()


@lru_cache(maxsize=4096)
def bounds(limits: Limits) -> Bounds:
    """Derive bounds from what is registered of a connection.

    They are the rated values themselves: a fuse carries more for a while, and that is worth a mark. A connection whose
    phases nobody knows has three.
    """
    currents = [rated for rated in (limits.fuse_a, limits.ct_primary_a) if rated is not None]
    if not currents:
        return NO_BOUNDS
    current = min(currents)
    if limits.nominal_v is None:
        return Bounds(current)
    phase = current * limits.nominal_v * VOLTAGE_BAND
    return Bounds(current, phase, phase * (limits.phases or 3))


class Role(NamedTuple):
    """What an electrical code is to the checks (IEC 62056-6-1, value groups C and D)."""

    kind: str
    """`power`, `voltage`, `current` (instantaneous), `demand`, `energy` (of one interval)."""
    phase: int
    """1 to 3; 0 is all of them."""


class Member(NamedTuple):
    """What of a reading its shape tells."""

    obis: str
    attribute: int
    unit: int


class Power(NamedTuple):
    """A power and the voltages and currents of its phases, by their places in the message."""

    power: int
    voltages: tuple[int, ...]
    currents: tuple[int, ...]


class Limited(NamedTuple):
    """A value that a bound holds for."""

    at: int
    kind: str
    phase: int


class Plan(NamedTuple):
    """What there is to check in messages of one shape."""

    specific: tuple[int, ...]
    """Places of readings whose code is the maker's own."""
    powers: tuple[Power, ...]
    limited: tuple[Limited, ...]


def marked(statement: Statement, received: datetime | None, bounds: Bounds = NO_BOUNDS) -> Statement:
    """Return the statement with marks at the values that cannot be.

    `received` is the time of reception (UTC), None where unknown; `bounds` are those of the meter.
    """
    marks = [*_marks(statement.readings, received, bounds)]
    readings = statement.readings
    if any(marks):
        readings = tuple(
            replace(reading, quality=(*reading.quality, *found)) if found else reading
            for reading, found in zip(readings, marks, strict=True)
        )
    blocks = tuple(_block(block, received, bounds) for block in statement.blocks)
    return replace(statement, readings=readings, blocks=blocks)


def _marks(readings: Sequence[Reading], received: datetime | None, bounds: Bounds) -> Iterator[tuple[Quality, ...]]:
    shape = plan(tuple(Member(reading.obis, reading.attribute, reading.unit) for reading in readings))
    values = [number(reading.value) for reading in readings]
    specific = set(shape.specific)
    implausible = {check.power for check in shape.powers if _same_time(readings, check) and too_much(check, values)}
    exceeded = {check.at for check in shape.limited if beyond(check.kind, check.phase, values[check.at], bounds)}
    if not (specific or implausible or exceeded) and len({id(reading.at) for reading in readings}) == 1:
        found = impossible(readings[0].at, received)
        yield from ((Quality.TIME_IMPOSSIBLE,) if found else () for _ in readings)
        return
    for index, reading in enumerate(readings):
        yield tuple(
            quality
            for quality, applies in (
                (Quality.POWER_IMPLAUSIBLE, index in implausible),
                (Quality.LIMIT_EXCEEDED, index in exceeded),
                (Quality.TIME_IMPOSSIBLE, impossible(reading.at, received)),
                (Quality.MANUFACTURER_SPECIFIC, index in specific),
            )
            if applies
        )


# --- by the shape


@lru_cache(maxsize=4096)
def plan(shape: tuple[Member, ...]) -> Plan:
    """Return what there is to check in messages of a shape."""
    roles = [role(member.obis) if member.attribute == VALUE_ATTRIBUTE else None for member in shape]
    places: dict[Role, int] = {}
    for index, (member, of) in enumerate(zip(shape, roles, strict=True)):
        if of is not None and (of.kind, member.unit) in {("voltage", _V), ("current", _A)}:
            places.setdefault(of, index)
    powers = tuple(
        found
        for index, (member, of) in enumerate(zip(shape, roles, strict=True))
        if of is not None and of.kind == "power" and member.unit in _POWERS
        if (found := _power(index, of.phase, places)) is not None
    )
    limited = tuple(
        Limited(index, of.kind, of.phase)
        for index, (member, of) in enumerate(zip(shape, roles, strict=True))
        if of is not None and is_limited(of, member.unit)
    )
    specific = tuple(index for index, member in enumerate(shape) if manufacturer_specific(member.obis))
    return Plan(specific, powers, limited)


def _power(index: int, phase: int, places: dict[Role, int]) -> Power | None:
    """Find voltages and currents of the phases that a power is of, None where one is missing.

    All phases: those that have a current must be one, or the two that a meter without neutral measures, or three, each
    with its voltage. A lone current beside several voltages does not tell what the others carry. Current and voltage of
    any phase (C = 11 and 12) may be one of three.
    """
    if phase:
        voltage, current = places.get(Role("voltage", phase)), places.get(Role("current", phase))
        return None if voltage is None or current is None else Power(index, (voltage,), (current,))
    voltages = {each: places[Role("voltage", each)] for each in (1, 2, 3) if Role("voltage", each) in places}
    currents = {each: places[Role("current", each)] for each in (1, 2, 3) if Role("current", each) in places}
    if not currents and (any_phase := (Role("voltage", 0), Role("current", 0)))[0] in places and any_phase[1] in places:
        return Power(index, (places[any_phase[0]],), (places[any_phase[1]],) * 3)
    if not currents or not currents.keys() <= voltages.keys():
        return None
    if (currents.keys() == {1} and voltages.keys() == {1}) or currents.keys() in ({1, 3}, {1, 2, 3}):
        return Power(index, tuple(voltages.values()), tuple(currents.values()))
    return None


def is_limited(of: Role, unit: int) -> bool:
    """Tell whether the limits of a connection bound values of a role in a unit."""
    if of.kind == "current":
        return unit == _A
    if of.kind == "energy":
        return unit in _ENERGIES
    return of.kind in {"power", "demand"} and unit in _POWERS


@lru_cache(maxsize=4096)
def role(obis: str) -> Role | None:
    """Return what a code is to the checks, None for those they do not look at."""
    a, _, c, d, e, f = parse_obis(obis)
    if a != 1 or f != 255 or not 1 <= c <= 80:
        return None
    phase, quantity = divmod(c - 1, 20)
    kinds = {7: "power", 4: "demand", 5: "demand", 6: "demand", 29: "energy"}
    if quantity < 10 or quantity in {14, 15}:  # active, reactive, apparent; sum and difference of active
        return Role(kinds[d], phase) if d in kinds and (e == 0 or d != 7) else None
    if d == 7 and e == 0:
        names = {10: "current", 11: "voltage"}
        return Role(names[quantity], phase) if quantity in names else None
    return None


@lru_cache(maxsize=4096)
def manufacturer_specific(obis: str) -> bool:
    """Tell whether the meaning of a code is the maker's own (IEC 62056-6-1: value groups B to F, and 96.50 to 96.96).

    A code of these ranges that makers agree on, such as the OBIS list version 1.1.0.2.129.255, is not.
    """
    a, b, c, d, e, f = parse_obis(obis)
    own = range(128, 255)
    if 128 <= b <= 199 or f in own:
        return True
    of_quantity = 128 <= c <= 199 or c == 240 or d in own or e in own
    of_status = a in {0, 1} and c == 96 and 50 <= d <= 96
    return (of_quantity or of_status) and meaning(obis) is None


# --- by values


def number(value: Value) -> float | None:
    """Return a value as a float, None where it is no number; beyond the largest float it is infinite."""
    if isinstance(value, Real):
        return value.value
    if not isinstance(value, Exact):
        return None
    power: int = 10 ** abs(value.scale)
    try:
        return value.mantissa / power if value.scale < 0 else float(value.mantissa * power)
    except OverflowError:
        return math.inf if value.mantissa > 0 else -math.inf


def too_much(check: Power, values: Sequence[float | None]) -> bool:
    """Tell whether a power is more than its voltages and currents allow."""
    power, most = values[check.power], carried(check.voltages, check.currents, values)
    return power is not None and most is not None and abs(power) > most


def carried(voltages: Sequence[int], currents: Sequence[int], values: Sequence[float | None]) -> float | None:
    """Return the highest power that voltages and currents allow: twice theirs, and 100 VA; None where one is not known.

    All phases together carry at most the highest voltage times the sum of the currents, however the loads stand to each
    other; so the check also holds where voltages are between phases.
    """
    highest = total = 0.0
    for at in voltages:
        volts = values[at]
        if volts is None:
            return None
        highest = max(highest, abs(volts))
    for at in currents:
        amperes = values[at]
        if amperes is None:
            return None
        total += abs(amperes)
    return POWER_FACTOR * highest * total + POWER_FLOOR_VA


def _same_time(readings: Sequence[Reading], check: Power) -> bool:
    at = readings[check.power].at
    return all(readings[other].at == at for other in (*check.voltages, *check.currents))


def beyond(kind: str, phase: int, value: float | None, bounds: Bounds, period_s: int = 0) -> bool:
    """Tell whether a value is more than the connection carries; the energy of an interval needs its period."""
    if value is None:
        return False
    if kind == "current":
        return bounds.current_a is not None and abs(value) > bounds.current_a
    most = bounds.phase_va if phase else bounds.total_va
    if most is None:
        return False
    if kind == "energy":
        return period_s > 0 and abs(value) * 3600 > most * period_s
    return kind in {"power", "demand"} and abs(value) > most


# --- by times


def impossible(at: Instant | None, received: datetime | None) -> bool:
    """Tell whether a meter's time lies after its reception by more than a clock is off, or before there were meters."""
    if at is None or at.utc is None:
        return False
    if at.utc < EARLIEST:
        return True
    tolerance = ZONE_TOLERANCE if at.origin is Origin.DEFAULT_ZONE else TIME_TOLERANCE
    return received is not None and at.utc - received > tolerance


# --- blocks


def _block(block: Block, received: datetime | None, bounds: Bounds) -> Block:
    """Mark the intervals of a profile column; missing ones have nothing to mark."""
    of = role(block.obis) if block.attribute == VALUE_ATTRIBUTE else None
    limited = of is not None and bounds is not NO_BOUNDS and is_limited(of, block.unit)
    specific = manufacturer_specific(block.obis)
    last = block.first_end and block.first_end.shifted(timedelta(seconds=block.period_s * (len(block.values) - 1)))
    timeless = not impossible(block.first_end, received) and not impossible(last, received)
    if timeless and not limited and not specific:
        return block
    found = []
    for index, (value, quality) in enumerate(zip(block.values, block.quality, strict=True)):
        marks = list(quality)
        if Quality.MISSING not in quality:
            if of is not None and limited and beyond(of.kind, of.phase, number(value), bounds, block.period_s):
                marks.append(Quality.LIMIT_EXCEEDED)
            if not timeless and block.first_end is not None:
                end = block.first_end.shifted(timedelta(seconds=block.period_s * index))
                if impossible(end, received):
                    marks.append(Quality.TIME_IMPOSSIBLE)
            if specific:
                marks.append(Quality.MANUFACTURER_SPECIFIC)
        found.append(tuple(marks))
    return replace(block, quality=tuple(found))
