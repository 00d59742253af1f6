"""Rows after absences: each is read once, whatever begins before what was left is read."""

from collections import Counter
from datetime import datetime, timedelta, timezone

import pytest
from support.polled import Store

from ami.raw.v1.exchange_pb2 import Exchange
from ami_ingest.config.model import Profile
from ami_ingest.meters.meter_time import MeterTime
from ami_ingest.meters.reading import Reading
from ami_ingest.schedule.rows_read import RowsRead

pytestmark = pytest.mark.unit

HOUR = timedelta(hours=1)
BEGIN = datetime(2026, 3, 1, 12, 0, tzinfo=timezone.utc)
PROFILE = Profile(bytes((1, 0, 99, 1, 0, 255)), 3600)


class Reader:
    """A meter with a row at each full hour; counts how often each is read."""

    def __init__(self):
        self.read = Counter()

    async def period_s(self, session, obis):
        return 3600

    async def profile(self, session, obis, start, end, clock):
        for first, last in clock.days(start, end):
            at = BEGIN + -(-(first - BEGIN) // HOUR) * HOUR
            stamps = []
            while at <= last:
                stamps.append(at)
                at += HOUR
            self.read.update(stamps)
            yield Reading((), Exchange(), tuple(stamps), len(stamps))


@pytest.fixture
def rows():
    return RowsRead(Store(), "m-1", PROFILE)


async def newest(rows, reader, days):
    await rows.newest(reader, None, MeterTime(BEGIN + timedelta(days=days), timedelta()))


async def one_day_of_what_is_left(rows, reader):
    await rows.next_day(reader, None, MeterTime(BEGIN, timedelta()))


async def all_that_is_left(rows, reader):
    while await rows.left() is not None:
        await one_day_of_what_is_left(rows, reader)


def every_hour(days):
    return {BEGIN + HOUR * number for number in range(-1, 24 * days + 1)}


async def test_an_absence_before_the_last_one_is_made_up_for_reads_nothing_twice(rows):
    reader = Reader()
    await newest(rows, reader, 0)
    for day in (5, 10, 14):
        await newest(rows, reader, day)
        await one_day_of_what_is_left(rows, reader)
    await all_that_is_left(rows, reader)

    assert reader.read.keys() == every_hour(14)
    assert set(reader.read.values()) == {1}


async def test_places_are_used_again_and_a_restart_goes_on(rows):
    reader = Reader()
    await newest(rows, reader, 0)
    for day in range(3, 40, 3):
        await newest(rows, reader, day)
        await all_that_is_left(RowsRead(rows._store, "m-1", PROFILE), reader)

    assert reader.read.keys() == every_hour(39)
    assert set(reader.read.values()) == {1}
    assert len(rows._store.positions) == 3


async def test_more_absences_than_are_told_apart_lose_no_row(rows):
    reader = Reader()
    await newest(rows, reader, 0)
    for day in range(4, 45, 4):
        await newest(rows, reader, day)
    await all_that_is_left(rows, reader)

    assert reader.read.keys() == every_hour(44)
    assert len(rows._store.positions) == 9
