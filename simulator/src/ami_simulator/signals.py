"""What a virtual meter measures: smooth curves that depend on nothing but a seed and the time.

Power is a base load with slow and fast waves; energy is its exact integral. So registers never run backwards, a load
profile adds up to its register, and two runs with the same seed say the same.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass

PERIODS_S = (7 * 86_400.0, 86_400.0, 43_200.0, 5_820.0, 660.0)
"""Week, day, half a day, and two appliances."""
SHARES = (0.10, 0.35, 0.20, 0.15, 0.10)
"""Amplitudes as shares of the base; together below 1, so that power stays positive."""


@dataclass(frozen=True, slots=True)
class Load:
    """A power that varies around `base` (W or var); its energy is `energy_at_zero` (Wh or varh) at time 0."""

    base: float
    phases: tuple[float, ...]
    energy_at_zero: float

    def power(self, seconds: float) -> float:
        """Return the power at a time, in seconds of the Unix epoch."""
        return self.base * (1 + sum(share * math.sin(angle) for share, angle in self._waves(seconds)))

    def energy(self, seconds: float) -> float:
        """Return the energy since installation."""
        return self.energy_at_zero + (self._integral(seconds) - self._integral(0)) / 3600

    def _waves(self, seconds: float) -> list[tuple[float, float]]:
        return [
            (share, math.tau * seconds / period + phase)
            for share, period, phase in zip(SHARES, PERIODS_S, self.phases, strict=True)
        ]

    def _integral(self, seconds: float) -> float:
        waves = zip(self._waves(seconds), PERIODS_S, strict=True)
        return self.base * (
            seconds - sum(share * period / math.tau * math.cos(angle) for (share, angle), period in waves)
        )


def load(generator: random.Random, base: float, *, installed: float) -> Load:
    """Return a load of random phases whose meter was installed, at a random reading, at the time `installed`."""
    phases = tuple(generator.uniform(0, math.tau) for _ in PERIODS_S)
    raw = Load(base * generator.uniform(0.7, 1.3), phases, 0.0)
    return Load(raw.base, phases, generator.uniform(1e5, 9e6) - raw.energy(installed))


def ripple(seconds: float, phase: float, period: float) -> float:
    """Return a wave between -1 and 1."""
    return math.sin(math.tau * seconds / period + phase)
