"""Stops the line when a key roll-out went wrong, before a fleet's messages become dead letters.

What counts are messages that could not be opened (`DECRYPT_FAILURES`) of meters whose messages were opened before, by
distinct meter: a meter that fails a million times is one, and one whose messages nobody ever opened is none. Of the
meters heard lately, the last word of each counts.

    closed      all goes through; too many of the meters heard lately fail -> open
    open        nothing goes through, until the next probe is due -> half-open
    half-open   a batch is tried: too many of its own meters fail -> open; enough meters are well again -> closed

Pure: time comes from a clock that is given, and what it says depends on what it was told only.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final

from ami_kafka.loop import ProcessorHeld
from ami_schemas.reasons import Reason

DECRYPT_FAILURES: Final = frozenset(
    {Reason.TAG_MISMATCH, Reason.KEY_WRONG, Reason.KEY_OUT_OF_VALIDITY, Reason.SIGNATURE_INVALID}
)
"""Reasons that a wrong key may be behind."""


class State(str, Enum):
    """What goes through."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"


@dataclass(frozen=True, slots=True)
class BreakerPolicy:
    """When the line stops, and how it goes on."""

    share: float = 0.2
    """Of the meters heard lately whose messages were opened before, so many must fail; above 1 it never opens."""
    meters: int = 10
    """And so many distinct ones at least."""
    sample: int = 5000
    """How many distinct meters `lately` means at most."""
    window_s: float = 3600.0
    """How long a meter that fails counts. After that it is known to be bad, and counts again when it was well."""
    probe_s: float = 5.0
    """Seconds between two tries while it is open."""


class BreakerOpen(ProcessorHeld):
    """Too many meters' messages cannot be opened: nothing is consumed until the keys are right."""

    cause = "breaker"


class Breaker:
    """The state machine."""

    def __init__(
        self,
        policy: BreakerPolicy = BreakerPolicy(),
        *,
        clock: Callable[[], float] = time.monotonic,
        keyed: Callable[[bytes], bool] = lambda _meter: True,
    ) -> None:
        """Start closed, knowing nobody; `keyed` tells whose messages need keys: no others count as well."""
        self._policy = policy
        self._clock = clock
        self._keyed = keyed
        self._known: set[bytes] = set()  # about 100 octets a meter of the partitions owned
        self._lately: deque[Mapping[bytes, bool]] = deque()
        self._failing: dict[bytes, float] = {}  # since when
        self._next_probe = 0.0
        self._sentence = ""
        self.state = State.CLOSED

    @property
    def reason(self) -> str:
        """Why nothing goes through; empty while something does."""
        return self._sentence if self.state is State.OPEN else ""

    def admit(self) -> None:
        """Ask before a batch is processed; raises BreakerOpen until the next probe is due."""
        if self.state is not State.OPEN:
            return
        if self._clock() < self._next_probe:
            raise BreakerOpen(self._sentence)
        self.state = State.HALF_OPEN

    def knows(self, meters: Iterable[bytes]) -> None:
        """Hear of meters whose messages were opened before, in another life of this process."""
        self._known.update(meters)

    def judge(self, batch: Mapping[bytes, bool]) -> None:
        """Hear how the meters of a batch fared, before anything of it is written; raises BreakerOpen.

        True: a message of the meter could not be opened; False: one was, and none could not. The same batch may be
        judged again.
        """
        now = self._clock()
        failing = self._take(batch, now)
        if self.state is State.CLOSED:
            ill, well = self._sample() if failing and len(self._failing) >= self._policy.meters else (0, 0)
            if ill >= self._policy.meters and ill >= self._policy.share * (ill + well):
                self._open(ill, ill + well, now)
            return
        well = sum(not failed and self._keyed(meter) for meter, failed in batch.items())
        if failing > 1 and failing >= self._policy.share * (failing + well):
            self._open(failing, failing + well, now)
        if self._sample()[1] >= self._policy.meters or now > self._next_probe + self._policy.window_s:
            self.state = State.CLOSED

    def _take(self, batch: Mapping[bytes, bool], now: float) -> int:
        """Remember how meters fared; return how many fail that were well before."""
        ill: list[bytes] = []
        if True in batch.values():
            ill = [meter for meter, failed in batch.items() if failed and meter in self._known]
            self._known.update(meter for meter, failed in batch.items() if not failed)
        else:
            self._known.update(batch)
        self._lately.append(batch)
        while sum(map(len, self._lately)) - len(self._lately[0]) >= self._policy.sample:
            self._lately.popleft()
        for meter in ill:
            self._failing.setdefault(meter, now)
        for meter in [meter for meter in self._failing if batch.get(meter) is False]:
            del self._failing[meter]
        for meter in [meter for meter, since in self._failing.items() if now - since > self._policy.window_s]:
            del self._failing[meter]
            self._known.discard(meter)
        return len(ill)

    def _sample(self) -> tuple[int, int]:
        """Return how many of the meters heard lately fail that were well before, and how many are well."""
        lately: dict[bytes, bool] = {}
        for batch in self._lately:
            lately.update(batch)
        ill = sum(meter in self._failing for meter in lately)
        return ill, sum(not failed and self._keyed(meter) for meter, failed in lately.items())

    def _open(self, failing: int, heard: int, now: float) -> None:
        self.state = State.OPEN
        self._next_probe = now + self._policy.probe_s
        self._lately.clear()  # what they said was about keys that somebody will now correct
        self._failing.clear()
        self._sentence = (
            f"messages of {failing} of {heard} meters, which were opened before, cannot be opened any more; "
            "correct the keys, and it goes on by itself"
        )
        raise BreakerOpen(self._sentence)
