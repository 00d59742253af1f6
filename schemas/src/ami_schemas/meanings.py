"""What an OBIS code means: a description, the CIM ReadingType (IEC 61968-9), and the units that fit.

Electricity (value group A = 1) follows rules, because the code itself does (IEC 62056-6-1: C is the quantity and the
phase, D the processing, E the rate); other media and abstract objects are a table. A code without an entry has no
meaning here and is passed on as it is: nothing is guessed. Value groups B (channel) and F (billing period) do not
change a meaning, except that historical values (F other than 255) have no ReadingType.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Final, NamedTuple

from ami_schemas.reading_type import ReadingType, period_code


class Meaning(NamedTuple):
    """What a code means."""

    description: str
    reading_type: str
    """CIM ReadingType mRID of a single value, or empty."""
    units: frozenset[int]
    """Codes of the DLMS unit list that fit; empty: any."""


class _Quantity(NamedTuple):
    """An electrical quantity with a direction (value group C, phases folded)."""

    name: str
    flow: int
    """flowDirection of the ReadingType."""
    energy: tuple[int, int]
    """CIM and DLMS unit of its integral."""
    power: tuple[int, int]


_ACTIVE: Final = ((72, 30), (38, 27))
_REACTIVE: Final = ((73, 32), (63, 29))
_APPARENT: Final = ((71, 31), (61, 28))

_QUANTITIES: Final = {
    1: _Quantity("active {} import (+P)", 1, *_ACTIVE),
    2: _Quantity("active {} export (-P)", 19, *_ACTIVE),
    3: _Quantity("reactive {} import (+Q)", 5, *_REACTIVE),
    4: _Quantity("reactive {} export (-Q)", 13, *_REACTIVE),
    5: _Quantity("reactive {} quadrant I", 15, *_REACTIVE),
    6: _Quantity("reactive {} quadrant II", 16, *_REACTIVE),
    7: _Quantity("reactive {} quadrant III", 17, *_REACTIVE),
    8: _Quantity("reactive {} quadrant IV", 18, *_REACTIVE),
    9: _Quantity("apparent {} import (+S)", 1, *_APPARENT),
    10: _Quantity("apparent {} export (-S)", 19, *_APPARENT),
    15: _Quantity("active {}, sum of absolutes (|+P|+|-P|)", 20, *_ACTIVE),
    16: _Quantity("active {}, net (+P less -P)", 4, *_ACTIVE),
}

_PHASES: Final = ((0, ""), (128, " L1"), (64, " L2"), (32, " L3"))

_OWN_RATES: Final = 128
"""Value group E from here on is the manufacturer's own."""

_PROCESSINGS: Final = (2, 4, 5, 6, 7, 8, 24, 29, 32, 36)
"""Value groups D of electrical quantities that mean something here."""
_COUNT: Final = frozenset({0, 255})
_COUNTERS: Final = frozenset({1, 9})
"""accumulationBehaviour of the ReadingType: bulk quantity, and summation."""
_NO_UNIT: Final[frozenset[int]] = frozenset()


def _volume(commodity: int, unit: int = 42) -> ReadingType:
    return ReadingType(accumulation=1, flow=1, commodity=commodity, kind=58, unit=unit)


_SECONDS: Final = frozenset({7})
_FAILURES: Final = ("in all phases", "in L1", "in L2", "in L3")


def _power_failures() -> dict[tuple[int, int, int, int], tuple[str, ReadingType | None, frozenset[int]]]:
    """0-b:96.7.e: counts, times and durations of power failures (Blue Book, abstract objects)."""
    found: dict[tuple[int, int, int, int], tuple[str, ReadingType | None, frozenset[int]]] = {}
    for first, what, units in (
        (0, "number of power failures", _COUNT),
        (5, "number of long power failures", _COUNT),
        (10, "time of power failure", _NO_UNIT),
        (15, "duration of long power failure", _SECONDS),
    ):
        for number, where in enumerate(_FAILURES):
            found[0, 96, 7, first + number] = (f"{what} {where}", None, units)
    found[0, 96, 7, 14] = ("time of power failure in any phase", None, _NO_UNIT)
    found[0, 96, 7, 19] = ("duration of long power failure in any phase", None, _SECONDS)
    found[0, 96, 7, 20] = ("time threshold of long power failures", None, _SECONDS)
    return found


_OTHERS: Final[dict[tuple[int, int, int, int], tuple[str, ReadingType | None, frozenset[int]]]] = {
    # (A, C, D, E)
    **_power_failures(),
    (0, 0, 2, 0): ("firmware identifier", None, _NO_UNIT),
    (0, 0, 2, 1): ("firmware version", None, _NO_UNIT),
    (0, 0, 2, 8): ("firmware signature", None, _NO_UNIT),
    (0, 1, 0, 0): ("clock", None, _NO_UNIT),
    (0, 1, 1, 0): ("UNIX clock", None, _NO_UNIT),
    (0, 11, 0, 0): ("special days", None, _NO_UNIT),
    (0, 13, 0, 0): ("activity calendar", None, _NO_UNIT),
    (0, 17, 0, 0): ("limiter", None, _NO_UNIT),
    (0, 24, 1, 0): ("M-Bus client", None, _NO_UNIT),
    (0, 24, 2, 1): ("M-Bus value 1", None, _NO_UNIT),
    (0, 24, 2, 2): ("M-Bus value 2", None, _NO_UNIT),
    (0, 24, 3, 0): ("M-Bus profile", None, _NO_UNIT),
    (0, 24, 4, 0): ("M-Bus valve control", None, _NO_UNIT),
    (0, 25, 9, 0): ("push setup", None, _NO_UNIT),
    (0, 40, 0, 0): ("current association", None, _NO_UNIT),
    (0, 42, 0, 0): ("logical device name", None, _NO_UNIT),
    (0, 43, 0, 0): ("security setup", None, _NO_UNIT),
    (0, 43, 1, 0): ("invocation counter", None, _COUNT),
    (0, 44, 0, 0): ("image transfer", None, _NO_UNIT),
    (0, 96, 1, 0): ("device ID 1 (serial number)", None, _NO_UNIT),
    (0, 96, 1, 1): ("device ID 2", None, _NO_UNIT),
    (0, 96, 1, 7): ("meter type", None, _NO_UNIT),
    (0, 96, 1, 10): ("metering point ID", None, _NO_UNIT),
    (0, 96, 1, 2): ("device ID 3", None, _NO_UNIT),
    (0, 96, 1, 3): ("device ID 4", None, _NO_UNIT),
    (0, 96, 1, 4): ("device ID 5", None, _NO_UNIT),
    (0, 96, 2, 0): ("number of configuration changes", None, _COUNT),
    (0, 96, 3, 10): ("disconnect control", None, _NO_UNIT),
    (0, 96, 5, 0): ("operating status", None, _NO_UNIT),
    (0, 96, 6, 3): (
        "battery voltage",
        ReadingType(accumulation=12, commodity=0, kind=94, unit=29),
        frozenset({35}),
    ),
    (0, 96, 7, 9): ("number of long power failures", ReadingType(accumulation=1, kind=136, unit=111), _COUNT),
    (0, 96, 7, 21): ("number of power failures", ReadingType(accumulation=1, kind=136, unit=111), _COUNT),
    (0, 96, 8, 0): ("time of operation", None, frozenset({4, 5, 6, 7})),
    (0, 96, 9, 0): ("ambient temperature", None, frozenset({9, 52})),
    (0, 96, 10, 1): ("profile status", None, _NO_UNIT),
    (0, 96, 11, 0): ("event code", None, _NO_UNIT),
    (0, 96, 12, 5): ("field strength of the mobile network", None, _NO_UNIT),
    (0, 96, 13, 0): ("message to the consumer", None, _NO_UNIT),
    (0, 96, 14, 0): ("active tariff", None, _NO_UNIT),
    (0, 97, 97, 0): ("error register 1", None, _NO_UNIT),
    (0, 97, 98, 0): ("alarm register 1", None, _NO_UNIT),
    (0, 97, 98, 10): ("alarm filter 1", None, _NO_UNIT),
    (0, 97, 98, 20): ("alarm descriptor 1", None, _NO_UNIT),
    (0, 98, 1, 0): ("billing profile", None, _NO_UNIT),
    (0, 99, 98, 0): ("standard event log", None, _NO_UNIT),
    (0, 99, 98, 1): ("fraud detection log", None, _NO_UNIT),
    (0, 99, 98, 2): ("disconnector log", None, _NO_UNIT),
    (0, 99, 98, 3): ("M-Bus event log", None, _NO_UNIT),
    (0, 99, 98, 4): ("communication log", None, _NO_UNIT),
    (0, 99, 98, 5): ("power quality log", None, _NO_UNIT),
    (1, 0, 0, 0): ("electricity ID 1", None, _NO_UNIT),
    (1, 0, 2, 0): ("firmware identifier", None, _NO_UNIT),
    (1, 0, 2, 8): ("firmware signature", None, _NO_UNIT),
    (1, 0, 2, 129): ("list version", None, _NO_UNIT),
    (1, 0, 4, 2): ("current transformer ratio", None, _COUNT),
    (1, 0, 4, 3): ("voltage transformer ratio", None, _COUNT),
    (1, 96, 1, 1): ("meter type", None, _NO_UNIT),
    (1, 98, 1, 0): ("billing profile", None, _NO_UNIT),
    (1, 99, 1, 0): ("load profile 1", None, _NO_UNIT),
    (1, 99, 2, 0): ("load profile 2", None, _NO_UNIT),
    (1, 99, 97, 0): ("power failure log", None, _NO_UNIT),
    (1, 12, 7, 124): ("voltage, total harmonic distortion", ReadingType(accumulation=12, kind=47), frozenset({56})),
    (1, 81, 7, 1): (
        "phase angle U(L2) to U(L1)",
        ReadingType(accumulation=12, kind=55, phases=72, unit=9),
        frozenset({8}),
    ),
    (1, 90, 7, 0): (
        "current, sum of the phases",
        ReadingType(accumulation=12, kind=4, phases=224, unit=5),
        frozenset({33}),
    ),
    (1, 91, 7, 0): ("current, neutral", ReadingType(accumulation=12, kind=4, phases=16, unit=5), frozenset({33})),
    (4, 1, 0, 0): ("heat cost allocator, units", None, _COUNT),
    (6, 1, 0, 0): (
        "heat energy",
        ReadingType(accumulation=1, flow=1, commodity=12, kind=12, unit=72),
        frozenset({25, 30}),
    ),
    (6, 2, 0, 0): ("heat, volume", _volume(12), frozenset({13})),
    (6, 10, 0, 0): (
        "heat, flow temperature",
        ReadingType(accumulation=12, commodity=12, kind=46, unit=23),
        frozenset({9}),
    ),
    (6, 11, 0, 0): (
        "heat, return temperature",
        ReadingType(accumulation=12, commodity=12, kind=46, unit=23),
        frozenset({9}),
    ),
    (7, 0, 12, 54): ("gas, superior calorific value", None, frozenset({61})),
    (7, 3, 0, 0): ("gas volume at metering conditions", _volume(7, 166), frozenset({13})),
    (7, 3, 2, 0): ("gas volume at base conditions", _volume(7, 167), frozenset({14})),
    (7, 43, 0, 0): (
        "gas flow rate",
        ReadingType(accumulation=12, flow=1, commodity=7, kind=155, unit=125),
        frozenset({15}),
    ),
    (8, 1, 0, 0): ("cold water volume", _volume(9), frozenset({13})),
    (9, 1, 0, 0): ("hot water volume", _volume(9), frozenset({13})),
}


def _suffix(phase: str, rate: int) -> str:
    return f"{phase}, rate {rate}" if rate else phase


def _demand(c: int, d: int, e: int) -> tuple[str, ReadingType, frozenset[int]] | None:
    """Integrals, powers and demands of the directed quantities."""
    phases, phase = _PHASES[(c - 1) // 20]
    quantity = _QUANTITIES.get((c - 1) % 20 + 1)
    if quantity is None:
        return None
    energy, energy_unit = quantity.energy
    power, power_unit = quantity.power
    base = ReadingType(flow=quantity.flow, phases=phases, tou=e)
    if d == 8:
        of = base._replace(accumulation=9 if e else 1, kind=12, unit=energy)
        return quantity.name.format("energy") + _suffix(phase, e), of, frozenset({energy_unit})
    if d == 29:
        of = base._replace(measuring_period=2, accumulation=4, kind=12, unit=energy)
        return quantity.name.format("energy") + _suffix(phase, e) + ", per interval", of, frozenset({energy_unit})
    if d == 7 and e == 0:
        of = base._replace(accumulation=12, kind=37, unit=power)
        return quantity.name.format("power") + phase, of, frozenset({power_unit})
    demands = {
        2: ("cumulative maximum demand", base._replace(aggregate=8, accumulation=3)),
        4: ("average demand, current period", base._replace(aggregate=2, accumulation=6)),
        5: ("average demand, last period", base._replace(aggregate=2, accumulation=6)),
        6: ("maximum demand", base._replace(macro_period=8, aggregate=8, accumulation=6)),
    }
    if d not in demands:
        return None
    name, of = demands[d]
    of = of._replace(measuring_period=53, kind=8, unit=power)
    return f"{quantity.name.format('power')}{_suffix(phase, e)}, {name}", of, frozenset({power_unit})


def _supply(c: int, d: int, e: int) -> tuple[str, ReadingType, frozenset[int]] | None:
    """Voltages, currents, power factors and frequency."""
    phases, phase = _PHASES[(c - 1) // 20]
    base = ReadingType(accumulation=12, phases=phases)
    to_neutral = phases + 1 if phases else 0
    match ((c - 1) % 20 + 1, d, e):
        case (11, 7, 0):
            return f"current{phase}", base._replace(kind=4, unit=5), frozenset({33})
        case (12, 7, 0):
            return f"voltage{phase}", base._replace(kind=54, phases=to_neutral, unit=29), frozenset({35})
        case (12, 24, 0):
            of = base._replace(aggregate=2, measuring_period=1, accumulation=6, kind=54, phases=to_neutral, unit=29)
            return f"voltage{phase}, average", of, frozenset({35})
        case (12, 32, 0):
            return f"voltage sags{phase}", base._replace(accumulation=1, kind=41, unit=111), _COUNT
        case (12, 36, 0):
            return f"voltage swells{phase}", base._replace(accumulation=1, kind=42, unit=111), _COUNT
        case (13, 7, 0):
            return f"power factor{phase}", base._replace(kind=38, unit=65), _COUNT
        case (14, 7, 0):
            return "frequency", base._replace(kind=15, unit=33), frozenset({44})
    return None


@lru_cache(maxsize=4096)
def _lookup(a: int, c: int, d: int, e: int) -> tuple[str, ReadingType | None, frozenset[int]] | None:
    found = _OTHERS.get((a, c, d, e))
    if found is None and a == 1 and 1 <= c <= 80 and e < _OWN_RATES:
        found = _demand(c, d, e) or _supply(c, d, e)
    return found


def _groups(obis: str) -> tuple[int, int, int, int, int]:
    a, _, c, d, e, f = (int(group) for group in obis.split("."))
    return a, c, d, e, f


@lru_cache(maxsize=4096)
def meaning(obis: str) -> Meaning | None:
    """Say what a code (`A.B.C.D.E.F`) means, or None where this table does not know it."""
    a, c, d, e, f = _groups(obis)
    found = _lookup(a, c, d, e)
    if found is None:
        return None
    description, reading_type, units = found
    description = description[0].upper() + description[1:]
    if f != 255:
        return Meaning(f"{description} (billing period {f})", "", units)
    return Meaning(description, str(reading_type) if reading_type else "", units)


def known_codes() -> Iterator[str]:
    """Yield every code this table knows, in order, with channel 0 and, of those with rates, the total of all rates."""
    electrical = ((1, c, d, 0) for c in range(1, 81) for d in _PROCESSINGS)
    for a, c, d, e in sorted({*_OTHERS, *(code for code in electrical if _lookup(*code) is not None)}):
        yield f"{a}.0.{c}.{d}.{e}.255"


@lru_cache(maxsize=4096)
def counts_up(obis: str) -> bool:
    """Tell whether a code is a counter: an energy, a volume or a number of events since the meter was made."""
    a, c, d, e, _ = _groups(obis)
    found = _lookup(a, c, d, e)
    if found is not None and found[1] is not None:
        return found[1].accumulation in _COUNTERS
    return (a, c, d, e) == (0, 24, 2, 1)


@lru_cache(maxsize=4096)
def reading_type(obis: str, period_s: int = 0) -> str:
    """Return the CIM ReadingType mRID of a code, or an empty string.

    `period_s` is the distance of the rows where the value comes from a profile: it sets measuringPeriod, or macroPeriod
    for daily rows.
    """
    a, c, d, e, f = _groups(obis)
    found = _lookup(a, c, d, e)
    if found is None or found[1] is None or f != 255:
        return ""
    of = found[1]
    if period_s == 86400:
        of = of._replace(macro_period=11, measuring_period=0)
    elif period_s:
        of = of._replace(measuring_period=period_code(period_s))
    return str(of)
