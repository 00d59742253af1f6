"""Thousands of meters stay connected: each costs little, and each is still heard."""

import asyncio
import gc
import os
import resource
import sys
from pathlib import Path

import pytest

from ami_dlms.framing import wrapper
from ami_ingest.config.model import Listen, Push
from ami_ingest.descriptors import raise_limit
from ami_ingest.push.listener import Listener

pytestmark = [pytest.mark.wire, pytest.mark.timeout(300)]

PUSH = wrapper.encode(bytes.fromhex("0f00000001000906") + bytes(6), 1, 16)
TESTS = Path(__file__).parent.parent.parent


class Sink:
    def __init__(self):
        self.records = 0

    def offer(self, records, done=None):
        self.records += len(records)
        return True

    async def room(self):
        pass


def resident_kib():
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() // 1024


@pytest.mark.parametrize("count", [2000, pytest.param(15_000, marks=pytest.mark.soak)])
async def test_connections_stay_open_and_are_heard(count, log, require, capsys):
    allowed = raise_limit()
    if allowed < count + 500:
        require(f"{allowed} open files are allowed here: too few for {count} connections")
    sink = Sink()
    listener = Listener(
        [Listen(transport="tcp", host="127.0.0.1", port=0)],
        sink,
        agent="edge-1",
        log=log.logger(),
        push=Push(max_connections=count),
    )
    await listener.start()
    ((_, _, port),) = listener.addresses
    before = resident_kib()
    peers = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "support.many_connections", str(port), str(count), PUSH.hex()),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(TESTS)},
    )
    assert await peers.stdout.readline() == b"open\n"
    while listener.connections < count:  # noqa: ASYNC110  the kernel accepts before we do
        await asyncio.sleep(0.01)
    idle = (resident_kib() - before) / count

    peers.stdin.write(b"\n")
    assert await peers.stdout.readline() == b"sent\n"
    while sink.records < count:  # noqa: ASYNC110  it is filled meanwhile
        await asyncio.sleep(0.01)
    heard = (resident_kib() - before) / count
    peers.stdin.write(b"\n")
    await peers.wait()
    while listener.connections:  # noqa: ASYNC110  the kernel tells us one by one
        await asyncio.sleep(0.01)
    await listener.stop()

    with capsys.disabled():
        print(f"\n{count} connections: {idle:.1f} KiB each while idle, {heard:.1f} KiB after a push")
    assert sink.records == count
    assert listener.refused == 0
    assert heard < 24
