"""A bound that heeds who cancels it, also at the moment the work is done."""

import asyncio

import pytest

from ami_ingest.bounded import bounded

pytestmark = pytest.mark.unit


async def test_what_is_done_in_time_is_given():
    async def work():
        return 7

    assert await bounded(work(), 10) == 7


async def test_what_takes_too_long_is_ended():
    ended = []

    async def work():
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(1)

    with pytest.raises(asyncio.TimeoutError):
        await bounded(work(), 0.01)
    assert ended


async def test_what_fails_is_told():
    async def work():
        raise OSError(111, "refused")

    with pytest.raises(OSError, match="refused"):
        await bounded(work(), 10)


@pytest.mark.parametrize("done", [False, True])
async def test_who_cancels_is_heeded_and_what_came_about_is_undone(done):
    undone, gate = [], asyncio.Event()

    async def work():
        await gate.wait()
        return 7

    doing = asyncio.create_task(bounded(work(), 10, undo=undone.append))
    while not gate._waiters:  # noqa: ASYNC110  until it waits
        await asyncio.sleep(0)
    if done:
        gate.set()
        await asyncio.sleep(0)  # the work is done, and who waits for it has not gone on
    doing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await doing
    assert undone == [7] * done
