"""Interval energies against their register: their sum must be what the register advanced.

Compared between two register readings that fall on ends of intervals, over all the intervals between them. Where one
is missing nothing is compared, and the sum begins again at the next register reading.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final, NamedTuple

from ami.watch.v1 import meter_state_pb2 as pb
from ami_dlms.obis import format_obis, parse_obis
from ami_normalize.watch.rules import policy as limits
from ami_normalize.watch.rules.finding import Finding, Kind, iso
from ami_normalize.watch.rules.registers import Value, counts_up

_SECOND: Final = 1_000_000
_PER_INTERVAL, _TOTAL = 29, 8
_MOST: Final = (1 << 63) - 1


class Column(NamedTuple):
    """Interval values of one column: a value an interval, None where there is none."""

    register: bytes
    unit: int
    period_s: int
    first_end_us: int
    scale: int
    values: list[int | None]


@lru_cache(maxsize=4096)
def register_of(obis: str) -> bytes | None:
    """Return the register (six bytes) of an energy per interval (value group D = 29), else None."""
    octets = parse_obis(obis)
    if octets[0] != 1 or octets[3] != _PER_INTERVAL:
        return None
    register = octets[:3] + bytes([_TOTAL]) + octets[4:]
    return register if counts_up(format_obis(register)) else None


def take_register(state: pb.MeterState, value: Value, policy: limits.Balance) -> list[Finding]:
    """Take a register reading, where there are intervals to hold against it."""
    known = next((each for each in state.balances if each.obis == value.obis), None)
    if known is None or known.unit != value.unit:
        return []
    period_us = known.period_s * _SECOND
    at_us = round(value.at_us / period_us) * period_us
    if abs(at_us - value.at_us) > policy.snap_s * _SECOND:
        return []
    reading = pb.Snapshot(at_us=at_us, mantissa=value.mantissa, scale=value.scale)
    if not known.begin.at_us:
        if at_us >= known.summed_to_us:
            _begin(known, reading)
        return []
    if at_us < known.begin.at_us + policy.span_s * _SECOND:
        return []
    if at_us == known.summed_to_us:
        known.end.CopyFrom(reading)
        return _compare(known, policy)
    if at_us > known.summed_to_us and not known.end.at_us:
        known.end.CopyFrom(reading)
    return []


def take_column(state: pb.MeterState, column: Column, policy: limits.Balance) -> list[Finding]:
    """Take interval values in order; those that were there before are skipped."""
    known = next((each for each in state.balances if each.obis == column.register), None)
    if known is None:
        known = state.balances.add()
        known.obis = column.register
    if (known.unit, known.period_s) != (column.unit, column.period_s):
        known.CopyFrom(pb.Balance(obis=column.register, unit=column.unit, period_s=column.period_s))
    found: list[Finding] = []
    period_us = column.period_s * _SECOND
    for number, value in enumerate(column.values):
        end_us = column.first_end_us + number * period_us
        if end_us <= known.summed_to_us:
            continue
        if known.begin.at_us and (value is None or end_us - known.summed_to_us != period_us):
            _restart(known, end_us)
        elif known.begin.at_us and value is not None:
            _add(known, value, column.scale)
        known.summed_to_us = max(end_us, known.summed_to_us)
        if known.end.at_us and known.summed_to_us == known.end.at_us:
            found += _compare(known, policy)
    return found


def _begin(state: pb.Balance, reading: pb.Snapshot) -> None:
    state.begin.CopyFrom(reading)
    state.ClearField("end")
    state.sum = state.scale = state.count = 0
    state.summed_to_us = reading.at_us


def _restart(state: pb.Balance, end_us: int) -> None:
    """Begin again: at the register reading behind the hole, where there is one already."""
    if state.end.at_us >= end_us:
        _begin(state, pb.Snapshot.FromString(state.end.SerializeToString()))
    else:
        state.ClearField("begin")
        state.ClearField("end")


def _add(state: pb.Balance, value: int, scale: int) -> None:
    common = min(state.scale, scale) if state.count else scale
    total = state.sum * 10 ** (state.scale - common if state.count else 0) + value * 10 ** (scale - common)
    if abs(total) > _MOST:
        state.ClearField("begin")
        return
    state.sum, state.scale = total, common
    state.count += 1


def _compare(state: pb.Balance, policy: limits.Balance) -> list[Finding]:
    begin, end = state.begin, state.end
    scale = min(begin.scale, end.scale, state.scale)
    advance = end.mantissa * 10 ** (end.scale - scale) - begin.mantissa * 10 ** (begin.scale - scale)
    total = state.sum * 10 ** (state.scale - scale)
    rounding = state.count * 10 ** (state.scale - scale) + 10 ** (begin.scale - scale) + 10 ** (end.scale - scale)
    found = []
    if advance >= 0 and abs(advance - total) > rounding + advance * policy.tolerance_percent / 100:
        factor = 10.0**scale
        text = (
            f"the {state.count} intervals from {iso(begin.at_us)} to {iso(end.at_us)} sum up to {total * factor:g}, "
            f"the register advanced by {advance * factor:g}"
        )
        obis = format_obis(state.obis)
        found.append(Finding(Kind.INTERVAL_SUM_MISMATCH, f"{obis}/{iso(end.at_us)}", end.at_us, text, obis))
    _begin(state, pb.Snapshot.FromString(end.SerializeToString()))
    return found
