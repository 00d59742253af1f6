"""The stamps of a profile's rows as instants: local times put into their zone, those left out counted on.

In the hour that exists twice a local time is two instants. Which of them a stamp is, the clock status may say; else the
order of the rows does: a stamp lies behind the row before, one period from a neighbour whose instant is certain, and is
the first of the two where the same local time comes again. Only what nothing decides stays `TIME_AMBIGUOUS`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from enum import Enum
from itertools import pairwise
from typing import Final, Union

from ami_normalize.instants import Instant
from ami_normalize.quality import Quality

Place = Callable[[Instant, bool], Instant]
"""Puts a local time into its zone; the flag chooses the second of two equal local times."""

_DAY: Final = 86_400_000_000  # microseconds
_SECOND: Final = 1_000_000


class Left(Enum):
    """A stamp that is left out: one row on from the one before."""

    OUT = "out"


OUT: Final = Left.OUT
Given = Union[Instant, Left, None]
"""What a row gives for its stamp; None where it is no time."""


def placed(given: Sequence[Given], place: Place, period_s: int) -> list[Instant | None]:
    """Return the instants of rows in their order; `period_s` is their capture period, 0 where it is not known."""
    first = [place(stamp, False) if isinstance(stamp, Instant) else None for stamp in given]  # noqa: FBT003
    direction = _direction(first)
    period_s = period_s or _spacing(first)
    twice = [stamp is not None and _is_doubtful(stamp) for stamp in first]
    if not any(twice):
        return _counted(given, first, period_s * direction)
    period = (period_s or _step(first, direction)) * _SECOND * direction
    choices = [
        (one, place(stamp, True)) if both and one and isinstance(stamp, Instant) else None  # noqa: FBT003
        for stamp, one, both in zip(given, first, twice, strict=True)
    ]
    forward = _chosen(first, choices, period, direction)
    backward = _settled(forward, choices, period)
    return _counted(given, _first_of_two(backward, choices), period_s * direction)


def distance(stamps: Sequence[int]) -> int:
    """Return the period in seconds that rising stamps keep but for some off the grid, or 0 if they keep none."""
    steps = Counter(after - before for before, after in pairwise(stamps) if after > before)
    if not steps:
        return 0
    period = min(steps)
    if any(step % period for step in steps):  # a row captured in between, as at a power failure
        period, times = steps.most_common(1)[0]
        if period > _DAY or 2 * times <= sum(steps.values()):  # longer ones are of the calendar
            return 0
    seconds, rest = divmod(period, _SECOND)
    return 0 if rest else seconds


def _direction(stamps: Sequence[Instant | None]) -> int:
    """Return -1 if the rows come last first, else 1: as most of them follow each other."""
    known = [stamp.micros() for stamp in stamps if stamp is not None]
    falling = sum((after < before) - (after > before) for before, after in pairwise(known))
    return -1 if falling > 0 else 1


def _spacing(stamps: Sequence[Instant | None]) -> int:
    """Return the seconds between two rows by the stamps among others left out, 0 where they do not agree or none is."""
    known = [(index, stamp.micros()) for index, stamp in enumerate(stamps) if stamp is not None]
    if len(known) == len(stamps):
        return 0
    spacings = {abs(after - before) / (last - first) for (first, before), (last, after) in pairwise(known)}
    spacing = spacings.pop() / _SECOND if len(spacings) == 1 else 0.0
    return int(spacing) if spacing.is_integer() else 0


def _step(stamps: Sequence[Instant | None], direction: int) -> int:
    return distance([stamp.micros() for stamp in stamps if stamp is not None][::direction])


def _counted(given: Sequence[Given], known: Sequence[Instant | None], seconds: int) -> list[Instant | None]:
    """Count stamps that are left out on from the row before."""
    found: list[Instant | None] = []
    before: Instant | None = None
    for stamp, instant in zip(given, known, strict=True):
        before = _one_on(before, seconds) if stamp is OUT else instant
        found.append(before)
    return found


def _one_on(stamp: Instant | None, seconds: int) -> Instant | None:
    """Return the stamp one row on; None where nothing says when, or the calendar has no such time."""
    if stamp is None or not seconds:
        return None
    try:
        return stamp.shifted(timedelta(seconds=seconds))
    except OverflowError:
        return None


# --- the hour that exists twice

_Choices = Sequence[Union[tuple[Instant, Instant], None]]


def _chosen(stamps: Sequence[Instant | None], choices: _Choices, period: int, direction: int) -> list[Instant | None]:
    """Choose, row after row, the instant that goes on from the row before."""
    found: list[Instant | None] = []
    before: Instant | None = None
    for stamp, choice in zip(stamps, choices, strict=True):
        before = stamp if choice is None else _next(choice, before, period, direction)
        found.append(before)
    return found


def _next(choice: tuple[Instant, Instant], before: Instant | None, period: int, direction: int) -> Instant:
    if before is None:
        return choice[0]
    distances = [(each.micros() - before.micros()) * direction for each in choice]
    ahead = [each for each, far in zip(choice, distances, strict=True) if far > 0]
    if len(ahead) < 2:
        return _certain(ahead[0] if ahead else choice[1 if direction > 0 else 0])
    near = choice[0 if direction > 0 else 1]
    if near.micros() - before.micros() == period and not _is_doubtful(before):
        return _certain(near)
    return _doubtful(near)


def _settled(stamps: Sequence[Instant | None], choices: _Choices, period: int) -> list[Instant | None]:
    """Settle, from the last row on, what lies one period before a row that is certain."""
    found: list[Instant | None] = []
    after: Instant | None = None
    for stamp, choice in zip(reversed(stamps), reversed(choices), strict=True):
        if choice and after and stamp and _is_doubtful(stamp) and not _is_doubtful(after):
            fitting = [each for each in choice if after.micros() - each.micros() == period]
            stamp = _certain(fitting[0]) if fitting else stamp  # noqa: PLW2901
        found.append(stamp)
        after = stamp
    return found[::-1]


def _first_of_two(stamps: Sequence[Instant | None], choices: _Choices) -> list[Instant | None]:
    """Settle a stamp whose local time comes again as the other instant."""
    known = {stamp.micros() for stamp in stamps if stamp is not None}
    return [
        _certain(stamp) if stamp and choice and {each.micros() for each in choice} <= known else stamp
        for stamp, choice in zip(stamps, choices, strict=True)
    ]


def _is_doubtful(stamp: Instant) -> bool:
    return Quality.TIME_AMBIGUOUS in stamp.quality


def _certain(stamp: Instant) -> Instant:
    quality = tuple(one for one in stamp.quality if one is not Quality.TIME_AMBIGUOUS)
    return replace(stamp, quality=quality)


def _doubtful(stamp: Instant) -> Instant:
    return replace(_certain(stamp), quality=(*_certain(stamp).quality, Quality.TIME_AMBIGUOUS))
