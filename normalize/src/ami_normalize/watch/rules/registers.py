"""Registers that only count upwards: a lower value is a rollover at the end of the digits, or a step backwards."""

from __future__ import annotations

from functools import lru_cache
from typing import Final, NamedTuple

from ami.watch.v1 import meter_state_pb2 as pb
from ami_dlms.obis import format_obis, parse_obis
from ami_normalize.watch.rules import policy as limits
from ami_normalize.watch.rules.finding import Finding, Kind, iso
from ami_schemas.meanings import meaning

_ENDS: Final[tuple[int, ...]] = tuple(sorted([*(10**digits for digits in range(5, 13)), 1 << 24, 1 << 32]))
"""Where a register may start again: five to twelve decimal digits, 24 and 32 bits."""
_UPWARDS: Final = frozenset({*range(1, 11), 15})
"""Value group C, phases folded: energies of one direction, of one quadrant, and the sum of absolutes."""
_BULK: Final = "1"
"""Accumulation kind of a ReadingType: bulk quantity."""


class Value(NamedTuple):
    """A register's value."""

    obis: bytes
    """Six bytes; the profile's behind them where it is a column of one."""
    unit: int
    at_us: int
    mantissa: int
    scale: int


@lru_cache(maxsize=4096)
def counts_up(obis: str) -> bytes | None:
    """Return the six bytes of a code whose value only counts upwards, else None."""
    octets = parse_obis(obis)
    a, _, c, d, _, f = octets
    if f != 255:
        return None
    if a == 1:
        return octets if d == 8 and c <= 80 and (c - 1) % 20 + 1 in _UPWARDS else None
    known = meaning(format_obis(octets))
    return octets if known and known.reading_type.split(".")[3:4] == [_BULK] else None


def take(state: pb.MeterState, value: Value, policy: limits.Registers) -> list[Finding]:
    """Hold a value against the latest one; what is older than it says nothing."""
    known = next((each for each in state.registers if each.obis == value.obis), None)
    if known is None:
        known = state.registers.add()
        known.obis = value.obis
    elif value.at_us <= known.at_us:
        return []
    found = _compare(known, value, policy) if known.at_us and known.unit == value.unit else []
    known.unit, known.at_us, known.mantissa, known.scale = value.unit, value.at_us, value.mantissa, value.scale
    return found


def _compare(state: pb.Register, value: Value, policy: limits.Registers) -> list[Finding]:
    scale = min(state.scale, value.scale)
    before, after = state.mantissa * 10 ** (state.scale - scale), value.mantissa * 10 ** (value.scale - scale)
    if after >= before:
        return []
    obis = format_obis(value.obis[:6])
    codes = "/".join(format_obis(value.obis[at : at + 6]) for at in range(0, len(value.obis), 6))
    detail = f"{codes}/{iso(value.at_us)}"
    was, now = decimal(state.mantissa, state.scale), decimal(value.mantissa, value.scale)
    told = f"from {was} at {iso(state.at_us)} to {now}"
    end = _end(before, after, policy.rollover_share)
    if end is not None:
        text = f"{told}, over the end of its digits at {decimal(end, scale)}"
        return [Finding(Kind.ROLLOVER, detail, value.at_us, text, obis)]
    return [Finding(Kind.REGISTER_BACKWARDS, detail, value.at_us, told, obis)]


def _end(before: int, after: int, share: float) -> int | None:
    """Return the end of the digits, if the old value was near to it and the new one is near to the beginning."""
    end = next((each for each in _ENDS if each > before), None)
    if end is None or after < 0 or before < end * (1 - share) or after > end * share:
        return None
    return end


def decimal(mantissa: int, scale: int) -> str:
    """Write a number of decimal digits, with the zeros of its scale."""
    if scale >= 0:
        return str(mantissa * 10**scale)
    sign, digits = "-" if mantissa < 0 else "", f"{abs(mantissa):0{1 - scale}d}"
    return f"{sign}{digits[:scale]}.{digits[scale:]}"
