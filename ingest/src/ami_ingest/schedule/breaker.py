"""A meter that fails turn after turn is probed less often, and fully asked again after its first success.

Closed, every turn is tried, with all retries. Open, some turns pass untouched: 1, 3, 7, 15 and so on between two
probes, bounded in turns and in time; a probe is one try without retries. Asking on demand always tries.
"""

from __future__ import annotations

from typing import Final

THRESHOLD: Final = 5
"""Turns that failed in a row until it opens."""
MOST_SKIPPED: Final = 63
LONGEST_S: Final = 6 * 3600.0
"""No pause is longer, unless one turn is."""


class Breaker:
    """The breaker of one meter."""

    __slots__ = ("failed",)

    def __init__(self) -> None:
        self.failed = 0
        """Turns that failed in a row."""

    @property
    def open(self) -> bool:
        """Whether turns are passed over."""
        return self.failed >= THRESHOLD

    def failure(self) -> bool:
        """Count a failed turn; tell whether that has opened it."""
        self.failed += 1
        return self.failed == THRESHOLD

    def success(self) -> bool:
        """Count a success; tell whether that has closed it."""
        was_open = self.open
        self.failed = 0
        return was_open

    def skipped(self, every_s: float) -> int:
        """Return how many turns of a schedule pass untouched before the next probe."""
        if not self.open:
            return 0
        wished = (1 << min(self.failed - THRESHOLD + 1, 16)) - 1
        return min(wished, MOST_SKIPPED, int(LONGEST_S / every_s))
