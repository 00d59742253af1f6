"""What a virtual meter measures: smooth curves that depend on nothing but a seed and the time.

Power is a base load with slow and fast waves; energy is its integral. So registers never run backwards, a load profile
adds up to its register, and two runs with the same seed say the same.

Meters differ in their loads and readings, and share the waves of 64 kinds of households: what a kind does at a second
is computed once for all meters of a fleet. From there on all numbers are integers.
"""

from __future__ import annotations

import math
import random
from functools import lru_cache
from hashlib import blake2b
from struct import Struct
from typing import Final, NamedTuple

KINDS: Final = 64
ORIGIN: Final = 1_577_836_800
"""2020-01-01: the energy that a seed gives was counted by then."""
PERIODS_S: Final = (7 * 86_400.0, 86_400.0, 43_200.0, 5_820.0, 660.0)
"""Week, day, half a day, and two appliances."""
SHARES: Final = (0.10, 0.35, 0.20, 0.15, 0.10)
"""Amplitudes as shares of the base; together below 1, so that power stays positive."""
MASK: Final = 0xFFFF_FFFF
_DRAWN: Final = Struct(">HHHHIIIbbbx").unpack
_NOMINAL_VOLTAGE: Final = 2300
_NOMINAL_FREQUENCY: Final = 5000


def _phases(kind: int) -> tuple[float, ...]:
    generator = random.Random(kind)  # noqa: S311  # values, not secrets
    return tuple(generator.uniform(0, math.tau) for _ in range(len(PERIODS_S) + 4))


_PHASES: Final = tuple(map(_phases, range(KINDS)))


@lru_cache(maxsize=65_536)
def integral(kind: int, second: int) -> int:
    """Return for how many milliseconds the base load would have had to flow since ORIGIN."""
    moved = sum(
        share * period / math.tau * (math.cos(phase) - math.cos(math.tau * (second - ORIGIN) / period + phase))
        for share, period, phase in zip(SHARES, PERIODS_S, _PHASES[kind], strict=False)
    )
    return round(1000 * (second - ORIGIN + moved))


def power(kind: int, second: int) -> int:
    """Return the power in thousandths of the base load."""
    waves = zip(SHARES, PERIODS_S, _PHASES[kind], strict=False)
    return round(
        1000
        * (1 + sum(share * math.sin(math.tau * (second - ORIGIN) / period + phase) for share, period, phase in waves))
    )


class Moment(NamedTuple):
    """What the meters of one kind share at a second."""

    imported: int
    exported: int
    reactive: int
    """Milliseconds of the base load, see `integral`."""
    importing: int
    exporting: int
    """Thousandths of the base load."""
    voltage_1: int
    voltage_2: int
    voltage_3: int
    """Tenths of a volt."""
    frequency: int
    """Hundredths of a hertz."""


@lru_cache(maxsize=16_384)
def moment(kind: int, second: int) -> Moment:
    """Compute what the meters of a kind share."""
    feeding, reacting = (kind + KINDS // 3) % KINDS, (kind + 2 * KINDS // 3) % KINDS
    ripples = _PHASES[kind][len(PERIODS_S) :]
    first, second_phase, third = (_NOMINAL_VOLTAGE + round(40 * _ripple(second, phase, 1800)) for phase in ripples[:3])
    return Moment(
        integral(kind, second),
        integral(feeding, second),
        integral(reacting, second),
        power(kind, second),
        power(feeding, second),
        first,
        second_phase,
        third,
        _NOMINAL_FREQUENCY + round(4 * _ripple(second, ripples[3], 300)),
    )


def _ripple(second: int, phase: float, period: float) -> float:
    """Return a wave between -1 and 1."""
    return math.sin(math.tau * (second - ORIGIN) / period + phase)


class Household(NamedTuple):
    """What one meter measures: base loads in W and var, what its registers held at ORIGIN, what differs in voltage."""

    kind: int
    importing: int
    exporting: int
    reacting: int
    import_before: int
    export_before: int
    reactive_before: int
    voltage_1: int
    voltage_2: int
    voltage_3: int

    @classmethod
    def of(cls, seed: int) -> Household:
        """Draw one; the same seed (of less than 127 bits) draws the same."""
        digest = blake2b(seed.to_bytes(16, "big", signed=True), digest_size=24, person=b"household").digest()
        kind, imp, exp, rea, before, fed, reacted, one, two, three = _DRAWN(digest)
        return cls(
            kind % KINDS,
            560 + imp % 480,
            105 + exp % 90,
            140 + rea % 120,
            100_000 + before % 8_900_000,
            100_000 + fed % 8_900_000,
            100_000 + reacted % 8_900_000,
            one // 10,
            two // 10,
            three // 10,
        )

    def energies(self, second: int) -> tuple[int, int]:
        """Return what the registers of imported and exported energy hold, in Wh."""
        feeding = (self.kind + KINDS // 3) % KINDS
        return (
            self.import_before + self.importing * integral(self.kind, second) // 3_600_000 & MASK,
            self.export_before + self.exporting * integral(feeding, second) // 3_600_000 & MASK,
        )

    def values(self, second: int) -> tuple[int, ...]:
        """Return all raw values at a second of the Unix epoch, in the order of `ami_simulator.meter.MEASURED`."""
        kind, importing, exporting, reacting, before, fed, reacted, one, two, three = self
        imported, exported, reactive, load, feed, first, second_phase, third, frequency = moment(kind, second)
        watts = importing * load // 1000
        one += first
        two += second_phase
        three += third
        amperes = watts * 1000 // 3
        return (
            before + importing * imported // 3_600_000 & MASK,
            fed + exporting * exported // 3_600_000 & MASK,
            reacted + reacting * reactive // 3_600_000 & MASK,
            watts,
            exporting * feed // 1000,
            one,
            amperes // one,
            two,
            amperes // two,
            three,
            amperes // three,
            frequency,
        )
