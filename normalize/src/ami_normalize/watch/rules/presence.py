"""When a meter was heard: its usual distance, silence, and floods."""

from __future__ import annotations

from typing import Final

from ami.watch.v1 import meter_state_pb2 as pb
from ami_normalize.watch.rules import policy as limits
from ami_normalize.watch.rules.finding import Finding, Kind, iso

_SECOND: Final = 1_000_000
_HOUR: Final = 3600 * _SECOND
_BURST_US: Final = _SECOND
"""Messages nearer than this belong to one occasion."""
_ENOUGH: Final = 3
"""Distances that make one usual."""
_WEIGHT: Final = 1 / 8
"""Of a new distance in the usual one."""


def heard(state: pb.Presence, at_us: int, policy: limits.Presence) -> list[Finding]:
    """Take note of a message received at an instant."""
    found = []
    if state.silent and at_us > state.last_us:
        text = f"heard again at {iso(at_us)}, after nothing since {iso(state.last_us)}"
        found.append(Finding(Kind.METER_RETURNED, iso(state.last_us), at_us, text))
        state.silent = False
    state.messages += 1
    found += _count(state, at_us, policy)
    if not state.first_us:
        state.first_us = state.last_us = at_us
    elif at_us > state.last_us:
        if at_us - state.last_us >= _BURST_US:
            _learn(state, (at_us - state.last_us) / _SECOND, policy)
        state.last_us = at_us
    return found


def _count(state: pb.Presence, at_us: int, policy: limits.Presence) -> list[Finding]:
    hour = at_us // _HOUR
    if hour < state.hour:
        return []
    if hour > state.hour:
        state.hour, state.in_hour = hour, 0
    state.in_hour += 1
    if state.in_hour != int(policy.most_per_hour) + 1:
        return []
    text = f"more than {policy.most_per_hour:.0f} messages in the hour from {iso(hour * _HOUR)}"
    return [Finding(Kind.PUSH_FLOOD, iso(hour * _HOUR), at_us, text, code=state.in_hour)]


def _learn(state: pb.Presence, distance_s: float, policy: limits.Presence) -> None:
    if state.learned < _ENOUGH:
        state.usual_s = (state.usual_s * state.learned + distance_s) / (state.learned + 1)
        state.learned += 1
        return
    state.usual_s += (min(distance_s, policy.factor * state.usual_s) - state.usual_s) * _WEIGHT


def deadline_us(state: pb.Presence, policy: limits.Presence) -> int:
    """Return when the meter counts as silent if it is not heard before."""
    limit = policy.at_most_s
    if state.learned >= _ENOUGH:
        limit = min(max(policy.factor * state.usual_s, policy.at_least_s), policy.at_most_s)
    return state.last_us + int(limit * _SECOND)


def judged(state: pb.Presence, now_us: int, policy: limits.Presence) -> list[Finding]:
    """Say once that the meter is silent, if it is by now."""
    if state.silent or not state.last_us or now_us < deadline_us(state, policy):
        return []
    state.silent = True
    usually = f"; usually it is heard every {state.usual_s:.0f} s" if state.learned >= _ENOUGH else ""
    text = f"nothing heard since {iso(state.last_us)}{usually}"
    return [Finding(Kind.SILENT_METER, iso(state.last_us), deadline_us(state, policy), text)]


def forgotten(state: pb.Presence, now_us: int, policy: limits.Presence) -> bool:
    """Tell whether the meter was not heard for so long that it need not be remembered."""
    return now_us - state.last_us > policy.forget_after_s * _SECOND
