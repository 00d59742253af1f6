"""A meter's clock against the time of reception: how wrong it is, and where it is going.

A message is received after it was made, never before: delays only make a clock look slow. So the greatest of the
latest offsets is the truest.
"""

from __future__ import annotations

from math import log2
from typing import Final

from ami.readings.v1 import meter_readings_pb2 as readings_pb
from ami.watch.v1 import meter_state_pb2 as pb
from ami_normalize.watch.rules import policy as limits
from ami_normalize.watch.rules.finding import Finding, Kind, iso

_SECOND: Final = 1_000_000
_DAY_S: Final = 86_400
_TAKEN: Final = 3
"""Messages that an offset is taken from."""
_SET_US: Final = 5 * _SECOND
"""A change of the offset that is no drift: the clock was set."""
_TRUSTED: Final = frozenset(
    {
        readings_pb.TIME_ORIGIN_DEVIATION,
        readings_pb.TIME_ORIGIN_DEVIATION_INVERTED,
        readings_pb.TIME_ORIGIN_CONFIGURED_ZONE,
        readings_pb.TIME_ORIGIN_UTC,
    }
)
"""Where the zone is assumed, hours may be wrong that are not the clock's."""


def take(state: pb.Clock, time: readings_pb.MessageTime, policy: limits.Clock) -> list[Finding]:
    """Take the times of a message; late ones say nothing."""
    at_us = time.received_us
    if not time.meter_time_us or time.meter_time_origin not in _TRUSTED or at_us <= state.at_us:
        return []
    recent = [*state.recent_us, time.meter_time_us - at_us][-_TAKEN:]
    del state.recent_us[:]
    state.recent_us.extend(recent)
    before_us, state.at_us = state.offset_us, at_us
    if len(recent) < _TAKEN:
        return []
    state.offset_us = max(recent)
    return [*_drift(state, policy), *_trend(state, before_us, policy)]


def trend_s_per_day(state: pb.Clock) -> float | None:
    """Return how many seconds the clock gains (or loses) a day, as soon as there is a day to measure it on."""
    days = (state.at_us - state.anchor_us) / _SECOND / _DAY_S
    if not state.anchor_us or days < 1:
        return None
    return (state.offset_us - state.anchor_offset_us) / _SECOND / days


def _drift(state: pb.Clock, policy: limits.Clock) -> list[Finding]:
    off_s = abs(state.offset_us) / _SECOND
    if off_s < policy.limit_s:
        since_us = state.drifting_since_us
        if not since_us or off_s >= policy.limit_s / 2:
            return []
        state.drifting_since_us = state.level = 0
        text = f"right again, to {state.offset_us / _SECOND:+.1f} s; it was wrong since {iso(since_us)}"
        return [Finding(Kind.CLOCK_RIGHT, iso(since_us), state.at_us, text)]
    level = int(log2(off_s / policy.limit_s))
    if state.drifting_since_us and level <= state.level:
        return []
    state.drifting_since_us = state.drifting_since_us or state.at_us
    state.level = level
    trend = trend_s_per_day(state)
    going = "" if trend is None else f", going {trend:+.1f} s a day"
    text = f"{off_s:.0f} s {'fast' if state.offset_us > 0 else 'slow'}{going}"
    detail = f"{iso(state.drifting_since_us)}/{level}"
    return [Finding(Kind.CLOCK_DRIFT, detail, state.at_us, text, code=round(state.offset_us / _SECOND))]


def _trend(state: pb.Clock, before_us: int, policy: limits.Clock) -> list[Finding]:
    if not state.anchor_us or abs(state.offset_us - before_us) > _SET_US:
        state.anchor_us, state.anchor_offset_us, state.trend_told = state.at_us, state.offset_us, False
        return []
    trend = trend_s_per_day(state)
    days = (state.at_us - state.anchor_us) / _SECOND / _DAY_S
    if trend is None or state.trend_told or days < policy.trend_days or abs(trend) < policy.trend_s_per_day:
        return []
    state.trend_told = True
    text = f"{'gains' if trend > 0 else 'loses'} {abs(trend):.1f} s a day since {iso(state.anchor_us)}"
    return [Finding(Kind.CLOCK_TREND, iso(state.anchor_us), state.at_us, text)]
