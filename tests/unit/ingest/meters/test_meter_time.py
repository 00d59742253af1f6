"""A meter's own time: stamps as its clock shows them, whatever the sign of its deviation."""

from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest

from ami_dlms.cosem_time import CosemDateTime
from ami_ingest.meters.meter_time import MeterTime

pytestmark = pytest.mark.unit

NOW = datetime(2026, 1, 15, 12, 0, 0, tzinfo=timezone.utc)
VIENNA = ZoneInfo("Europe/Vienna")


def clock(hour, minute=0, deviation=None, day=15, year=2026):
    return CosemDateTime(year, 1, day, 4, hour, minute, 0, 0, deviation, 0)


@pytest.mark.parametrize(
    ("shown", "offset"),
    [
        (clock(13, deviation=-60), 60),  # the standard's sign
        (clock(13, deviation=60), 60),  # inverted by the maker
        (clock(13), 60),  # unspecified
        (clock(12, 2, deviation=0), 0),  # two minutes fast
        (clock(17, 30), 330),
        (clock(7, deviation=300), -300),
        (clock(3, year=2000, deviation=-60), 60),  # lost its time: its own word counts
        (clock(3, year=2000), 0),
        (None, 0),
    ],
)
def test_the_offset_of_a_clock(shown, offset):
    assert MeterTime.of(shown, NOW).offset == timedelta(minutes=offset)


def test_the_present_is_the_meters():
    assert MeterTime.of(clock(13, 2, deviation=-60), NOW).now == NOW + timedelta(minutes=2)
    assert MeterTime.of(None, NOW).now == NOW


@pytest.mark.parametrize("deviation", [-60, 60, None])
def test_a_stamp_is_what_the_clock_would_show(deviation):
    time = MeterTime.of(clock(13, deviation=deviation), NOW)
    stamp = time.stamp(NOW - timedelta(hours=3))

    assert stamp.local().isoformat() == "2026-01-15T10:00:00"
    assert stamp.deviation == deviation
    assert stamp.day_of_week == 4
    assert time.instant(stamp) == NOW - timedelta(hours=3)


@pytest.mark.parametrize(("winter", "summer"), [(-60, -120), (60, 120)])
def test_a_row_of_summer_read_in_winter(winter, summer):
    time = MeterTime.of(clock(13, deviation=winter), NOW)
    row = CosemDateTime(2025, 7, 1, 2, 14, 0, 0, 0, summer, 0x80)

    assert time.instant(row) == datetime(2025, 7, 1, 12, 0, tzinfo=timezone.utc)


def test_a_zone_knows_summer():
    time = MeterTime.of(clock(13, deviation=-60), NOW, VIENNA)
    stamp = time.stamp(datetime(2025, 7, 1, 12, 0, tzinfo=timezone.utc))

    assert stamp.local().isoformat() == "2025-07-01T14:00:00"
    assert stamp.deviation == -120
    assert stamp.status == 0x80


@pytest.mark.parametrize("zone", [None, VIENNA])
def test_ranges_are_cut_at_local_midnights(zone):
    time = MeterTime.of(clock(13, deviation=-60), NOW, zone)
    start, end = NOW - timedelta(hours=36), NOW
    pieces = list(time.days(start, end))

    second = timedelta(seconds=1)
    midnight = datetime(2026, 1, 13, 23, 0, tzinfo=timezone.utc)
    assert pieces == [
        (start, midnight + timedelta(days=1) - second) if start >= midnight else (start, midnight - second),
        (midnight + timedelta(days=1), end),
    ]


def test_a_day_of_23_hours_is_one_piece():
    time = MeterTime.of(None, NOW, VIENNA)
    start = datetime(2026, 3, 28, 23, 0, tzinfo=timezone.utc)
    pieces = list(time.days(start, start + timedelta(hours=24)))

    assert pieces == [
        (start, start + timedelta(hours=23) - timedelta(seconds=1)),
        (start + timedelta(hours=23), start + timedelta(hours=24)),
    ]


def test_nothing_to_cut():
    assert list(MeterTime.of(None, NOW).days(NOW, NOW - timedelta(seconds=1))) == []
