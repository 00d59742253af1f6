"""The disk of the spool is full: one line says so, meters wait, memory stays bounded, and it goes on by itself."""

import asyncio
import contextlib
import os
import sqlite3
import subprocess
import tempfile
from pathlib import Path

import pytest
from support.conditions import until

from ami_dlms.framing import wrapper
from ami_ingest.config.model import Listen
from ami_ingest.push.listener import Listener
from ami_ingest.record import RawRecord
from ami_ingest.spool import spool as spool_module
from ami_ingest.spool.spool import Spool

pytestmark = [pytest.mark.wire, pytest.mark.timeout(120)]

FAILS = "the spool cannot be written: records wait in memory, and meters with them"
AGAIN = "the spool is written again"


@pytest.fixture
def small_disk():
    """A file system of 24 MiB, outside pytest's folders: one that a killed run leaves must not stop the next."""
    with tempfile.TemporaryDirectory(prefix="ami-small-disk-", ignore_cleanup_errors=True) as place:
        mount = ["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", place]
        if os.geteuid() or subprocess.run(mount, check=False).returncode:
            pytest.skip("a file system can be mounted by root alone")
        yield Path(place)
        subprocess.run(["umount", "--lazy", place], check=True)  # what a failed test still holds open goes with it


def push(number):
    return wrapper.encode(b"\x0f\x00\x00\x00\x01\x00\x09\x82\x03\xe8" + b"%08d" % number + bytes(992), 1, 16)


@pytest.mark.parametrize("freed", [True, False], ids=["room is made", "Kafka makes the room"])
async def test_a_full_disk_is_loud_bounded_and_passes(small_disk, log, freed):
    spool = Spool(small_disk / "spool.sqlite", "edge-1", max_bytes=1 << 30, log=log.logger())
    spool.open()
    listener = Listener(
        [Listen(transport="tcp", host="127.0.0.1", port=0), Listen(transport="udp", host="127.0.0.1", port=0)],
        spool,
        agent="edge-1",
        log=log.logger(),
    )
    await listener.start()
    (_, host, port), (_, *_) = listener.addresses
    filler = small_disk / "filler"
    filler.write_bytes(bytes(6 << 20))

    _, writer = await asyncio.open_connection(host, port)
    total = 30_000

    async def meter():
        for number in range(total):
            writer.write(push(number))
            if number % 100 == 0:
                await writer.drain()

    pushing = asyncio.ensure_future(meter())
    await until(lambda: spool.failing)
    await until(lambda: listener._intake.held)
    taken = listener.received
    await asyncio.sleep(1.5)  # a few attempts to write later …
    assert listener.received == taken  # … nothing more was read
    assert not pushing.done()
    assert spool._pending < spool_module._MAX_PENDING
    assert log.events().count(FAILS) == 1

    if freed:
        filler.unlink()
    seen, last = [], 0
    reader = spool.reader()
    while len(seen) < total:  # Kafka takes what is there, so that 30 MB go through a disk of 24
        segments = []
        with contextlib.suppress(sqlite3.OperationalError):  # opening it needs room; the publisher tries again too
            segments = reader.read(last)
        for segment in segments:
            seen += [int(record.value[18:26]) for record in segment.records]
            last = segment.last
        spool.handed(last)
        spool.forget(last)
        await asyncio.sleep(0.01)
    await pushing
    writer.close()
    reader.close()
    await listener.stop()
    spool.close()

    assert seen == list(range(total))
    assert AGAIN in log.events()


async def test_a_stop_while_the_disk_is_full_says_what_is_lost(small_disk, log):
    spool = Spool(small_disk / "spool.sqlite", "edge-1", max_bytes=1 << 30, log=log.logger())
    spool.open()
    with contextlib.suppress(OSError), (small_disk / "filler").open("wb", buffering=0) as file:
        while file.write(bytes(1 << 16)):
            pass

    assert spool.offer([RawRecord(b"k", bytes(1 << 20), (), 0) for _ in range(10)])
    await until(lambda: spool.failing)
    assert not spool.offer([RawRecord(b"k", b"v", (), 0)])
    await asyncio.to_thread(spool.close)

    (entry,) = [entry for entry in log if entry["event"] == "stopped before the spool could be written"]
    assert entry["lost_records"] == 11
