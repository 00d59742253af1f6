"""Which letters somebody means."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Final

from ami_normalize.letters.letter import Letter

_AGO: Final = re.compile(r"(\d+)([smhd])")
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


@dataclass(frozen=True, slots=True)
class Choice:
    """All of what is said must hold; empty says nothing."""

    reasons: frozenset[str] = frozenset()
    meters: frozenset[str] = frozenset()
    """Keys of raw records, or the system title alone."""
    stages: frozenset[str] = frozenset()
    makers: frozenset[str] = frozenset()
    since_ms: int | None = None
    until_ms: int | None = None
    """Exclusive."""

    @property
    def everything(self) -> bool:
        """Whether nothing is said."""
        return self == Choice()

    def __call__(self, letter: Letter) -> bool:
        """Tell whether a letter is meant."""
        return (
            (not self.reasons or letter.reason in self.reasons)
            and (not self.stages or letter.stage in self.stages)
            and (not self.makers or letter.maker in self.makers)
            and (not self.meters or letter.meter in self.meters or letter.meter.removeprefix("st-") in self.meters)
            and (self.since_ms is None or letter.at_ms >= self.since_ms)
            and (self.until_ms is None or letter.at_ms < self.until_ms)
        )


def moment_ms(text: str, now: Callable[[], datetime] = lambda: datetime.now(timezone.utc)) -> int:
    """Read `2h` (ago; s, m, h, d), or ISO 8601 with offset or `Z`, as ms since 1970. Raises ValueError."""
    ago = _AGO.fullmatch(text)
    if ago:
        return _ms(now() - timedelta(**{_UNITS[ago[2]]: int(ago[1])}))
    moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    if moment.tzinfo is None:
        raise ValueError(f"'{text}' has no offset to UTC")
    return _ms(moment)


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)
