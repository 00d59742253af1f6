"""A damaged spool is moved aside with a name and a date; what is readable of it is published."""

import asyncio
import os
import sqlite3
import time

import pytest

from ami_ingest.spool import spool as spool_module
from ami_ingest.spool.file import Position

pytestmark = pytest.mark.unit

PROFILE = bytes((1, 0, 99, 1, 0, 255))
DAMAGED = "the spool was damaged: it was moved aside, and what could be read of it is published"


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    monkeypatch.setattr(spool_module, "_COMMIT_EVERY_S", 0.0)


def numbers(spool):
    reader = spool.reader()
    found, last = [], 0
    try:
        while segments := reader.read(last):
            found += [int(record.value[:8]) for one in segments for record in one.records]
            last = segments[-1].last
    finally:
        reader.close()
    return found


async def fill(spool, make_record):
    """A hundred segments of ten records, the first published; each moves a profile."""
    for number in range(100):
        records = [make_record(number * 10 + each, size=2000) for each in range(10)]
        await spool.put(records, [Position("m1", PROFILE, number)])
    spool.forget(10)
    assert await asyncio.to_thread(spool.settle, 30)


def overwrite(path, begin, size):
    """Damage a file behind SQLite's back, its journal written into it before."""
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    with path.open("r+b") as file:
        file.seek(begin)
        file.write(os.urandom(size))


async def test_what_is_readable_is_taken_over_at_the_start(make_spool, make_record, log):
    spool = make_spool()
    await fill(spool, make_record)
    uuid, folder = spool.uuid, spool.path.parent
    spool.close()
    overwrite(spool.path, spool.path.stat().st_size // 2, 30_000)

    again = make_spool()
    found = await asyncio.to_thread(numbers, again)
    if not any(entry["event"] == DAMAGED for entry in log):  # only a checksum tells: the reader has found it
        found = await asyncio.to_thread(until_whole, again)

    (entry,) = [entry for entry in log if entry["event"] == DAMAGED]
    assert entry["level"] == "error"
    assert entry["salvaged_records"] == len(found)
    assert 900 <= len(found) < 990
    assert found == sorted(found)
    assert again.uuid != uuid
    assert again.damaged == 1
    assert len(list(folder.glob("spool.sqlite.damaged-*Z"))) == 1
    assert again.position("m1", PROFILE) == 0


def until_whole(spool):
    while not spool.damaged:
        time.sleep(0.01)
    return numbers(spool)


async def test_damage_found_while_running_loses_no_record_that_comes(make_spool, make_record, log):
    spool = make_spool()
    await fill(spool, make_record)
    spool._recent.clear()
    overwrite(spool.path, 200_000, 100_000)
    await asyncio.to_thread(read_until_damaged, spool)
    before = await asyncio.to_thread(numbers, spool)
    await spool.put([make_record(5000, size=2000)], [Position("m2", PROFILE, 7)])

    assert (await asyncio.to_thread(numbers, spool)) == [*before, 5000]
    assert spool.position("m1", PROFILE) in {0, None}
    assert spool.position("m2", PROFILE) == 7
    assert log.events().count(DAMAGED) == 1


def read_until_damaged(spool):
    reader = spool.reader()
    while not spool.damaged:
        last = 0
        while segments := reader.read(last):
            last = segments[-1].last
        time.sleep(0.01)
    reader.close()


def test_a_file_that_is_no_database_is_moved_aside(tmp_path, make_spool, make_record, log):
    (tmp_path / "spool.sqlite").write_bytes(b"no database at all" * 100)
    spool = make_spool()
    spool.offer([make_record(1)])
    assert spool.settle(30)

    assert numbers(spool) == [1]
    (aside,) = tmp_path.glob("spool.sqlite.damaged-*Z")
    assert aside.read_bytes() == b"no database at all" * 100
    assert DAMAGED in log.events()


def test_a_salvage_cut_short_between_its_last_steps_is_finished(tmp_path, make_spool, make_record):
    spool = make_spool()
    spool.offer([make_record(1)])
    spool.close()
    spool.path.rename(spool_module._rescued(spool.path))

    assert numbers(make_spool()) == [1]


def test_who_reads_makes_no_file_where_a_damaged_one_is_being_replaced(make_spool):
    spool = make_spool()
    spool.close()
    spool.path.unlink()

    with pytest.raises(sqlite3.OperationalError):
        spool.reader().read(0)

    assert not spool.path.exists()


async def test_a_salvage_that_fails_is_tried_again_and_sources_wait(make_spool, make_record, monkeypatch, log):
    monkeypatch.setattr(spool_module, "_RETRY_S", 0.05)
    spool = make_spool()
    await spool.put([make_record(1)])
    await damaged_beyond_three_salvages(spool, monkeypatch)
    assert not spool.offer([make_record(2)])
    await spool.room()

    assert await asyncio.to_thread(numbers, spool) == [1, 2]
    assert log.events().count("the spool cannot be written: records wait in memory, and meters with them") == 1


async def test_sources_go_on_after_a_salvage_that_had_failed_though_nothing_comes(make_spool, make_record, monkeypatch):
    monkeypatch.setattr(spool_module, "_RETRY_S", 0.05)
    spool = make_spool()
    await spool.put([make_record(1)])
    spool.forget(1)
    assert await asyncio.to_thread(spool.settle, 30)
    await damaged_beyond_three_salvages(spool, monkeypatch)

    await spool.room()

    assert not spool.failing


async def damaged_beyond_three_salvages(spool, monkeypatch):
    """Have the spool find its file damaged; salvage fails three times. Returns when it has failed."""
    salvage, failures = spool_module.spool_file.salvage, iter(range(3))

    def failing(path):
        if next(failures, None) is not None:
            raise OSError(28, "No space left on device")
        return salvage(path)

    monkeypatch.setattr(spool_module.spool_file, "salvage", failing)
    spool.suspect(sqlite3.DatabaseError("database disk image is malformed"), spool.source()[0])
    await asyncio.to_thread(until_failing, spool)


def until_failing(spool):
    while not spool.failing:
        time.sleep(0.005)
