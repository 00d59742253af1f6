"""When to start a worker again that ended: soon, and later each time it ends soon."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, NamedTuple

FIRST_S: Final = 1.0
MOST_S: Final = 60.0
STEADY_S: Final = 60.0
"""Who ran so long starts with a short pause again."""
LOOP: Final = 3
"""So many ends in a row, each before STEADY_S, are called a crash loop."""


class Restart(NamedTuple):
    """What follows from the end of a worker."""

    pause_s: float
    looping: bool
    """It has ended soon again and again."""
    times: int
    """Of ending soon, in a row."""


class Restarts:
    """The history of one worker."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Know of no end yet."""
        self._clock = clock
        self._begun = clock()
        self._soon = 0
        self.total = 0
        """How often it was started again."""

    def started(self) -> None:
        """Note that it runs."""
        self._begun = self._clock()

    def ended(self) -> Restart:
        """Decide when it is to run again."""
        steady = self._clock() - self._begun >= STEADY_S
        self._soon = 1 if steady else self._soon + 1
        self.total += 1
        pause = min(FIRST_S * 2.0 ** min(self._soon - 1, 30), MOST_S)
        return Restart(pause, self._soon >= LOOP, self._soon)
