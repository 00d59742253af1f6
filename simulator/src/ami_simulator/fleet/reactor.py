"""One thread, one epoll: sockets that are ready, and timers. A fleet has too many sockets for a task each."""

from __future__ import annotations

import heapq
import itertools
import select
import time
from collections.abc import Callable
from typing import Final, Protocol

READ: Final = select.EPOLLIN
WRITE: Final = select.EPOLLOUT
GONE: Final = select.EPOLLHUP | select.EPOLLERR
_BATCH: Final = 1024
_LONGEST_S: Final = 0.2
"""A signal is noticed this soon."""


class Handler(Protocol):
    """What is told of its socket."""

    def ready(self, events: int) -> None:
        """Take what is there, or write what waits."""


class Reactor:
    """Runs handlers and timers until it is told to stop."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._handlers: dict[int, Handler] = {}
        self._timers: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self.stopping = False

    def add(self, fd: int, handler: Handler, events: int = READ) -> None:
        """Watch a socket."""
        self._handlers[fd] = handler
        self._epoll.register(fd, events)

    def change(self, fd: int, events: int) -> None:
        """Watch it for something else."""
        self._epoll.modify(fd, events)

    def remove(self, fd: int) -> None:
        """Watch it no more; before it is closed."""
        del self._handlers[fd]
        self._epoll.unregister(fd)

    def later(self, delay_s: float, call: Callable[[], None]) -> None:
        """Call something once, not before `delay_s` seconds."""
        heapq.heappush(self._timers, (time.monotonic() + delay_s, next(self._order), call))

    def run(self) -> None:
        """Work until `stopping` is set."""
        handlers, timers, poll = self._handlers, self._timers, self._epoll.poll
        while not self.stopping:
            wait = min(_LONGEST_S, max(0.0, timers[0][0] - time.monotonic())) if timers else _LONGEST_S
            for fd, events in poll(wait, _BATCH):
                handler = handlers.get(fd)
                if handler is not None:  # not closed by one before it
                    handler.ready(events)
            now = time.monotonic()
            while timers and timers[0][0] <= now:
                heapq.heappop(timers)[2]()

    def close(self) -> None:
        """Let go of everything."""
        self._epoll.close()
