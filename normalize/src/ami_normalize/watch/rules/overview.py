"""Who needs attention, and what is known of a meter, as JSON values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any, Final, NamedTuple

from ami.watch.v1 import meter_state_pb2 as pb
from ami_dlms.obis import format_obis
from ami_normalize.watch.rules import clock
from ami_normalize.watch.rules.finding import iso
from ami_normalize.watch.rules.fleet import split_key
from ami_normalize.watch.rules.policy import Policy
from ami_normalize.watch.rules.registers import decimal
from ami_schemas import units

_SECOND: Final = 1_000_000
MOST_ROWS: Final = 200
"""Meters that an overview lists."""
CONCERNS: Final = ("silent", "gaps", "drift", "security")
"""What a meter can need attention for, the most urgent first."""


class Row(NamedTuple):
    """A meter in an overview."""

    meter: str
    partition: int
    concerns: tuple[str, ...]
    last_heard: str
    usual_s: int | None
    missing_intervals: int
    clock_offset_s: float | None
    clock_trend_s_per_day: float | None
    security_failures: int
    """Within the present window."""


class Overview(NamedTuple):
    """All meters at one moment."""

    at: str
    meters: int
    concerned: dict[str, int]
    rows: tuple[Row, ...]
    """Those that need attention, the most urgent first, at most `MOST_ROWS`."""


class Survey:
    """Makes an overview, a meter at a time."""

    def __init__(self, now_us: int, policy: Policy) -> None:
        """Look at meters as of an instant."""
        self._now_us = now_us
        self._policy = policy
        self._meters = 0
        self._counts: Counter[str] = Counter()
        self._rows: list[tuple[tuple[int, int, str], Row]] = []

    def add(self, key: bytes, state: pb.MeterState) -> None:
        """Look at a meter."""
        self._meters += 1
        concerns = _concerns(state, self._now_us, self._policy)
        if not concerns:
            return
        self._counts.update(concerns)
        made = row(key, state, self._now_us, self._policy)
        self._rows.append(((-len(concerns), CONCERNS.index(concerns[0]), made.meter), made))
        if len(self._rows) > 2 * MOST_ROWS:
            self._rows = sorted(self._rows)[:MOST_ROWS]

    def overview(self) -> Overview:
        """Return what was seen."""
        rows = tuple(made for _, made in sorted(self._rows)[:MOST_ROWS])
        return Overview(iso(self._now_us), self._meters, {name: self._counts[name] for name in CONCERNS}, rows)


def row(key: bytes, state: pb.MeterState, now_us: int, policy: Policy) -> Row:
    """Return a meter's row."""
    partition, meter_id = split_key(key)
    trend = clock.trend_s_per_day(state.clock)
    return Row(
        meter=meter_id,
        partition=partition,
        concerns=_concerns(state, now_us, policy),
        last_heard=iso(state.presence.last_us) if state.presence.last_us else "",
        usual_s=round(state.presence.usual_s) if state.presence.usual_s else None,
        missing_intervals=sum(_missing(profile) for profile in state.profiles),
        clock_offset_s=round(state.clock.offset_us / _SECOND, 1) if state.clock.at_us else None,
        clock_trend_s_per_day=None if trend is None else round(trend, 2),
        security_failures=_failures(state, now_us, policy),
    )


def details(key: bytes, state: pb.MeterState, now_us: int, policy: Policy) -> dict[str, Any]:
    """Return all tables of a meter."""
    return {
        **row(key, state, now_us, policy)._asdict(),
        "system_title": state.system_title.hex() or None,
        "presence": {
            "first_heard": iso(state.presence.first_us) if state.presence.first_us else None,
            "messages": state.presence.messages,
            "messages_in_hour": state.presence.in_hour,
            "silent": state.presence.silent,
        },
        "intervals": [_profile(profile) for profile in state.profiles],
        "registers": [_register(register) for register in state.registers],
        "balance": [_balance(each) for each in state.balances],
        "security": [
            {"reason": each.reason, "total": each.total, "last": iso(each.last_us), "in_window": each.in_window}
            for each in state.failures
        ],
    }


def _concerns(state: pb.MeterState, now_us: int, policy: Policy) -> tuple[str, ...]:
    present = (
        state.presence.silent,
        any(profile.gaps for profile in state.profiles),
        bool(state.clock.drifting_since_us),
        _failures(state, now_us, policy) > 0,
    )
    return tuple(name for name, is_so in zip(CONCERNS, present, strict=True) if is_so)


def _failures(state: pb.MeterState, now_us: int, policy: Policy) -> int:
    since_us = now_us - policy.security.window_s * _SECOND
    return sum(each.in_window for each in state.failures if each.window_us >= since_us)


def _missing(profile: pb.Profile) -> int:
    return sum(sum(gap.missing[1::2]) for gap in profile.gaps)


def _profile(profile: pb.Profile) -> dict[str, Any]:
    return {
        "profile": format_obis(profile.obis),
        "period_s": profile.period_s or None,
        "last_interval_end": iso(profile.last_end_us),
        "gaps": [
            {"first_end": iso(gap.first_end_us), "period_s": gap.period_s, "missing": sum(gap.missing[1::2])}
            for gap in profile.gaps
        ],
    }


def _register(register: pb.Register) -> dict[str, Any]:
    return {
        "obis": format_obis(register.obis[:6]),
        "profile": format_obis(register.obis[6:]) if register.obis[6:] else None,
        "unit": units.symbol(register.unit),
        "value": decimal(register.mantissa, register.scale),
        "at": iso(register.at_us),
    }


def _balance(balance: pb.Balance) -> dict[str, Any]:
    return {
        "register": format_obis(balance.obis),
        "since": iso(balance.begin.at_us) if balance.begin.at_us else None,
        "intervals": balance.count,
        "to": iso(balance.summed_to_us) if balance.summed_to_us else None,
    }


def as_json(overview: Overview, concern: str | None = None) -> dict[str, Any]:
    """Return an overview, of one concern only if asked."""
    rows: Iterable[Row] = overview.rows
    if concern is not None:
        rows = [each for each in rows if concern in each.concerns]
    return {**overview._asdict(), "rows": [each._asdict() for each in rows]}
