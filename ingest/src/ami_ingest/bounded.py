"""A bound on how long something takes, which heeds a cancellation at any moment."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


async def bounded(work: Coroutine[Any, Any, T], seconds: float, *, undo: Callable[[T], object] | None = None) -> T:
    """Do work for so long at most; `undo` takes back what it has brought about where nobody takes it.

    As `asyncio.wait_for`, which before Python 3.12 overhears who cancels it at the moment the work is done: a meter
    would be read on for nobody. Raises asyncio.TimeoutError, and whatever the work raises.
    """
    task = asyncio.ensure_future(work)
    try:
        await asyncio.wait({task}, timeout=seconds)
        if not task.done():
            task.cancel()
            await asyncio.wait({task})
    except asyncio.CancelledError:
        task.cancel()
        await asyncio.wait({task})
        if not task.cancelled() and task.exception() is None and undo is not None:
            undo(task.result())
        raise
    if task.cancelled():
        raise asyncio.TimeoutError
    return task.result()
