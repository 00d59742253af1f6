"""What is said too often is counted instead: the same event of the same meter, a thousand times an hour.

The first occurrences are always passed on; further ones within the window are counted, and the last of them is told
with `repeated` when the window ends. So nothing is hidden: not that it happened, not how often, not how it looked last.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from ami_ingest.logs.line import Event

WINDOW_S: Final = 60.0
BURST: Final = 5
"""So many of a kind in a window are passed on."""
MOST_KINDS: Final = 20_000
"""Kinds remembered at a time; beyond, the oldest window ends early."""

_WHO: Final = ("meter", "peer", "line", "address")


class _Window:
    __slots__ = ("began", "count", "last")

    def __init__(self, began: float) -> None:
        self.began = began
        self.count = 0
        self.last: Event | None = None


class Flood:
    """Passes events on, from any thread."""

    def __init__(
        self,
        pass_on: Callable[[Event], None],
        *,
        window_s: float = WINDOW_S,
        burst: int = BURST,
        most_kinds: int = MOST_KINDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._pass_on = pass_on
        self._window_s = window_s
        self._burst = burst
        self._most_kinds = most_kinds
        self._clock = clock
        self._windows: OrderedDict[tuple[str, ...], _Window] = OrderedDict()
        self._lock = threading.Lock()

    def __call__(self, event: Event) -> None:
        """Take an event; before it, tell of the windows that ended."""
        kind = _kind(event)
        due: list[Event] = []
        with self._lock:
            now = self._clock()
            self._end(due, lambda window: now - window.began >= self._window_s)
            if kind is not None:
                window = self._windows.get(kind)
                if window is None:
                    window = self._windows[kind] = _Window(now)
                window.count += 1
                if window.count > self._burst:
                    window.last = event
                else:
                    due.append(event)
                overfull = len(self._windows) > self._most_kinds
                self._end(due, lambda _window: overfull and len(self._windows) > self._most_kinds)
            else:
                due.append(event)
        for each in due:
            self._pass_on(each)

    def tick(self) -> None:
        """Tell of the windows that ended, where no event does it."""
        due: list[Event] = []
        with self._lock:
            now = self._clock()
            self._end(due, lambda window: now - window.began >= self._window_s)
        for each in due:
            self._pass_on(each)

    def flush(self) -> None:
        """Tell of all windows."""
        due: list[Event] = []
        with self._lock:
            self._end(due, lambda _window: True)
        for each in due:
            self._pass_on(each)

    def _end(self, due: list[Event], ended: Callable[[_Window], bool]) -> None:
        """End windows, the oldest first."""
        while self._windows:
            window = next(iter(self._windows.values()))
            if not ended(window):
                return
            self._windows.popitem(last=False)
            if window.last is not None:
                due.append({**window.last, "repeated": window.count - self._burst})


def _kind(event: Event) -> tuple[str, ...] | None:
    """Return what makes events the same; None where they never are: information about nobody in particular."""
    who = next((str(event[name]) for name in _WHO if event.get(name) is not None), "")
    level = str(event.get("level", ""))
    if not who and level in {"info", "debug"}:
        return None
    return (level, who, str(event.get("event", "")))
