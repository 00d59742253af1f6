"""What was used of late, within a bound."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final, Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Recent(Generic[K, V]):
    """A cache of at most `most` entries in two generations: what neither holds was not used for a while.

    A hit is one lookup in a dict (`young`, the same one for ever), which the hot path may do by itself.
    """

    __slots__ = ("_half", "_old", "young")

    def __init__(self, most: int) -> None:
        """Hold nothing yet."""
        self._half: Final = max(1, most // 2)
        self.young: Final[dict[K, V]] = {}
        self._old: dict[K, V] = {}

    def __len__(self) -> int:
        return len(self.young) + len(self._old)

    def get(self, key: K) -> V | None:
        """Return what was put, and take note of its use; None where nothing is held."""
        found = self.young.get(key)
        if found is None:
            found = self._old.get(key)
            if found is not None:
                self.put(key, found)
        return found

    def put(self, key: K, value: V) -> None:
        """Hold a value; what was not used for longest may go."""
        if len(self.young) >= self._half:
            self._old = dict(self.young)
            self.young.clear()
        self.young[key] = value

    def without(self, keys: Collection[K]) -> Recent[K, V]:
        """Return a copy that does not hold `keys`."""
        copy: Recent[K, V] = Recent(2 * self._half)
        copy.young.update(self.young)
        copy._old = dict(self._old)
        for key in keys:
            copy.young.pop(key, None)
            copy._old.pop(key, None)
        return copy
