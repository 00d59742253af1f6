"""What polling has done and is doing, as plain numbers that metrics and health read."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Literal

from ami_ingest.histogram import Histogram
from ami_ingest.meters.signal import strengths

InTime = Literal["in-time", "late", "missed"]


@dataclass(slots=True)
class PollStats:
    """Counts since the start, and what is now."""

    results: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Tries by (group, code): OK, or the error's code."""
    by_deadline: Counter[tuple[str, InTime]] = field(default_factory=Counter)
    """Turns by (group, whether they had succeeded by their deadline)."""
    phases: dict[str, Histogram] = field(
        default_factory=lambda: {"connect": Histogram(), "associate": Histogram(), "read": Histogram()}
    )
    """How long connecting, associating and a job's requests took, seconds."""
    open_sessions: int = 0
    """Associations that stand, idle ones included."""
    waiting: dict[str, int] = field(default_factory=dict)
    """Jobs that are due and have not begun, by priority: on-demand, scheduled, backfill."""
    running: int = 0
    """Jobs under way."""
    crc_errors: Counter[str] = field(default_factory=Counter)
    """Frames with a wrong check sequence, by line."""
    breakers_open: int = 0
    """Meters that are probed less often, as they failed turn after turn."""
    clocks_off: Counter[str] = field(default_factory=Counter)
    """Clock checks by group that found the clock off by more than allowed."""
    clocks_set: Counter[str] = field(default_factory=Counter)
    """Clocks set, by group."""
    signals: defaultdict[str, Histogram] = field(default_factory=lambda: defaultdict(strengths))
    """What meters' modems receive, dBm, by group, each time it was read."""
    signals_weak: Counter[str] = field(default_factory=Counter)
    """Signals read, by group, that were below what the meter's policy wants."""
    rows_missing: Counter[str] = field(default_factory=Counter)
    """Profile rows by group that a meter did not give and that backfill did not find either."""
    last_success: float = 0.0
    """When a try last succeeded, seconds since the epoch; 0: never."""
