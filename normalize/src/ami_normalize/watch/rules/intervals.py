"""Which intervals of a load profile are missing: skipped between two messages, or within one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from ami.readings.v1 import meter_readings_pb2 as readings_pb
from ami.watch.v1 import meter_state_pb2 as pb
from ami_dlms.obis import format_obis, parse_obis
from ami_normalize.watch.rules import policy as limits
from ami_normalize.watch.rules.finding import Finding, Kind, iso

_SECOND: Final = 1_000_000
_ALIKE: Final = 0.15
"""Periods that differ less are one: months have 28 to 31 days, days 23 to 25 hours."""
_FEW_ROWS: Final = 3
"""So few rows do not say that the period changed when theirs is a multiple of it: a row between may be missing."""


def rows(block: readings_pb.IntervalBlock) -> int:
    """Return how many intervals a block has."""
    return max(len(block.mantissas), len(block.reals), len(block.texts))


def missing(block: readings_pb.IntervalBlock) -> set[int]:
    """Return the intervals of a block that the profile has no row for."""
    return {one.index for one in block.quality if readings_pb.QUALITY_MISSING in one.quality}


def take(
    state: pb.MeterState, blocks: Iterable[readings_pb.IntervalBlock], received_us: int, policy: limits.Intervals
) -> list[Finding]:
    """Hold the blocks of a message against what was there. Columns of the same rows count once."""
    seen: dict[tuple[str, int, int, int], readings_pb.IntervalBlock] = {}
    for block in blocks:
        seen.setdefault((block.profile_obis, block.first_interval_end_us, block.period_s, rows(block)), block)
    found: list[Finding] = []
    for (obis, first_us, period_s, count), block in sorted(seen.items(), key=lambda item: item[0]):
        last_us = first_us + (count - 1) * period_s * _SECOND
        if not count or not obis or not believed(first_us, last_us, received_us, policy):
            continue
        profile = _profile(state, parse_obis(obis))
        _learn(profile, first_us, period_s, count)
        for first, last in _runs(profile, first_us, period_s, count, missing(block)):
            found += _present(profile, first, last, policy)
        found += _absent(profile, last_us, policy)
    return found


def believed(first_us: int, last_us: int, received_us: int, policy: limits.Intervals) -> bool:
    """Tell whether a meter's stamps are near enough to the time of reception to be of use."""
    return received_us - policy.behind_s * _SECOND <= first_us <= last_us <= received_us + policy.ahead_s * _SECOND


def _profile(state: pb.MeterState, obis: bytes) -> pb.Profile:
    for profile in state.profiles:
        if profile.obis == obis:
            return profile
    profile = state.profiles.add()
    profile.obis = obis
    return profile


def _alike(one: float, other: float) -> bool:
    return abs(one - other) <= _ALIKE * one


def _learn(profile: pb.Profile, first_us: int, period_s: int, count: int) -> None:
    """Take over the period that the block states, or that single rows keep."""
    if period_s:
        multiple = bool(profile.period_s) and period_s % profile.period_s == 0 and count <= _FEW_ROWS
        if not multiple and not _alike(profile.period_s, period_s):
            profile.period_s = period_s
        return
    if profile.period_s or not profile.last_end_us or first_us <= profile.last_end_us:
        return
    distance = round((first_us - profile.last_end_us) / _SECOND)
    if profile.candidate_s and _alike(profile.candidate_s, distance):
        profile.period_s = profile.candidate_s
    profile.candidate_s = distance


def _runs(profile: pb.Profile, first_us: int, period_s: int, count: int, absent: set[int]) -> Iterator[tuple[int, int]]:
    """Yield the first and last end of each run of rows that are there, at the profile's period."""
    step_us = period_s * _SECOND
    joined = _alike(profile.period_s, period_s)
    begin: int | None = None
    for index in sorted({*absent, count}) if joined else range(count + 1):
        if index > count:
            return
        start = 0 if begin is None else begin
        if joined:
            if index > start:
                yield first_us + start * step_us, first_us + (index - 1) * step_us
            begin = index + 1
        elif index < count and index not in absent:
            yield first_us + index * step_us, first_us + index * step_us


def _present(profile: pb.Profile, first_us: int, last_us: int, policy: limits.Intervals) -> list[Finding]:
    found = []
    if profile.last_end_us and profile.period_s:
        skipped = round((first_us - profile.last_end_us) / (profile.period_s * _SECOND)) - 1
        found += _open(profile, skipped, policy)
    profile.last_end_us = max(profile.last_end_us, last_us)
    return found + _fill(profile, first_us, last_us)


def _absent(profile: pb.Profile, last_us: int, policy: limits.Intervals) -> list[Finding]:
    """Open a gap where the rows at the end of a block are missing."""
    if not profile.last_end_us or not profile.period_s:
        return []
    count = round((last_us - profile.last_end_us) / (profile.period_s * _SECOND))
    found = _open(profile, count, policy)
    profile.last_end_us = max(profile.last_end_us, last_us)
    return found


def _open(profile: pb.Profile, count: int, policy: limits.Intervals) -> list[Finding]:
    """Open a gap of that many intervals behind the latest one."""
    if count <= 0:
        return []
    first_us = profile.last_end_us + profile.period_s * _SECOND
    while len(profile.gaps) >= int(policy.most_gaps):
        del profile.gaps[0]
    profile.gaps.add(first_end_us=first_us, period_s=profile.period_s, count=count, missing=[0, count])
    noun = "interval" if count == 1 else "intervals"
    text = f"{count} {noun} of {profile.period_s} s missing, the first ends at {iso(first_us)}"
    return [_finding(Kind.INTERVAL_GAP, profile, first_us, count, text)]


def _fill(profile: pb.Profile, first_us: int, last_us: int) -> list[Finding]:
    """Close what the rows between two ends (both included) fill."""
    found = []
    for number in range(len(profile.gaps) - 1, -1, -1):
        gap = profile.gaps[number]
        period_us = gap.period_s * _SECOND
        low = max(0, round((first_us - gap.first_end_us) / period_us))
        high = min(gap.count - 1, round((last_us - gap.first_end_us) / period_us))
        if low > high:
            continue
        left = list(_without(gap.missing, low, high))
        del gap.missing[:]
        gap.missing.extend(left)
        if not left:
            text = f"the {gap.count} missing from {iso(gap.first_end_us)} have come"
            found.append(_finding(Kind.GAP_CLOSED, profile, gap.first_end_us, gap.count, text))
            del profile.gaps[number]
    return found


def _without(pairs: Iterable[int], low: int, high: int) -> Iterator[int]:
    """Yield pairs (first, how many) less the numbers from low to high."""
    flat = iter(pairs)
    for first, many in zip(flat, flat, strict=True):
        if first < low:
            yield from (first, min(many, low - first))
        if first + many - 1 > high:
            begin = max(first, high + 1)
            yield from (begin, first + many - begin)


def _finding(kind: Kind, profile: pb.Profile, first_us: int, count: int, text: str) -> Finding:
    obis = format_obis(profile.obis)
    return Finding(kind, f"{obis}/{iso(first_us)}", first_us, text, obis, count)
