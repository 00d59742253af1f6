"""Waiting in the event loop for what other tasks bring about; the test's own time limit is the bound."""

import asyncio


async def until(condition):
    """Wait until a condition holds."""
    while not condition():  # noqa: ASYNC110  the condition is any
        await asyncio.sleep(0.005)
