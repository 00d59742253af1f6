"""Invocation counters never repeat, whatever happens."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading

import pytest

from ami_dlms.errors import UsageError
from ami_ingest.errors import CounterError
from ami_ingest.meters.counters import LAST, STEP, CounterStore

pytestmark = pytest.mark.unit

TITLE = bytes.fromhex("4d4d4d0000000001")
KEY = b"k" * 16


@pytest.fixture
def store(tmp_path):
    return CounterStore(tmp_path / "counters")


def test_values_rise_across_restarts_and_users(store):
    first, second = store.counter(TITLE, KEY, block=4), store.counter(TITLE, KEY, block=4)
    values = [counter.next() for counter in [first] * 6 + [second] * 6 + [first] * 6]
    values.append(store.counter(TITLE, KEY).next())

    assert len(set(values)) == len(values)
    assert values[:6] == sorted(values[:6])


def test_each_title_and_key_counts_for_itself(store):
    assert store.counter(TITLE, KEY).next() == 0
    assert store.counter(TITLE, b"l" * 16).next() == 0
    assert store.counter(b"t" * 8, KEY).next() == 0
    assert store.counter(TITLE, KEY).next() > 0


@pytest.mark.parametrize("value", [0, 3, 100, 5000])
def test_raised_values_are_kept(store, value):
    counter = store.counter(TITLE, KEY, block=10)
    before = counter.next()
    counter.raise_to(value)

    assert counter.next() >= max(value, before + 1)
    assert store.counter(TITLE, KEY).next() > value


def test_a_counter_ends_instead_of_wrapping(store):
    counter = store.counter(TITLE, KEY)
    counter.raise_to(LAST)

    assert counter.next() == LAST
    with pytest.raises(UsageError, match="used up"):
        counter.next()
    with pytest.raises(UsageError, match="used up"):
        store.counter(TITLE, KEY).next()


def test_the_key_is_not_on_disk(store, tmp_path):
    store.counter(TITLE, KEY).next()

    for file in (tmp_path / "counters").iterdir():
        assert KEY.hex() not in file.name
        assert KEY not in file.read_bytes()


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"next": -1}', '{"next": "7"}', "\x00" * 14])
def test_a_damaged_file_is_refused(store, tmp_path, text):
    store.counter(TITLE, KEY).next()
    (file,) = (tmp_path / "counters").glob("*.json")
    file.write_text(text)

    with pytest.raises(CounterError, match="is damaged"):
        store.counter(TITLE, KEY).next()


def test_a_folder_that_cannot_be_written_is_said(tmp_path):
    (tmp_path / "counters").write_text("a file")

    with pytest.raises(CounterError, match="cannot be kept"):
        CounterStore(tmp_path / "counters").counter(TITLE, KEY).next()


class Disk:
    """A disk that takes as long as it is told; it knows who had to wait for it."""

    def __init__(self, monkeypatch):
        self.free = threading.Event()
        self.free.set()
        self.waited = set()
        monkeypatch.setattr(os, "fsync", self._sync)

    def _sync(self, _descriptor):
        self.waited.add(threading.current_thread())
        assert self.free.wait(60)


@pytest.fixture
def disk(monkeypatch):
    disk = Disk(monkeypatch)
    yield disk
    disk.free.set()


async def test_the_next_block_is_reserved_while_values_are_left(store, tmp_path, disk):
    counter = store.counter(TITLE, KEY, block=4 * STEP)
    used = []
    for _ in range(20 * STEP):
        await counter.ready()
        used.append(counter.next())
        (file,) = (tmp_path / "counters").glob("*.json")
        assert used[-1] < json.loads(file.read_text())["next"], "on disk before it is used"

    assert used == list(range(20 * STEP))
    assert threading.current_thread() not in disk.waited, "the event loop waits for no disk"


async def test_a_session_waits_for_a_slow_disk_where_values_run_out_and_nothing_else_does(store, disk):
    counter = store.counter(TITLE, KEY, block=4 * STEP)
    used = []
    await counter.ready()
    disk.free.clear()
    while len(used) <= 3 * STEP:
        await asyncio.wait_for(counter.ready(), 10)
        used.append(counter.next())
    waiting = [asyncio.create_task(counter.ready()) for _ in range(3)]
    waiting.pop().cancel()
    await asyncio.wait(waiting, timeout=0.05)
    assert not any(task.done() for task in waiting)

    disk.free.set()
    await asyncio.wait_for(asyncio.gather(*waiting), 60)
    used += [counter.next() for _ in range(4 * STEP)]
    assert used == list(range(len(used)))
    assert threading.current_thread() not in disk.waited


async def test_a_block_on_its_way_does_not_undo_a_raise(store, disk):
    counter = store.counter(TITLE, KEY, block=4 * STEP)
    await counter.ready()
    used = [counter.next() for _ in range(3 * STEP)]
    await counter.ready()
    counter.raise_to(100_000)
    for _ in range(10 * STEP):
        await counter.ready()
        used.append(counter.next())

    assert len(set(used)) == len(used)
    assert min(used[3 * STEP :]) == 100_000


async def test_a_disk_that_fails_is_told_to_who_needs_it_and_tried_again(store, disk, monkeypatch):
    counter = store.counter(TITLE, KEY, block=4 * STEP)
    await counter.ready()
    works = os.fsync

    def fails(_descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fails)
    used = []
    with pytest.raises(CounterError, match="cannot be kept"):
        for _ in range(4 * STEP):
            await counter.ready()
            used.append(counter.next())
    assert len(used) >= 3 * STEP, "what is reserved is used"

    monkeypatch.setattr(os, "fsync", works)
    await counter.ready()
    used += [counter.next() for _ in range(4 * STEP)]
    assert len(set(used)) == len(used)


USER = """
import sys
from pathlib import Path
from ami_ingest.meters.counters import CounterStore

counter = CounterStore(Path(sys.argv[1])).counter(b"t" * 8, b"k" * 16, block=8)
while True:
    print(counter.next(), flush=True)
"""


def test_a_kill_never_makes_a_value_come_back(tmp_path):
    used = []
    for _ in range(3):
        with subprocess.Popen(
            [sys.executable, "-c", USER, str(tmp_path)], stdout=subprocess.PIPE, text=True
        ) as process:
            used += [int(process.stdout.readline()) for _ in range(50)]
            os.kill(process.pid, signal.SIGKILL)
            used += [int(line) for line in process.stdout.read().splitlines()]

    assert len(set(used)) == len(used)
