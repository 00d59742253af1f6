"""Days of 23 and 25 hours, through whole profiles, in four zones, however a meter tells its time."""

from datetime import date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ami.raw.v1 import exchange_pb2
from ami.readings.v1 import meter_readings_pb2 as pb
from ami_dlms.apdu import GetResponseNormal
from ami_dlms.axdr import NULL, Data, Tag, array, structure
from ami_dlms.cosem_time import ClockStatus, CosemDateTime
from ami_normalize.meter import MeterFacts, Meters
from ami_normalize.pipeline import Context, RawRecord, ReadingsOutcome, normalize

pytestmark = pytest.mark.unit

DAYS = {
    "Europe/Vienna": {date(2024, 3, 31): 23, date(2024, 10, 27): 25, date(2024, 7, 1): 24},
    "America/New_York": {date(2024, 3, 10): 23, date(2024, 11, 3): 25, date(2024, 7, 1): 24},
    "Australia/Sydney": {date(2024, 10, 6): 23, date(2024, 4, 7): 25, date(2024, 7, 1): 24},
    "Australia/Lord_Howe": {date(2024, 10, 6): 23.5, date(2024, 4, 7): 24.5, date(2024, 7, 1): 24},
}
CHOICES = [(zone, day) for zone, days in DAYS.items() for day in days]
PROFILE = bytes((1, 0, 99, 1, 0, 255))


def ends(zone, day, period_s):
    """The ends of all intervals of a local day, in UTC."""
    first, last = (datetime(*each.timetuple()[:3], tzinfo=ZoneInfo(zone)) for each in (day, day + timedelta(days=1)))
    begin, end = first.astimezone(timezone.utc), last.astimezone(timezone.utc)
    return [
        begin + timedelta(seconds=period_s * n) for n in range(1, int((end - begin).total_seconds()) // period_s + 1)
    ]


def stamp(moment, zone, told):
    """A stamp as the meter writes it: with its deviation, or with the bit for daylight saving, or local time alone."""
    local = moment.astimezone(ZoneInfo(zone))
    if told == "deviation":
        octets = CosemDateTime.from_datetime(local).to_bytes()
    else:
        summer = ClockStatus.DAYLIGHT_SAVING if local.dst() else 0
        octets = CosemDateTime.from_datetime(
            local.replace(tzinfo=None), summer if told == "status" else None
        ).to_bytes()
    return Data(Tag.OCTET_STRING, octets)


def in_order(moments, zone):
    """Rows of which nothing but their order tells which of two equal local times they are."""
    return [(number, stamp(moment, zone, "order")) for number, moment in enumerate(moments)]


def blocks(stamps, zone, period_s):
    exchange = exchange_pb2.Exchange(class_id=7, obis=PROFILE, attribute=2, capture_period_s=period_s)
    exchange.capture_objects.add(class_id=8, obis=bytes((0, 0, 1, 0, 0, 255)), attribute=2)
    exchange.capture_objects.add(class_id=3, obis=bytes((1, 0, 1, 8, 0, 255)), attribute=2).scaler_unit.unit = 30
    rows = [structure(each, Data(Tag.UINT32, number)) for number, each in stamps]
    headers = {"ami-exchange": b"poll", "ami-context": exchange.SerializeToString()}
    record = RawRecord("ami.raw.v1", 0, 0, b"meter-1", GetResponseNormal(0x41, array(*rows)).to_bytes(), headers)
    (outcome,) = normalize(record, Context(registry=Meters([MeterFacts("meter-1", zone=zone)])))
    assert isinstance(outcome, ReadingsOutcome), outcome
    return pb.MeterReadings.FromString(outcome.messages[0]).interval_blocks


@pytest.mark.parametrize("told", ["deviation", "status", "order"])
@pytest.mark.parametrize("period_s", [900, 1800])
@pytest.mark.parametrize(("zone", "day"), CHOICES)
def test_a_day_comes_out_whole_and_certain(zone, day, period_s, told):
    moments = ends(zone, day, period_s)
    assert len(moments) == DAYS[zone][day] * 3600 / period_s
    (block,) = blocks([(n, stamp(moment, zone, told)) for n, moment in enumerate(moments)], zone, period_s)
    assert list(block.mantissas) == list(range(len(moments)))
    assert block.first_interval_end_us == int(moments[0].timestamp()) * 1_000_000
    assert (block.period_s, list(block.quality)) == (period_s, [])


@pytest.mark.parametrize("told", ["deviation", "order"])
@pytest.mark.parametrize(("zone", "day"), CHOICES)
def test_a_day_that_comes_last_row_first_comes_out_the_same(zone, day, told):
    moments = ends(zone, day, 900)
    rows = [(n, stamp(moment, zone, told)) for n, moment in enumerate(moments)]
    (forward,), (backward,) = blocks(rows, zone, 900), blocks(rows[::-1], zone, 900)
    assert backward == forward


@pytest.mark.parametrize(("zone", "day"), CHOICES)
def test_a_day_without_a_stated_period_comes_out_the_same(zone, day):
    moments = ends(zone, day, 900)
    (block,) = blocks(in_order(moments, zone), zone, 0)
    assert (len(block.mantissas), block.period_s, list(block.quality)) == (len(moments), 900, [])


@pytest.mark.parametrize(("zone", "day"), CHOICES)
@given(begin=st.integers(0, 80), left_out=st.one_of(st.sets(st.integers(1, 100)), st.just(set(range(1, 101)))))
def test_a_day_whose_stamps_are_left_out_comes_out_the_same(zone, day, begin, left_out):
    """Read from any row on; the first one read has its stamp, the others may count on from it."""
    moments = ends(zone, day, 900)[begin:]
    stamps = [NULL if n in left_out else stamp(moment, zone, "deviation") for n, moment in enumerate(moments)]
    (block,) = blocks(list(enumerate(stamps)), zone, 900)
    assert list(block.mantissas) == list(range(len(moments)))
    assert block.first_interval_end_us == int(moments[0].timestamp()) * 1_000_000


def test_a_piece_of_the_hour_that_is_twice_stays_doubtful_where_nothing_decides():
    moments = ends("Europe/Vienna", date(2024, 10, 27), 900)[8:11]  # 02:15 to 02:45 summer time
    (block,) = blocks(
        [(n, stamp(moment, "Europe/Vienna", "order")) for n, moment in enumerate(moments)], "Europe/Vienna", 900
    )
    assert block.first_interval_end_us == int(moments[0].timestamp()) * 1_000_000
    assert [list(each.quality) for each in block.quality] == [[pb.QUALITY_TIME_AMBIGUOUS]] * 3


@pytest.mark.parametrize("begin", range(8, 13))
def test_what_follows_the_hour_that_is_twice_decides_backward(begin):
    """From within the second pass on: the row at 03:00 is certain, and so is what lies a period before."""
    moments = ends("Europe/Vienna", date(2024, 10, 27), 900)[begin:]
    (block,) = blocks(
        [(n, stamp(moment, "Europe/Vienna", "order")) for n, moment in enumerate(moments)], "Europe/Vienna", 900
    )
    assert block.first_interval_end_us == int(moments[0].timestamp()) * 1_000_000
    assert list(block.quality) == []


def test_an_hour_that_does_not_exist_is_no_defect():
    """02:30 of the day that summer time begins, from a clock that did not follow: it is taken for winter time."""
    local = datetime(2024, 3, 31, 2, 30, tzinfo=timezone.utc)
    octets = CosemDateTime.from_datetime(local.replace(tzinfo=None), None).to_bytes()
    (block,) = blocks([(0, Data(Tag.OCTET_STRING, octets))], "Europe/Vienna", 900)
    assert block.first_interval_end_us == int(datetime(2024, 3, 31, 1, 30, tzinfo=timezone.utc).timestamp()) * 1_000_000
