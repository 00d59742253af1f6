"""Status words of profiles become quality codes of their rows; the words themselves are kept."""

import json
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from ami_dlms.axdr import NULL, BitString, Data, Tag, structure
from ami_dlms.cosem_time import CosemDateTime
from ami_normalize.dialects import NO_DIALECT
from ami_normalize.mapping.compile import dialects_of
from ami_normalize.model import ScalerUnit
from ami_normalize.quality import Quality
from ami_normalize.shapes.profile import Buffer, Column, blocks
from ami_normalize.status import AMR_PROFILE_STATUS, StatusBit, of
from ami_schemas.event_types import Companion

pytestmark = pytest.mark.unit

VIENNA = ZoneInfo("Europe/Vienna")
CLOCK = Column(8, "0.0.1.0.0.255")
STATUS = Column(1, "0.0.96.10.1.255")
ENERGY = Column(3, "1.0.1.8.0.255", scaler_unit=ScalerUnit(0, 30))


def dialect(**members):
    (found,) = dialects_of(json.dumps([{"name": "d", "match": [{"flag": "AAA"}], **members}]).encode(), "test")
    return found


def stamp(minutes, status=0xFF, deviation=-60):
    local = datetime(2024, 3, 1, tzinfo=VIENNA) + timedelta(minutes=minutes)
    octets = CosemDateTime.from_datetime(local).to_bytes()[:9]
    return Data(Tag.OCTET_STRING, octets + deviation.to_bytes(2, "big", signed=True) + bytes((status,)))


def place(instant, later):
    return instant.placed("Europe/Vienna", later=later, configured=True)


def column(rows, columns=(CLOCK, STATUS, ENERGY), of=NO_DIALECT, period_s=900):
    buffer = Buffer("1.0.99.1.0.255", [structure(*row) for row in rows], columns, period_s)
    return next(block for block in blocks(buffer, of, place) if block.obis == "1.0.1.8.0.255")


def u8(value):
    return Data(Tag.UINT8, value)


@pytest.mark.parametrize(
    ("word", "quality"),
    [
        (0x00, ()),
        (0x01, (Quality.CRITICAL_ERROR,)),
        (0x02, (Quality.CLOCK_INVALID,)),
        (0x04, (Quality.DATA_INVALID,)),
        (0x08, ()),
        (0x10, ()),
        (0x20, (Quality.CLOCK_ADJUSTED,)),
        (0x40, ()),
        (0x80, (Quality.POWER_DOWN,)),
        (0xA8, (Quality.CLOCK_ADJUSTED, Quality.POWER_DOWN)),
    ],
)
def test_the_bits_of_the_amr_profile_status_are_quality_codes(word, quality):
    found = column([(stamp(0), u8(word), u8(1))])
    assert found.quality == (quality,)
    assert found.statuses == (word,)


def test_each_row_has_its_own_status_and_a_missing_one_has_none():
    rows = [(stamp(0), u8(0x80), u8(1)), (stamp(15), NULL, u8(2)), (stamp(45), u8(0), u8(3))]
    found = column(rows)
    assert found.quality == ((Quality.POWER_DOWN,), (Quality.POWER_DOWN,), (Quality.MISSING,), ())
    assert found.statuses == (0x80, 0x80, 0, 0)


def test_what_clock_and_status_both_say_is_said_once():
    found = column([(stamp(0, 0x01), u8(0x02), u8(1))])
    assert found.quality == ((Quality.CLOCK_INVALID,),)


def test_a_longer_word_means_nothing_until_somebody_says_what():
    word = Data(Tag.UINT32, 0x0000_0101)
    assert column([(stamp(0), word, u8(1))]).quality == ((),)
    assert column([(stamp(0), word, u8(1))], of=dialect(companion="idis")).quality == ((Quality.CRITICAL_ERROR,),)
    named = dialect(status=["unused"] * 8 + ["power-down"])
    assert column([(stamp(0), word, u8(1))], of=named).quality == ((Quality.POWER_DOWN,),)


@pytest.mark.parametrize(
    ("members", "quality"),
    [
        ({"companion": "dsmr"}, (Quality.CRITICAL_ERROR, Quality.POWER_DOWN)),
        ({"companion": "is15959"}, ()),
        ({"status": []}, ()),
        ({"companion": "idis", "status": ["clock-doubtful"]}, (Quality.CLOCK_DOUBTFUL,)),
    ],
)
def test_a_dialect_says_what_the_bits_mean(members, quality):
    assert column([(stamp(0), u8(0x81), u8(1))], of=dialect(**members)).quality == (quality,)


def test_a_bit_string_counts_from_its_first_bit():
    first = Data(Tag.BIT_STRING, BitString(8, b"\x80"))
    assert of(first, AMR_PROFILE_STATUS, None).quality == (Quality.CRITICAL_ERROR,)
    assert of(Data(Tag.BIT_STRING, BitString(8, b"\x01")), None, Companion.IDIS).quality == (Quality.POWER_DOWN,)


def test_every_meaning_but_two_is_a_quality():
    for bit in StatusBit:
        found = of(u8(1), (bit,), None).quality
        assert bool(found) is (bit not in {StatusBit.UNUSED, StatusBit.DAYLIGHT_SAVING})


def test_a_status_with_another_code_is_one_by_a_rule():
    columns = (CLOCK, Column(1, "1.0.96.5.4.255"), ENERGY)
    renamed = dialect(objects=[{"obis": "1.0.96.5.4.255", "as": "0.0.96.10.1.255"}])
    rows = [(stamp(0), u8(0x80), u8(1))]
    assert column(rows, columns).statuses == ()
    found = column(rows, columns, renamed)
    assert (found.quality, found.statuses) == (((Quality.POWER_DOWN,),), (0x80,))


def test_a_text_in_place_of_a_status_is_kept_as_a_column_and_means_nothing():
    rows = [(stamp(0), Data(Tag.OCTET_STRING, b"\x80"), u8(1))]
    found = column(rows)
    assert (found.quality, found.statuses) == (((),), ())


def test_daylight_saving_of_the_status_says_which_of_two_equal_local_times_a_stamp_is():
    """The hour from 02:00 to 03:00 of 2024-10-27 in Vienna, hourly, by a clock that states no deviation."""
    unstated = -0x8000
    octets = [bytes.fromhex("07e80a1b07") + bytes((hour, 0, 0, 0)) for hour in (2, 2, 3)]
    ends = [Data(Tag.OCTET_STRING, each + unstated.to_bytes(2, "big", signed=True) + b"\xff") for each in octets]
    rows = [(end, u8(word), u8(1)) for end, word in zip(ends, (0x08, 0x00, 0x00), strict=True)]
    found = column(rows, period_s=3600)
    assert found.first_end.utc.isoformat() == "2024-10-27T00:00:00+00:00"
    assert len(found.values) == 3
    assert found.quality == ((), (), ())
    alone = column(rows[1:2], period_s=3600)
    assert alone.first_end.utc.isoformat() == "2024-10-27T01:00:00+00:00"
    assert alone.quality == ((),)


def test_a_period_beyond_the_calendar_leaves_rows_without_time():
    rows = [(stamp(0), u8(0), u8(1)), *[(NULL, NULL, NULL)] * 200]
    buffer = Buffer("1.0.99.1.0.255", [structure(*row) for row in rows], (CLOCK, STATUS, ENERGY), 0xFFFF_FFFF)
    found = [block for block in blocks(buffer, NO_DIALECT, place) if block.obis == "1.0.1.8.0.255"]
    assert sum(len(block.values) for block in found) == 201
    assert found[-1].first_end is None
