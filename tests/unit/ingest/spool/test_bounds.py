"""A spool at its bounds: what is dropped is said and counted, and no profile claims it."""

import asyncio
import time

import pytest

from ami_ingest.record import now_us
from ami_ingest.spool import spool as spool_module
from ami_ingest.spool.file import Position

pytestmark = pytest.mark.unit

PROFILE = bytes((1, 0, 99, 1, 0, 255))
DROPPED = "the spool has dropped its oldest records: Kafka was away for too long"


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(spool_module, "_TIDY_EVERY_S", 0.02)
    monkeypatch.setattr(spool_module, "_SAY_AGAIN_S", 0.0)


def until(condition):
    while not condition():
        time.sleep(0.005)


def sequences(spool):
    reader = spool.reader()
    found, last = [], 0
    try:
        while segments := reader.read(last):
            found += [number for one in segments for number in range(one.first, one.last + 1)]
            last = segments[-1].last
    finally:
        reader.close()
    return found


def fill(spool, make_record, count, size=1000):
    for number in range(count):
        spool.offer([make_record(number, size=size)])
        assert spool.settle(30)


def test_the_oldest_goes_where_the_policy_says_so(make_spool, make_record, log):
    spool = make_spool(max_bytes=20_000, when_full="drop-oldest")
    fill(spool, make_record, 40)
    until(lambda: spool.depth[1] <= 20_000)

    kept = sequences(spool)
    assert kept == list(range(41 - len(kept), 41))
    assert 10 < len(kept) < 20
    assert spool.dropped_records == 40 - len(kept)
    assert spool.depth[0] == len(kept)
    until(lambda: sum(entry["records"] for entry in log if entry["event"] == DROPPED) == spool.dropped_records)
    first = next(entry for entry in log if entry["event"] == DROPPED)
    assert first["level"] == "error"
    assert first["bound"] == "spool.max_mb"
    assert first["first_received"] == "1970-01-01T00:00:00+00:00"
    assert not spool.full
    assert spool.offer([make_record(41)])


def test_what_kafkas_client_has_in_hand_is_not_dropped(make_spool, make_record):
    spool = make_spool(max_bytes=10_000, when_full="drop-oldest")
    fill(spool, make_record, 5)
    spool.handed(3)
    fill(spool, make_record, 30)
    until(lambda: spool.depth[1] <= 11_000)

    assert sequences(spool)[:3] == [1, 2, 3]


def test_what_is_too_old_goes(make_spool, make_record, log):
    spool = make_spool(max_age_s=3600)
    old, new = now_us() - 7200 * 1_000_000, now_us()
    spool.offer([make_record(number)._replace(timestamp_us=old) for number in range(10)])
    assert spool.settle(30)
    spool.offer([make_record(10)._replace(timestamp_us=new)])
    assert spool.settle(30)
    until(lambda: spool.dropped_records == 10)

    assert sequences(spool) == [11]
    assert spool.oldest_us == new
    assert spool.dropped_bytes > 0
    until(lambda: DROPPED in log.events())
    assert next(entry for entry in log if entry["event"] == DROPPED)["bound"] == "spool.max_age"


async def test_a_full_spool_takes_more_when_its_records_have_become_too_old(make_spool, make_record):
    spool = make_spool(max_bytes=10_000, max_age_s=3600)
    old = now_us() - 7200 * 1_000_000
    assert not spool.offer([make_record(number, size=1000)._replace(timestamp_us=old) for number in range(20)])
    await asyncio.to_thread(until, lambda: spool.dropped_records == 20)

    await spool.room()

    assert not spool.full


async def put(spool, record, *positions):
    await spool.put([record], [Position("m1", PROFILE, stamp) for stamp in positions])


async def test_a_profile_falls_back_to_what_kafka_has(make_spool, make_record, log):
    spool = make_spool(max_bytes=6000, when_full="drop-oldest")
    await put(spool, make_record(1), 100)
    spool.forget(1)
    assert await asyncio.to_thread(spool.settle, 30)
    await put(spool, make_record(2, size=3000), 200)
    await put(spool, make_record(3, size=1000), 300)
    assert spool.position("m1", PROFILE) == 300

    await put(spool, make_record(4, size=4000))
    await asyncio.to_thread(until, lambda: spool.dropped_records)

    assert spool.position("m1", PROFILE) == 100
    assert any(entry.get("profiles_read_again") == 1 for entry in log)
    spool.close()
    assert make_spool().position("m1", PROFILE) == 100


async def test_rows_read_on_from_what_was_dropped_meanwhile_do_not_move_the_profile(make_spool, make_record):
    spool = make_spool(max_bytes=6000, when_full="drop-oldest")
    await put(spool, make_record(1, size=3000), 200)
    assert spool.position("m1", PROFILE) == 200  # a poll begins here …
    await put(spool, make_record(2, size=4000))
    await asyncio.to_thread(until, lambda: spool.dropped_records)
    await put(spool, make_record(3), 300)  # … and ends after the drop

    assert spool.position("m1", PROFILE) is None
    await put(spool, make_record(4), 400)
    assert spool.position("m1", PROFILE) == 400


async def test_a_position_counts_as_published_with_the_last_of_its_rows(make_spool, make_record, monkeypatch):
    monkeypatch.setattr("ami_ingest.spool.segment.MAX_RECORDS", 2)
    spool = make_spool()
    await spool.put([make_record(number) for number in range(6)], [Position("m1", PROFILE, 100)])
    spool.forget(4)
    assert await asyncio.to_thread(spool.settle, 30)
    connection = spool_module.spool_file.connect(spool.path)
    published = "SELECT count(*) FROM position"
    try:
        spool_rows = connection.execute("SELECT segment FROM moved").fetchall()
        assert spool_rows == [(5,)]
    finally:
        connection.close()
    spool.forget(6)
    assert await asyncio.to_thread(spool.settle, 30)
    connection = spool_module.spool_file.connect(spool.path)
    try:
        assert connection.execute(published).fetchone() == (1,)
    finally:
        connection.close()


async def test_a_position_without_rows_waits_for_those_before_it(make_spool, make_record):
    spool = make_spool(max_bytes=6000, when_full="drop-oldest")
    await spool.put([], [Position("m1", PROFILE, 50)])
    await put(spool, make_record(1, size=3000), 100)
    await spool.put([], [Position("m1", PROFILE, 200)])
    assert spool.position("m1", PROFILE) == 200
    await put(spool, make_record(2, size=4000))
    await asyncio.to_thread(until, lambda: spool.dropped_records)

    assert spool.position("m1", PROFILE) == 50


def test_after_days_away_the_file_shrinks_again(make_spool, make_record):
    spool = make_spool()
    for _ in range(40):
        spool.offer([make_record(number, size=10_000) for number in range(50)])
        assert spool.settle(60)
    wal = spool.path.with_name(spool.path.name + "-wal")
    peak = spool.path.stat().st_size
    assert peak > 15 << 20
    spool.forget(40 * 50)
    assert spool.settle(60)
    until(lambda: spool.path.stat().st_size < 5 << 20)

    assert spool.depth == (0, 0)
    assert wal.stat().st_size <= 17 << 20


def test_other_bounds_hold_at_once(make_spool, make_record):
    spool = make_spool(max_bytes=1 << 30)
    fill(spool, make_record, 40)
    before = spool.depth[1]

    spool.bound(before // 2, None, "wait")
    assert spool.full
    spool.bound(before // 2, None, "drop-oldest")
    assert not spool.full
    until(lambda: spool.depth[1] <= before // 2)
    assert spool.dropped_records
    spool.bound(1 << 30, 60.0, "wait")
    until(lambda: spool.depth[0] == 0)  # they are from 1970
    assert spool.offer([make_record(41)])


async def test_who_waits_for_room_goes_on_where_the_bound_gives_it(make_spool, make_record):
    spool = make_spool(max_bytes=5_000)
    await asyncio.to_thread(fill, spool, make_record, 10)
    waiting = asyncio.create_task(spool.room())
    await asyncio.sleep(0)
    assert spool.full
    assert not waiting.done()

    spool.bound(1 << 30, None, "wait")

    await asyncio.wait_for(waiting, 30)
