"""Invocation counters of what we send: never used twice with one key (Green Book clause 9.2.3.3.7.3)."""

from __future__ import annotations

from typing import Final, Protocol

from ami_dlms.errors import UsageError

MAX_COUNTER: Final = 0xFFFF_FFFF
"""The last value is refused: after it the counter would repeat."""


class CounterProvider(Protocol):
    """Gives the next counter. One for each (system title, key); a durable one where the key outlives the process."""

    def next(self) -> int:
        """Return a value that was never returned before; raise UsageError at the end of the range."""
        ...


class MemoryCounter:
    """A counter for keys that live no longer than the process, and for tests."""

    def __init__(self, start: int = 0) -> None:
        self._value = start

    def next(self) -> int:
        """Return the next value."""
        value = self._value
        if value >= MAX_COUNTER:
            raise UsageError("the invocation counter is at its end; agree a new key")
        self._value += 1
        return value
