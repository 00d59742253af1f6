"""Diagnoses what does not open, as much of it as there is time for: hostile traffic must not make us slow."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from ami_normalize.diagnosis import DIAGNOSED, diagnose
from ami_normalize.meter import title_of
from ami_normalize.pipeline import Context, Outcome, Parked, RawRecord, Rejected
from ami_normalize.pipeline.outcome import MOST_MESSAGE

_BURST: Final = 50
_PER_SECOND: Final = 20.0
_MOST_SUSPECTS: Final = 16

Holds = Callable[[int, bytes], bool]


class Diagnoser:
    """Says of refused records what is wrong with their keys, at most so many a second."""

    def __init__(self, holds: Holds, clock: Callable[[], float] = time.monotonic) -> None:
        """Begin with a full burst; `holds` tells whether a partition has seen a right tag of a title and version."""
        self._holds = holds
        self._clock = clock
        self._left = float(_BURST)
        self._last = clock()
        self._suspects: deque[bytes] = deque(maxlen=_MOST_SUSPECTS)

    def __call__(self, outcome: Outcome, record: RawRecord, context: Context) -> Outcome:
        """Return the outcome, with the diagnosis for a message where there is one."""
        if not isinstance(outcome, (Rejected, Parked)) or outcome.reason not in DIAGNOSED or not self._may():
            return outcome

        def verified(title: bytes, version: str) -> bool:
            return self._holds(record.partition, title + version.encode())

        title = title_of((record.key or b"").decode("utf-8", "replace"))
        found = diagnose(record, context, verified=verified, suspects=tuple(self._suspects))
        if title is not None and title not in self._suspects:
            self._suspects.appendleft(title)
        if found is None:
            return outcome
        message = found.sentence.encode()[:MOST_MESSAGE].decode("utf-8", "ignore")
        return replace(outcome, message=message, diagnosis=found.code.value)

    def _may(self) -> bool:
        now = self._clock()
        self._left = min(_BURST, self._left + (now - self._last) * _PER_SECOND)
        self._last = now
        if self._left < 1:
            return False
        self._left -= 1
        return True
