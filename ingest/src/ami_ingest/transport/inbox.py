"""What came over a link and nobody has taken yet, with a timeout on the wait for more."""

from __future__ import annotations

import asyncio
import time


class Inbox:
    """Octets in the order they came, chunk by chunk, then the error that ended the link.

    One taker at a time. An empty one is small: ten thousand idle links have one each.
    """

    __slots__ = ("_chunks", "_error", "_waiter", "since", "size")

    def __init__(self) -> None:
        self._chunks: list[bytes] = []
        self._error: Exception | None = None
        self._waiter: asyncio.Future[bool] | None = None
        self.size = 0
        """Octets held."""
        self.since = 0.0
        """When the first of them came (monotonic seconds)."""

    @property
    def error(self) -> Exception | None:
        """What ended the link, None while it stands."""
        return self._error

    def put(self, chunk: bytes) -> None:
        """Take octets, or one datagram."""
        if not self._chunks:
            self.since = time.monotonic()
        self._chunks.append(chunk)
        self.size += len(chunk)
        self._wake()

    def put_back(self, chunk: bytes) -> None:
        """Take octets that were taken too early: they come first again."""
        if chunk:
            self._chunks.insert(0, chunk)
            self.size += len(chunk)
            self._wake()

    def end(self, error: Exception) -> None:
        """Raise this to the taker once all octets are taken; the first error counts."""
        if self._error is None:
            self._error = error
        self._wake()

    def clear_error(self) -> None:
        """Go on after an error that did not end the link."""
        self._error = None

    async def take(self, timeout_s: float) -> bytes:
        """Return the next chunk. Raises the error that ended the link, or asyncio.TimeoutError."""
        if not self._chunks and self._error is None:
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                if not await within(self._waiter, timeout_s):
                    raise asyncio.TimeoutError
            finally:
                self._waiter = None
        if self._chunks:
            chunk = self._chunks.pop(0)
            self.size -= len(chunk)
            return chunk
        assert self._error is not None  # noqa: S101  # woken by one or the other
        raise self._error

    def take_all(self) -> bytes:
        """Return everything there is, without waiting; nothing where somebody waits for it."""
        if self._waiter is not None:
            return b""
        octets = b"".join(self._chunks)
        self._chunks.clear()
        self.size = 0
        return octets

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(True)


async def within(waiter: asyncio.Future[bool], timeout_s: float) -> bool:
    """Await a future; False where nobody settled it in time. Lighter than `asyncio.wait_for`: no task, no exception."""
    timer = asyncio.get_running_loop().call_later(timeout_s, _expire, waiter)
    try:
        return await waiter
    finally:
        timer.cancel()


def _expire(waiter: asyncio.Future[bool]) -> None:
    if not waiter.done():
        waiter.set_result(False)
