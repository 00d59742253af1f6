"""Meter time to UTC: deviations, zones, days of 23 and 25 hours, and clocks that name no moment."""

from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ami_dlms.cosem_time import CosemDateTime
from ami_normalize.errors import SettingsInvalid
from ami_normalize.instants import Origin, from_octets, from_unix
from ami_normalize.quality import Quality

pytestmark = pytest.mark.unit

ZONES = ("Europe/Vienna", "America/New_York", "Australia/Lord_Howe")


def octets(moment, status=0):
    return CosemDateTime.from_datetime(moment, status).to_bytes()


def test_a_deviation_gives_utc():
    summer = from_octets(bytes.fromhex("07e704010615202300ff8880"))
    assert summer.iso() == "2023-04-01T19:32:35Z"
    assert summer.iso_local() == "2023-04-01T21:32:35+02:00"
    assert (summer.origin, summer.summer) == (Origin.DEVIATION, True)


def test_an_inverted_deviation_says_so():
    instant = from_octets(bytes.fromhex("07e5091609112 31e00003c00".replace(" ", "")), inverted=True)
    assert instant.iso() == "2021-09-22T16:35:30Z"
    assert instant.origin is Origin.DEVIATION_INVERTED


def test_without_deviation_the_time_stays_local_until_placed():
    local = from_octets(bytes.fromhex("07e50b1803000019ff800000"))
    assert local.iso() == "2021-11-24T00:00:25"
    placed = local.placed("Europe/Oslo")
    assert placed.utc == datetime(2021, 11, 23, 23, 0, 25, tzinfo=timezone.utc)
    assert placed.origin is Origin.DEFAULT_ZONE
    assert placed.quality == (Quality.ZONE_ASSUMED,)
    assert placed.iso() == "2021-11-24T00:00:25"


def test_status_ff_is_unspecified_not_all_bits():
    assert from_octets(bytes.fromhex("07e30c1001073b28ff8000ff")).quality == ()
    flagged = from_octets(bytes.fromhex("07e30c1001073b28ff800003"))
    assert flagged.quality == (Quality.CLOCK_INVALID, Quality.CLOCK_DOUBTFUL)


@pytest.mark.parametrize(
    "text", ["ffff0c1001073b28ff8000ff", "07e30cff01073b28ff8000ff", "07e30d1001073b28ff8000ff", ""]
)
def test_no_moment_is_no_instant(text):
    assert from_octets(bytes.fromhex(text)) is None


def test_an_impossible_deviation_is_none():
    assert from_octets(bytes.fromhex("07e30c1001073b28ff7fff00")).utc is None


@given(st.integers(86400, 9_200_000_000), st.integers(-56, 56))
def test_utc_is_local_plus_deviation(seconds, quarters):
    moment = datetime.fromtimestamp(seconds, timezone(timedelta(minutes=15 * quarters)))
    assert from_octets(octets(moment)).utc == moment


@pytest.mark.parametrize("zone", ZONES)
@given(hours=st.integers(0, 20 * 366 * 48))
def test_every_half_hour_of_a_zone_comes_back(zone, hours):
    moment = datetime(2020, 1, 1, tzinfo=timezone.utc) + timedelta(minutes=30 * hours)
    there = moment.astimezone(ZoneInfo(zone))
    status = 0x80 if there.dst() else 0
    placed = from_octets(octets(there.replace(tzinfo=None), status)).placed(zone)
    assert placed.utc == moment
    assert Quality.TIME_AMBIGUOUS not in placed.quality


def test_an_hour_that_is_twice_is_flagged_unless_something_decides():
    twice = from_octets(bytes.fromhex("07e60a1e07021e00008000ff"))
    first, second = twice.placed("Europe/Vienna"), twice.placed("Europe/Vienna", later=True)
    assert Quality.TIME_AMBIGUOUS in first.quality
    assert second.utc - first.utc == timedelta(hours=1)
    assert Quality.TIME_AMBIGUOUS not in second.quality


def test_unix_clock():
    assert from_unix(1_600_000_000).iso() == "2020-09-13T12:26:40Z"
    assert from_unix(1 << 60) is None


def test_an_unknown_zone_is_a_setting_to_correct():
    with pytest.raises(SettingsInvalid, match="Mars/Base"):
        from_octets(bytes.fromhex("07e50b1803000019ff800000")).placed("Mars/Base")
