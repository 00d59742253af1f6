"""How many letters there are, by reason, and whose."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from ami_normalize.letters.letter import Letter


class Group(NamedTuple):
    """Letters of one reason and one maker."""

    reason: str
    maker: str
    letters: int
    meters: int
    """Distinct ones."""
    first_ms: int
    last_ms: int
    most: str
    """The meter with most of them."""


class Overview:
    """Counts letters as they come; holds a number for each meter, reason and maker, and no letter."""

    def __init__(self) -> None:
        self._meters: dict[tuple[str, str], Counter[str]] = {}
        self._span: dict[tuple[str, str], tuple[int, int]] = {}
        self.total = 0

    def add(self, letter: Letter) -> None:
        """Count one."""
        of = letter.reason, letter.maker
        self._meters.setdefault(of, Counter())[letter.meter] += 1
        first, last = self._span.get(of, (letter.at_ms, letter.at_ms))
        self._span[of] = min(first, letter.at_ms), max(last, letter.at_ms)
        self.total += 1

    def groups(self) -> list[Group]:
        """Return the groups, the largest first."""
        found = [
            Group(reason, maker, meters.total(), len(meters), *self._span[reason, maker], meters.most_common(1)[0][0])
            for (reason, maker), meters in self._meters.items()
        ]
        return sorted(found, key=lambda group: (-group.letters, group.reason, group.maker))
