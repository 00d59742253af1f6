"""The CIM ReadingType mRID: 18 numbers, in the order of IEC 61968-9 Annex C."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final, NamedTuple

_PERIODS: Final = MappingProxyType(
    {60: 3, 120: 10, 180: 14, 300: 6, 600: 1, 900: 2, 1200: 31, 1800: 5, 3600: 7, 86400: 4}
)


class ReadingType(NamedTuple):
    """The 18 fields; `str()` gives the mRID."""

    macro_period: int = 0
    aggregate: int = 0
    measuring_period: int = 0
    accumulation: int = 0
    flow: int = 0
    commodity: int = 1
    kind: int = 0
    interharmonic_numerator: int = 0
    interharmonic_denominator: int = 0
    argument_numerator: int = 0
    argument_denominator: int = 0
    tou: int = 0
    cpp: int = 0
    consumption_tier: int = 0
    phases: int = 0
    multiplier: int = 0
    unit: int = 0
    currency: int = 0

    def __str__(self) -> str:
        return ".".join(map(str, self))


def period_code(seconds: int) -> int:
    """Return the measuringPeriod code of a distance in seconds, 0 where the list has none."""
    return _PERIODS.get(seconds, 0)
