"""Rows after absences: each is read once, whatever begins before what was left is read."""

from collections import Counter
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from support.polled import Store

from ami.raw.v1.exchange_pb2 import Exchange
from ami_dlms.cosem_time import CosemDateTime
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


BERLIN = ZoneInfo("Europe/Berlin")
QUARTER = timedelta(minutes=15)
AUTUMN = datetime(2026, 10, 25, 1, 0, tzinfo=timezone.utc)
"""When clocks in Berlin go from 3:00 back to 2:00."""


def shown_in_berlin(instant):
    local = instant.astimezone(BERLIN)
    return CosemDateTime.from_datetime(local, 0x80 if local.dst() else 0)


class InBerlin:
    """A meter with a row each quarter of an hour, stamped in local time, which it compares as it does."""

    def __init__(self, compared):
        self.compared = compared
        self.now = AUTUMN
        self.read = Counter()

    async def period_s(self, session, obis):
        return 900

    async def profile(self, session, obis, start, end, clock):
        for first, last in clock.days(start, end):
            bounds = [self.compared(clock.stamp(bound)) for bound in (first, last)]
            rows = [AUTUMN + number * QUARTER for number in range(-40, 41) if AUTUMN + number * QUARTER <= self.now]
            came = [row for row in rows if bounds[0] <= self.compared(shown_in_berlin(row)) <= bounds[1]]
            self.read.update(came)
            yield Reading((), Exchange(), tuple(clock.instant(shown_in_berlin(row)) for row in came), len(came))

    async def turns(self, rows):
        """Read it each quarter of an hour through the night of the change, and then what was missing."""
        missing = []
        for number in range(-24, 25):
            self.now = AUTUMN + number * QUARTER + timedelta(minutes=2)
            clock = MeterTime.of(shown_in_berlin(self.now), self.now, BERLIN)
            missing += (await rows.newest(self, None, clock))[1]
        for hole in missing:
            await rows.fill(self, None, clock, hole)
        return {AUTUMN + number * QUARTER for number in range(-27, 25)}


async def test_rows_of_the_doubled_hour_are_read_once():
    meter = InBerlin(CosemDateTime.utc)
    wanted = await meter.turns(RowsRead(Store(), "m-1", PROFILE))

    assert meter.read.keys() == wanted
    assert set(meter.read.values()) == {1}


async def test_a_meter_that_compares_local_times_loses_no_row_of_the_doubled_hour():
    meter = InBerlin(CosemDateTime.local)
    wanted = await meter.turns(RowsRead(Store(), "m-1", PROFILE))

    assert meter.read.keys() == wanted
