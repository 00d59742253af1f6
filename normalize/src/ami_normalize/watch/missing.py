"""Records that were fetched and never came: which partitions are to be read again, told by time alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

AHEAD_S: Final = 2.0
"""How long records may be missing that come before one that was handed to us."""
UNDONE_S: Final = 30.0
"""How long what was fetched may wait where nothing came behind it: it may still be on its way."""

Place = tuple[str, int]
"""Topic and partition."""


class Missing:
    """Remembers since when records are missing in which partition. Times are of a monotonic clock, in seconds."""

    def __init__(self) -> None:
        self._ahead: dict[Place, float] = {}
        self._undone: dict[Place, tuple[int, float]] = {}

    def left(self, place: Place, now_s: float) -> None:
        """Take it that a record came before others that precede it, and was left."""
        self._ahead.setdefault(place, now_s)

    def came(self, place: Place) -> None:
        """Take it that the record came that was to come next."""
        self._ahead.pop(place, None)

    def again(self, undone: Mapping[Place, int], now_s: float) -> frozenset[Place]:
        """Return the partitions to read again, each once until its time has passed again.

        `undone` has the first offset that is not done of each of our partitions where a record from there on was
        fetched.
        """
        before = self._undone
        self._undone = {
            place: before[place] if place in before and before[place][0] == first else (first, now_s)
            for place, first in undone.items()
        }
        again = {place for place, (_, since_s) in self._undone.items() if now_s - since_s > UNDONE_S}
        again |= {place for place, since_s in self._ahead.items() if place in undone and now_s - since_s > AHEAD_S}
        self._undone.update({place: (undone[place], now_s) for place in again})
        self._ahead.update(dict.fromkeys(again & self._ahead.keys(), now_s))
        return frozenset(again)
