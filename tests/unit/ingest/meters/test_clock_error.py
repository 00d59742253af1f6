"""How wrong a clock is, and what it is set to."""

from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest

from ami_dlms.cosem_time import CosemDateTime
from ami_ingest.meters.clock_error import clock_error, right_time

pytestmark = pytest.mark.unit

VIENNA = ZoneInfo("Europe/Vienna")
NOW = datetime(2026, 3, 3, 12, 0, tzinfo=timezone.utc)


def shows(local, deviation=None, status=0):
    return CosemDateTime(
        local.year, local.month, local.day, 255, local.hour, local.minute, local.second, 0, deviation, status
    )


def local(offset_h=1, off_s=0, now=NOW):
    return (now + timedelta(hours=offset_h, seconds=off_s)).replace(tzinfo=None)


@pytest.mark.parametrize("off_s", [0, 7, -90, 3600, -3600, 900, 86_400, -31_536_000])
@pytest.mark.parametrize("deviation", [-60, 60])
def test_with_a_deviation_in_either_sign(off_s, deviation):
    clock = shows(local(1, off_s), deviation)
    error = clock_error(clock, NOW, None).total_seconds()
    # An inverted sign cannot be told from a clock that is off by twice the deviation; the smaller error is believed.
    assert error in {off_s, off_s + 7200}
    assert abs(error) <= abs(off_s)


@pytest.mark.parametrize("off_s", [0, 7, -90, 3600, -7200, 900, 86_400])
def test_with_a_zone(off_s):
    assert clock_error(shows(local(1, off_s)), NOW, VIENNA).total_seconds() == off_s


def test_the_repeated_hour_is_no_error():
    second_half_past_two = datetime(2026, 10, 25, 1, 30, tzinfo=timezone.utc)
    clock = shows(local(1, now=second_half_past_two))

    assert clock_error(clock, second_half_past_two, VIENNA) == timedelta(0)
    assert clock_error(clock, second_half_past_two - timedelta(hours=1), VIENNA) == timedelta(0)


@pytest.mark.parametrize(("off_s", "told"), [(0, 0), (100, 100), (-100, -100), (3600, 0), (900 + 30, 30)])
def test_with_neither_only_what_is_no_offset_can_be_told(off_s, told):
    assert clock_error(shows(local(1, off_s)), NOW, None).total_seconds() == told


def test_a_clock_without_a_time():
    assert clock_error(CosemDateTime(None, 1, 1, 255, 0, 0, 0, 0, -60, 0), NOW, None) is None


def test_it_is_set_to_now_with_its_own_deviation_and_status():
    to = right_time(shows(local(1, 100), -60, 0x80), NOW, None)

    assert to.local() == local(1)
    assert (to.deviation, to.status, to.day_of_week) == (-60, 0x80, 2)


def test_it_is_set_by_the_zone_where_it_has_no_deviation():
    assert right_time(shows(local(1, 100)), NOW, VIENNA).local() == local(1)


def test_it_is_not_set_where_its_offset_is_unknown():
    assert right_time(shows(local(1, 100)), NOW, None) is None


@pytest.mark.parametrize("deviation", [-60, None])
@pytest.mark.parametrize("minutes", [-119, -70, -30, 0, 30, 59, 70])
@pytest.mark.parametrize(
    "change", [datetime(2026, 10, 25, 1, 0, tzinfo=timezone.utc), datetime(2026, 3, 29, 1, 0, tzinfo=timezone.utc)]
)
def test_it_is_never_set_where_the_hour_changes(change, minutes, deviation):
    now = change + timedelta(minutes=minutes)
    offset = now.astimezone(VIENNA).utcoffset() / timedelta(hours=1)
    clock = shows(local(offset, 100, now), None if deviation is None else round(-60 * offset))
    to = right_time(clock, now, VIENNA)

    assert (to is None) == (abs(minutes) < 60)


def test_it_is_not_set_across_a_change():
    now = datetime(2026, 11, 1, 12, 0, tzinfo=timezone.utc)

    assert right_time(shows(local(2, -86_400 * 14, now)), now, VIENNA) is None
