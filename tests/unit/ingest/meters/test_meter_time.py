"""A meter's own time: stamps as its clock shows them, whatever the sign of its deviation."""

from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ami_dlms.cosem_time import CosemDateTime
from ami_ingest.meters.meter_time import MeterTime

pytestmark = pytest.mark.unit

NOW = datetime(2026, 1, 15, 12, 0, 0, tzinfo=timezone.utc)
VIENNA = ZoneInfo("Europe/Vienna")
BERLIN = ZoneInfo("Europe/Berlin")
AUTUMN = datetime(2026, 10, 25, 1, 0, tzinfo=timezone.utc)
"""When clocks in Berlin go from 3:00 back to 2:00."""
SPRING = datetime(2026, 3, 29, 1, 0, tzinfo=timezone.utc)
"""When they go from 2:00 to 3:00."""


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


def shown_in_berlin(instant, *, bit=True):
    """What a clock in Berlin shows; some have no bit for summer."""
    local = instant.astimezone(BERLIN)
    return CosemDateTime.from_datetime(local, (0x80 if local.dst() else 0) if bit else None)


QUARTERS = [timedelta(minutes=15 * number) for number in range(-16, 17)]


@pytest.mark.parametrize("read", [timedelta(hours=-3), timedelta(minutes=-20), timedelta(minutes=20)])
def test_rows_of_the_doubled_hour_are_told_apart(read):
    time = MeterTime.of(shown_in_berlin(AUTUMN + read), AUTUMN + read, BERLIN)
    rows = [AUTUMN + quarter for quarter in QUARTERS]

    assert [time.instant(shown_in_berlin(row)) for row in rows] == rows


def test_without_the_bit_the_doubled_hour_is_the_first():
    time = MeterTime.of(None, NOW, BERLIN)

    assert time.instant(shown_in_berlin(AUTUMN + QUARTERS[0], bit=False)) == AUTUMN + QUARTERS[0]
    assert time.instant(shown_in_berlin(AUTUMN, bit=False)) == AUTUMN - timedelta(hours=1)


def test_a_clock_that_has_not_gone_on_in_spring_is_an_hour_behind_then():
    time = MeterTime.of(None, NOW, BERLIN)
    left_out = CosemDateTime.from_datetime(datetime(2026, 3, 29, 2, 15), 0)  # noqa: DTZ001  local

    assert time.instant(left_out) == SPRING + timedelta(minutes=15)


@pytest.mark.parametrize("change", [AUTUMN, SPRING])
@pytest.mark.parametrize("late", [timedelta(seconds=-40), timedelta(0), timedelta(seconds=40)])
def test_a_clock_that_is_late_for_the_change_is_not_an_hour_off(change, late):
    for quarter in QUARTERS:
        shows = change + quarter + timedelta(seconds=5)
        assert MeterTime.of(shown_in_berlin(shows), shows + late, BERLIN).now == shows


SECONDS = st.integers(946_684_800, 2_114_380_800)
"""2000 to 2036."""


@given(SECONDS, SECONDS)
def test_a_stamp_written_and_read_is_the_same_instant(instant, now):
    instant, now = (datetime.fromtimestamp(each, timezone.utc) for each in (instant, now))
    time = MeterTime.of(shown_in_berlin(now), now, BERLIN)

    assert time.instant(time.stamp(instant)) == instant
    assert time.stamp(instant) == shown_in_berlin(instant)
