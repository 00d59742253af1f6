"""How much at once: a token bucket for new connections, and the slots of a network."""

from __future__ import annotations


class TokenBucket:
    """Lets so many through a second on average, and at most one second's worth at once."""

    __slots__ = ("_at", "_burst", "_rate", "_tokens")

    def __init__(self, rate: float | None, now: float) -> None:
        """`rate` a second; None lets everything through."""
        self._rate = rate
        self._burst = max(1.0, rate or 1.0)
        self._tokens = self._burst
        self._at = now

    def ready_at(self, now: float) -> float:
        """Return when the next may pass: `now`, or later."""
        if self._rate is None:
            return now
        self._fill(now)
        return now if self._tokens >= 1 else now + (1 - self._tokens) / self._rate

    def take(self, now: float) -> None:
        """Let one pass. The caller has asked `ready_at`."""
        if self._rate is not None:
            self._fill(now)
            self._tokens -= 1

    def _fill(self, now: float) -> None:
        assert self._rate is not None  # noqa: S101  # the callers ask
        self._tokens = min(self._burst, self._tokens + max(0.0, now - self._at) * self._rate)
        self._at = now  # also where the clock was set back: it goes on from there
