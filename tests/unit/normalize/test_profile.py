"""Profile buffers: nulls, deltas, gaps, order, clock changes."""

from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest

from ami_dlms.axdr import NULL, Data, Tag, structure
from ami_dlms.cosem.buffer import RowMalformed
from ami_dlms.cosem_time import CosemDateTime
from ami_normalize.dialects import NO_DIALECT, Dialect
from ami_normalize.model import ScalerUnit
from ami_normalize.quality import Quality
from ami_normalize.shapes.profile import Buffer, Column, blocks

pytestmark = pytest.mark.unit

VIENNA = ZoneInfo("Europe/Vienna")
START = datetime(2024, 3, 1, tzinfo=timezone.utc)
CLOCK = Column(8, "0.0.1.0.0.255")
STATUS = Column(1, "0.0.96.10.1.255")
ENERGY = Column(3, "1.0.1.8.0.255", scaler_unit=ScalerUnit(1, 30))


def stamp(moment, status=0):
    return Data(Tag.OCTET_STRING, CosemDateTime.from_datetime(moment, status).to_bytes())


def u32(value):
    return Data(Tag.UINT32, value)


def at(quarters):
    return stamp(START + timedelta(minutes=15 * quarters))


def place(instant, later):
    return instant.placed("Europe/Vienna", later=later)


def made(rows, columns, period_s=0):
    return blocks(Buffer("1.0.99.1.0.255", [structure(*row) for row in rows], columns, period_s), NO_DIALECT, place)


def texts(block):
    return [None if value is None else str(value) for value in block.values]


def test_one_block_a_column_with_status_and_start():
    rows = [(at(n), Data(Tag.UINT8, n), u32(100 + n)) for n in range(4)]
    status, energy = made(rows, [CLOCK, STATUS, ENERGY], 900)
    assert texts(energy) == ["1000", "1010", "1020", "1030"]
    assert (energy.unit, energy.period_s, energy.statuses) == (30, 900, (0, 1, 2, 3))
    assert energy.first_end.utc == START
    assert status.obis == "0.0.96.10.1.255"


def test_null_clock_is_the_stamp_before_plus_the_period_and_null_value_the_value_before():
    rows = [(at(0), u32(5)), (NULL, NULL), (NULL, u32(7))]
    (energy,) = made(rows, [CLOCK, ENERGY], 900)
    assert texts(energy) == ["50", "50", "70"]


def test_deltas_add_up_and_wrap():
    rows = [
        (at(0), u32(0xFFFFFFFE)),
        (NULL, Data(Tag.DELTA_UINT8, 1)),
        (NULL, Data(Tag.DELTA_UINT8, 3)),
        (NULL, Data(Tag.DELTA_INT8, -1)),
    ]
    (energy,) = made(rows, [CLOCK, ENERGY], 900)
    assert texts(energy) == ["42949672940", "42949672950", "20", "10"]


def test_a_missing_row_is_null_and_missing():
    (energy,) = made([(at(0), u32(1)), (at(1), u32(2)), (at(4), u32(3))], [CLOCK, ENERGY], 900)
    assert texts(energy) == ["10", "20", None, None, "30"]
    assert energy.quality[2] == (Quality.MISSING,)


def test_the_period_comes_from_the_stamps_where_nobody_states_it():
    (energy,) = made([(at(0), u32(1)), (at(2), u32(2)), (at(6), u32(3))], [CLOCK, ENERGY])
    assert energy.period_s == 1800
    assert texts(energy) == ["10", "20", None, "30"]


def test_null_stamps_are_counted_on_by_the_distance_of_those_given():
    (energy,) = made([(at(0), u32(1)), (at(1), u32(2)), (NULL, u32(3)), (at(3), u32(4))], [CLOCK, ENERGY])
    assert (texts(energy), energy.period_s) == (["10", "20", "30", "40"], 900)


def test_a_row_in_between_does_not_cost_the_period():
    early = stamp(START + timedelta(minutes=52))
    first, second = made([*((at(n), u32(n)) for n in range(4)), (early, u32(9))], [CLOCK, ENERGY])
    assert [(texts(block), block.period_s) for block in (first, second)] == [
        (["0", "10", "20", "30"], 900),
        (["90"], 900),
    ]


def test_a_stamp_off_the_grid_starts_a_new_block():
    rows = [(at(0), u32(1)), (at(1), u32(2)), (stamp(START + timedelta(minutes=20)), u32(3))]
    first, second = made(rows, [CLOCK, ENERGY], 900)
    assert (texts(first), texts(second)) == (["10", "20"], ["30"])


def test_last_row_first_comes_out_in_time_order():
    rows = [(at(3), u32(4)), (NULL, u32(3)), (at(1), u32(2)), (NULL, u32(1))]
    (energy,) = made(rows, [CLOCK, ENERGY], 900)
    assert texts(energy) == ["10", "20", "30", "40"]
    assert energy.first_end.utc == START


def test_a_wide_gap_costs_nothing():
    first, second = made([(at(0), u32(1)), (at(400_000), u32(2))], [CLOCK, ENERGY], 900)
    assert len(first.values) == len(second.values) == 1


@pytest.mark.parametrize(("day", "hours"), [((2024, 3, 31), 23), ((2024, 10, 27), 25)])
def test_days_of_clock_changes_are_whole_without_deviation(day, hours):
    zone_start = datetime(*day, tzinfo=VIENNA).astimezone(timezone.utc)
    rows = []
    for n in range(hours):
        moment = (zone_start + timedelta(hours=n)).astimezone(VIENNA)
        rows.append((stamp(moment.replace(tzinfo=None), None), u32(n)))
    (energy,) = made(rows, [CLOCK, ENERGY], 3600)
    assert len(energy.values) == hours


def test_rows_without_common_distance_are_blocks_of_their_own():
    rows = [(stamp(datetime(2024, month, 1, tzinfo=timezone.utc)), u32(month)) for month in range(1, 13)]
    found = made(rows, [CLOCK, ENERGY])
    assert [block.period_s for block in found] == [0] * 12


def test_rows_of_another_width_are_a_mismatch():
    with pytest.raises(RowMalformed, match="3 columns"):
        made([(at(0), u32(1), u32(2))], [CLOCK, ENERGY])


def test_no_value_in_the_first_row_is_no_value():
    (energy,) = made([(at(0), NULL)], [CLOCK, ENERGY], 900)
    assert energy.values == (None,)
    assert energy.quality[0] == (Quality.NO_VALUE,)


def test_a_dialect_says_that_rows_carry_the_start_of_their_interval():
    early = Dialect("mine", stamps_start=True)
    rows = [structure(at(n), u32(n)) for n in range(3)]
    (energy,) = blocks(Buffer("1.0.99.1.0.255", rows, [CLOCK, ENERGY]), early, place)
    assert (energy.first_end.utc, energy.period_s) == (START + timedelta(minutes=15), 900)
