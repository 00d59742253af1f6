"""The spool: everything comes out as it went in, numbers are never used twice, and a kill loses nothing committed."""

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
from typing import NamedTuple

import pytest

from ami_ingest.errors import SpoolError
from ami_ingest.record import RawRecord
from ami_ingest.spool import spool as spool_module
from ami_ingest.spool.file import Position

pytestmark = pytest.mark.unit


class Spooled(NamedTuple):
    sequence: int
    identity: bytes
    record: RawRecord

    @property
    def value(self):
        return self.record.value


def read_all(spool, *, fresh=False):
    """All records that are on disk; `fresh` forgets first what is in memory."""
    if fresh:
        spool._recent.clear()
    reader = spool.reader()
    found, last = [], 0
    try:
        while segments := reader.read(last):
            for segment in segments:
                for number, record in enumerate(segment.records, start=segment.first):
                    found.append(Spooled(number, b"%s%d" % (segment.prefix, number), record))
                last = segment.last
    finally:
        reader.close()
    return found


@pytest.mark.parametrize("fresh", [False, True], ids=["from memory", "from disk"])
def test_records_come_out_in_order_as_they_went_in(make_spool, make_record, fresh):
    spool = make_spool()
    records = [make_record(number) for number in range(100)]

    for start in range(0, 100, 7):
        spool.offer(records[start : start + 7])
    assert spool.settle(30)

    found = read_all(spool, fresh=fresh)
    assert [one.record for one in found] == records
    assert [one.identity for one in found] == [f"edge-1/{spool.uuid}/{number}".encode() for number in range(1, 101)]


async def test_put_returns_when_the_record_is_on_disk(make_spool, make_record):
    spool = make_spool()

    await asyncio.gather(*(spool.put([make_record(number)]) for number in range(50)))

    assert len(read_all(spool)) == 50


def test_a_number_is_never_used_again(make_spool, make_record):
    spool = make_spool()
    spool.offer([make_record(number) for number in range(5)])
    assert spool.settle(30)
    spool.forget(5)
    assert spool.settle(30)
    assert spool.depth == (0, 0)
    spool.close()

    again = make_spool()
    again.offer([make_record(9)])
    assert again.settle(30)

    assert [one.sequence for one in read_all(again)] == [6]
    assert again.uuid == spool.uuid


def test_a_new_file_has_a_new_name(make_spool):
    assert make_spool(name="a.sqlite").uuid != make_spool(name="b.sqlite").uuid


def test_what_kafka_has_leaves_to_the_segment(make_spool, make_record):
    spool = make_spool()
    for number in range(3):
        spool.offer([make_record(10 * number + each) for each in range(10)])
        assert spool.settle(30)

    spool.forget(20)
    assert spool.settle(30)

    assert [one.sequence for one in read_all(spool)] == list(range(21, 31))
    assert [one.sequence for one in read_all(spool, fresh=True)] == list(range(21, 31))
    assert spool.depth[0] == 10


def test_who_is_behind_reads_the_file_and_catches_up(make_spool, make_record, monkeypatch):
    monkeypatch.setattr(spool_module, "_MAX_RECENT", 5000)
    monkeypatch.setattr(spool_module, "_MAX_READ", 5000)
    spool = make_spool()
    for number in range(200):
        spool.offer([make_record(number, size=1000)])
        if number % 10 == 9:
            assert spool.settle(30)

    assert [one.value for one in read_all(spool)] == [make_record(number, size=1000).value for number in range(200)]


async def test_a_full_spool_takes_what_was_read_and_asks_to_stop(make_spool, make_record, log):
    spool = make_spool(max_bytes=5000)

    assert spool.offer([make_record(1, size=1000)])
    assert not spool.offer([make_record(2, size=5000)])
    assert not spool.offer([make_record(3, size=1000)])
    waiting = asyncio.create_task(spool.room())
    assert await asyncio.to_thread(spool.settle, 30)
    assert not waiting.done()

    spool.forget(3)
    await waiting

    assert spool.offer([make_record(4)])
    assert await asyncio.to_thread(spool.settle, 30)
    assert [one.sequence for one in read_all(spool)] == [4]
    assert log.events().count("the spool is full: meters are not read until Kafka takes records") == 1


async def test_positions_move_with_their_records(make_spool, make_record):
    spool = make_spool()
    profile = bytes((1, 0, 99, 1, 0, 255))

    assert spool.position("m1", profile) is None
    await spool.put([make_record(1)], [Position("m1", profile, 100)])
    await spool.put([make_record(2)], [Position("m1", profile, 200)])
    spool.close()

    assert make_spool().position("m1", profile) == 200


def test_what_was_offered_is_written_before_closing(make_spool, make_record):
    spool = make_spool()
    for number in range(1000):
        spool.offer([make_record(number)])
    spool.close()

    assert len(read_all(make_spool())) == 1000
    with pytest.raises(SpoolError):
        spool.offer([make_record(0)])


def test_a_second_agent_is_kept_from_the_spool(make_spool):
    spool = make_spool()
    with pytest.raises(SpoolError, match="in use by another agent"):
        make_spool()
    spool.close()

    assert make_spool().uuid == spool.uuid


def test_a_spool_of_another_version_is_refused(tmp_path, make_spool):
    make_spool().close()
    connection = sqlite3.connect(tmp_path / "spool.sqlite")
    connection.execute("PRAGMA user_version=99")
    connection.close()

    with pytest.raises(SpoolError, match="has format 99"):
        make_spool()


WRITER = """
import asyncio, sys
from pathlib import Path
from ami_ingest.logs import logger
from ami_ingest.record import RawRecord
from ami_ingest.spool.spool import Spool

async def main():
    spool = Spool(Path(sys.argv[1]), "edge-1", max_bytes=1 << 40, log=logger())
    spool.open()
    number = int(sys.argv[2])
    while True:
        await spool.put([RawRecord(b"k", b"%d" % (number + step), (), 0) for step in range(3)])
        number += 3
        print(number, flush=True)

asyncio.run(main())
"""


def test_a_kill_loses_nothing_that_was_said_to_be_on_disk(tmp_path, make_spool):
    said = 0
    for _ in range(3):
        with subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path / "spool.sqlite"), str(said)],
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            goal = said + 30
            while said < goal:
                said = int(process.stdout.readline())
            os.kill(process.pid, signal.SIGKILL)
            rest = process.stdout.read().splitlines()
            said = int(rest[-1]) if rest else said

        # The last batch may be on disk without having been said: begin after it, so that values stay distinct.
        said = max([said, *(int(value) + 1 for value in values(make_spool()))])

    found = values(make_spool())
    assert found == sorted(set(found), key=int)
    assert len(found) == said
    sequences = [one.sequence for one in read_all(make_spool())]
    assert len(set(sequences)) == len(sequences)


def values(spool):
    try:
        return [one.value for one in read_all(spool)]
    finally:
        spool.close()
