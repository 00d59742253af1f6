"""Dead letters of a meter that concern security, counted by reason."""

from __future__ import annotations

from typing import Final

from ami.watch.v1 import meter_state_pb2 as pb
from ami_normalize.watch.rules import policy as limits
from ami_normalize.watch.rules.finding import Finding, Kind, iso

_SECOND: Final = 1_000_000


def take(state: pb.MeterState, reason: str, at_us: int, policy: limits.Security) -> list[Finding]:
    """Count a dead letter; tell the first that are too many within a window, then ten and a hundred times as many."""
    first = policy.reasons.get(reason)
    if first is None:
        return []
    known = next((each for each in state.failures if each.reason == reason), None)
    if known is None:
        known = state.failures.add()
        known.reason = reason
    known.total += 1
    known.last_us = max(known.last_us, at_us)
    if at_us < known.window_us:
        return []
    if not known.window_us or at_us - known.window_us >= policy.window_s * _SECOND:
        known.window_us, known.in_window = at_us, 0
    known.in_window += 1
    if not _told(known.in_window, first):
        return []
    text = f"{known.in_window} messages rejected {reason} since {iso(known.window_us)}, {known.total} in all"
    detail = f"{reason}/{iso(known.window_us)}/{known.in_window}"
    return [Finding(Kind.SECURITY_FAILURES, detail, at_us, text, code=known.in_window)]


def _told(count: int, first: int) -> bool:
    """Tell whether a count is the first that is told, or that times a power of ten."""
    while count % 10 == 0 and count > first:
        count //= 10
    return count == first
