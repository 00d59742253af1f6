"""Outbound invocation counters that never repeat, whatever happens to the process.

A counter value used twice with one key breaks AES-GCM. So values are reserved in blocks: the end of a block is on disk
before the first value of it is used, and a new process begins after the last block reserved. A block lost in a crash
costs nothing: there are 2^32 values. Files are locked, so that an agent and an `ami read` may share one.

A disk takes its time, seconds where it is an SD card. So a session calls `ready` before each step: the next block is
reserved in a thread while values of this one are left, and the session alone waits where they would not do.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from ami_dlms.errors import UsageError
from ami_ingest.errors import CounterError

BLOCK: Final = 1024
LAST: Final = (1 << 32) - 1
STEP: Final = 32
"""Values that one step of a session uses at most: a request, or the answers to what came at once."""


class CounterStore:
    """The counters of one state directory, one file for each (client system title, key)."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def counter(self, system_title: bytes, key: bytes, *, block: int = BLOCK) -> DurableCounter:
        """Return the counter of a client system title and the key it is used with."""
        # A digest names the file: the key itself must not appear on disk.
        digest = hashlib.sha256(b"ami-gateway invocation counter" + key).hexdigest()[:16]
        return DurableCounter(self._folder / f"{system_title.hex()}-{digest}.json", block=block)


class _Block(NamedTuple):
    """Values that are reserved: `start` to before `end`; `stored` is what would have come next on disk."""

    start: int
    end: int
    stored: int


class DurableCounter:
    """One outbound counter; an `ami_dlms` CounterProvider. One event loop uses it."""

    def __init__(self, path: Path, *, block: int = BLOCK) -> None:
        self._path = path
        self._block = block
        self._next = 0
        self._end = 0  # exclusive; nothing is reserved at first
        self._coming: asyncio.Future[_Block] | None = None
        """The block after this one, on its way to the disk or there."""

    async def ready(self) -> None:
        """Wait until the values of a step are reserved; the event loop goes on meanwhile.

        Raises as `next`, where the values that are left would not do.
        """
        left = self._end - self._next
        if left >= max(STEP, self._block // 2):
            return
        if self._coming is None:
            self._coming = asyncio.ensure_future(asyncio.to_thread(self._reserved, 0))
            self._coming.add_done_callback(self._came)
        if left < STEP:
            # Others wait for it as well, and who waits may be cancelled: the block is not.
            await asyncio.shield(self._coming)

    def next(self) -> int:
        """Return a value never returned before; reserve a block at once where none was (`ready`).

        Raises CounterError where the store cannot be written, UsageError where all 2^32 values are used.
        """
        if self._next >= self._end:
            coming = self._coming
            there = coming is not None and coming.done() and not coming.cancelled() and coming.exception() is None
            self._take(coming.result() if coming is not None and there else self._reserved(0))
        value = self._next
        self._next += 1
        return value

    def raise_to(self, value: int) -> int:
        """Return nothing below `value` from now on: the meter has seen larger ones; it is never lowered.

        Values are then reserved. Returns what would have come next otherwise.
        """
        if self._next >= self._end:
            block = self._reserved(value)
            self._take(block)
            return block.stored
        before = self._next
        if value >= self._end:
            self._take(self._reserved(value))
        else:
            self._next = max(self._next, value)
        return before

    def _came(self, coming: asyncio.Future[_Block]) -> None:
        """Let a block that could not be reserved be tried again; who waits for it is told."""
        if (coming.cancelled() or coming.exception() is not None) and self._coming is coming:
            self._coming = None

    def _take(self, block: _Block) -> None:
        """Use a block's values; one on its way may lie below them, and is given up."""
        self._next, self._end, self._coming = block.start, block.end, None

    def _reserved(self, at_least: int) -> _Block:
        """Reserve a block and return it once it is on disk; from any thread."""
        try:
            with self._locked():
                stored = self._stored()
                start = max(stored, at_least)
                if start > LAST:
                    raise UsageError("The invocation counter of this key is used up; roll the key of the meter.")
                end = min(start + self._block, LAST + 1)
                self._store(end)
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise CounterError(
                f"The invocation counter {self._path} cannot be kept ({reason}); make its folder writable: "
                f"without it a counter could repeat",
            ) from None
        return _Block(start, end, stored)

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(self._path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def _stored(self) -> int:
        try:
            text = self._path.read_text(encoding="ascii")
        except FileNotFoundError:
            return 0
        try:
            value = json.loads(text)["next"]
        except (ValueError, KeyError, TypeError):
            value = None
        if not isinstance(value, int) or not 0 <= value <= LAST + 1:
            raise CounterError(
                f'The invocation counter {self._path} is damaged; write {{"next": N}} with N above the meter\'s own '
                f"counter, or roll the key of the meter",
            )
        return value

    def _store(self, value: int) -> None:
        """Replace the file so that it is old or new after a power failure, never damaged."""
        draft = self._path.with_suffix(".new")
        with draft.open("w", encoding="ascii") as file:
            json.dump({"next": value}, file)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self._path)
        folder = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
