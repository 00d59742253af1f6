"""When a schedule's turns are: aligned on the epoch, each meter at its own constant place within the jitter.

A schedule of 15 minutes has its turns at :00, :15, :30 and :45 of UTC, whenever the agent was started, so that what
was read of different meters belongs together and two agents that relieve each other agree.
"""

from __future__ import annotations

import hashlib
import math
from typing import Final, NamedTuple

from ami_ingest.config.model import Schedule

_SPREAD_S: Final = 5.0
"""First turns are spread over at most so long, so that a restart is no stampede."""


class Turn(NamedTuple):
    """One turn of one meter. Times are seconds since the epoch."""

    due: float
    """When it may begin."""
    deadline: float
    """Until when it must have succeeded."""


def place(meter: str, schedule: str) -> float:
    """Return the meter's constant place within the jitter of a schedule, 0 to below 1.

    It comes from a digest: the same in every process and on every machine, even over the meters of any group.
    """
    digest = hashlib.blake2b(f"{schedule}\0{meter}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64


def first(schedule: Schedule, at: float, where: float) -> Turn:
    """Return the turn with which an agent that starts `at` begins: soon, and with a whole turn's time to succeed."""
    spread = min(_SPREAD_S, schedule.jitter_s or _SPREAD_S, schedule.every_s / 4)
    due = at + where * spread
    return Turn(due, due + _patience(schedule))


def following(schedule: Schedule, after: float, where: float) -> Turn:
    """Return the first turn that is due after an instant."""
    offset = where * schedule.jitter_s
    number = _floor((after - offset) / schedule.every_s) + 1
    began = number * schedule.every_s
    due = began + offset
    if schedule.deadline_s is None:
        return Turn(due, due + schedule.every_s)
    return Turn(due, max(began + schedule.deadline_s, due))


def between(schedule: Schedule, after: float, until: float, where: float) -> int:
    """Return how many turns are due after `after` and before `until`."""
    offset = where * schedule.jitter_s
    number = -_floor((offset - until) / schedule.every_s)
    return max(0, number - _floor((after - offset) / schedule.every_s) - 1)


def _floor(turns: float) -> int:
    """Round down; what lacks a millionth of a turn is a whole one that floating point has missed."""
    return math.floor(turns + 1e-6)


def _patience(schedule: Schedule) -> float:
    return schedule.every_s if schedule.deadline_s is None else schedule.deadline_s
