"""Date and time: wildcards, deviations of both signs, status."""

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ami_dlms.cosem_time import ClockStatus, CosemDateTime, date_from_bytes, time_from_bytes
from ami_dlms.errors import DataMalformed, UsageError

pytestmark = pytest.mark.unit

YEARS = datetime(1990, 1, 1), datetime(2099, 1, 1)  # noqa: DTZ001  the offset is drawn apart


@given(st.binary(min_size=12, max_size=12))
def test_twelve_octets_come_out_as_they_went_in(octets):
    assert CosemDateTime.from_bytes(octets).to_bytes() == octets


@given(
    st.datetimes(*YEARS),
    st.integers(-720, 840),
)
def test_an_aware_datetime_is_the_same_instant_again(moment, minutes):
    aware = moment.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    stamp = CosemDateTime.from_bytes(CosemDateTime.from_datetime(aware).to_bytes())
    assert stamp.deviation == -minutes
    assert abs(stamp.utc() - aware) < timedelta(milliseconds=10)


def test_the_deviation_leads_from_local_time_to_utc_unless_the_maker_inverts_it():
    cet = CosemDateTime.from_bytes(bytes.fromhex("07E80101010C000000FFC400"))
    assert cet.deviation == -60
    assert cet.utc() == datetime(2024, 1, 1, 11, tzinfo=timezone.utc)
    inverted = CosemDateTime.from_bytes(bytes.fromhex("07E80101010C000000003C00"))
    assert inverted.utc(inverted=True) == cet.utc()
    assert inverted.utc() == datetime(2024, 1, 1, 13, tzinfo=timezone.utc)


def test_wildcards():
    clear = CosemDateTime.from_bytes(bytes.fromhex("07E80101FF0C00FFFF8000FF"))
    assert (clear.second, clear.hundredths, clear.deviation, clear.status) == (None, None, None, None)
    assert clear.local().isoformat() == "2024-01-01T12:00:00"
    assert clear.utc() is None
    assert clear.daylight_saving is None
    assert CosemDateTime.from_bytes(b"\xff" * 12).local() is None
    assert CosemDateTime.from_bytes(bytes.fromhex("07E8FD01FF0C00FFFF8000FF")).local() is None
    assert CosemDateTime.from_bytes(bytes.fromhex("07E80101FF0C00FFFF800080")).status == ClockStatus.DAYLIGHT_SAVING
    assert CosemDateTime.from_bytes(bytes.fromhex("0001010101000000007FFF00")).utc() is not None
    assert CosemDateTime.from_bytes(bytes.fromhex("00010101010000000080FF00")).utc() is None


def test_date_and_time_alone():
    assert date_from_bytes(bytes.fromhex("07E8010203")).day == 2
    assert date_from_bytes(bytes.fromhex("07E8010203")).local() is None
    assert time_from_bytes(bytes.fromhex("173B0A00")).minute == 59


def test_other_lengths_and_fields_that_do_not_fit():
    for read, octets in ((CosemDateTime.from_bytes, 11), (date_from_bytes, 4), (time_from_bytes, 5)):
        with pytest.raises(DataMalformed):
            read(bytes(octets))
    with pytest.raises(UsageError):
        CosemDateTime(2024, 300, 1, 1, 1, 1, 1, 1, 0, 0).to_bytes()
