"""What nulls and deltas in a profile's rows stand for."""

from datetime import datetime, timedelta, timezone
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ami_dlms.axdr import NULL, Data, Tag, structure
from ami_dlms.cosem.buffer import RowMalformed, resolved, stamped
from ami_dlms.cosem_time import CosemDateTime
from ami_dlms.errors import DataMalformed

pytestmark = pytest.mark.unit

START = datetime(2024, 3, 31, 0, 0, tzinfo=timezone(timedelta(hours=1)))
QUARTER = timedelta(minutes=15)


def stamp(moment, tag=Tag.OCTET_STRING):
    return Data(tag, CosemDateTime.from_datetime(moment).to_bytes())


def u32(value):
    return Data(Tag.UINT32, value)


def rows(*cells):
    return [structure(*row) for row in cells]


def utc(cell):
    return CosemDateTime.from_bytes(cell.value).utc()


def test_a_null_value_repeats_the_one_before():
    given_rows = rows((u32(5), u32(1)), (NULL, u32(2)), (NULL, NULL), (u32(6), NULL))
    assert list(resolved(given_rows, 2)) == [
        (u32(5), u32(1)),
        (u32(5), u32(2)),
        (u32(5), u32(2)),
        (u32(6), u32(2)),
    ]


def test_a_null_in_the_first_row_stays_null():
    assert list(resolved(rows((NULL,), (NULL,), (u32(1),)), 1)) == [(NULL,), (NULL,), (u32(1),)]


@pytest.mark.parametrize(
    ("base", "delta", "result"),
    [
        (u32(10), Data(Tag.DELTA_INT8, -3), u32(7)),
        (u32(0xFFFFFFFF), Data(Tag.DELTA_UINT8, 2), u32(1)),
        (Data(Tag.INT8, 127), Data(Tag.DELTA_INT8, 1), Data(Tag.INT8, -128)),
        (Data(Tag.UINT16, 0), Data(Tag.DELTA_INT16, -1), Data(Tag.UINT16, 0xFFFF)),
        (Data(Tag.UINT64, 1 << 63), Data(Tag.DELTA_UINT32, 7), Data(Tag.UINT64, (1 << 63) + 7)),
    ],
)
def test_a_delta_adds_and_wraps_in_its_type(base, delta, result):
    assert list(resolved(rows((base,), (delta,)), 1)) == [(base,), (result,)]


@pytest.mark.parametrize("base", [NULL, Data(Tag.OCTET_STRING, b"x"), Data(Tag.FLOAT32, 1.0)])
def test_a_delta_to_no_integer_is_no_value(base):
    assert list(resolved(rows((base,), (Data(Tag.DELTA_INT8, 1),)), 1))[1] == (NULL,)


@given(st.lists(st.integers(0, 0xFFFFFFFF), min_size=1, max_size=30))
def test_values_written_as_deltas_come_back(values):
    written = [(u32(values[0]),)]
    for before, value in pairwise(values):
        step = value - before
        if value == before:
            written.append((NULL,))
        elif -128 <= step < 128:
            written.append((Data(Tag.DELTA_INT8, step),))
        elif step > 0:
            written.append((Data(Tag.DELTA_UINT32, step),))
        else:
            written.append((u32(value),))
    assert list(resolved(rows(*written), 1)) == [(u32(value),) for value in values]


@pytest.mark.parametrize("row", [u32(1), structure(u32(1)), structure(u32(1), u32(2), u32(3))])
def test_a_row_of_another_width(row):
    with pytest.raises(RowMalformed, match="captures 2"):
        list(resolved([structure(u32(1), u32(2)), row], 2))
    assert issubclass(RowMalformed, DataMalformed)


@pytest.mark.parametrize("tag", [Tag.OCTET_STRING, Tag.DATE_TIME])
def test_a_null_stamp_is_the_one_before_plus_the_period(tag):
    found = stamped(
        rows((stamp(START, tag), u32(1)), (NULL, u32(2)), (NULL, NULL), (stamp(START + 4 * QUARTER, tag), u32(3))),
        2,
        clock=0,
        period_s=900,
    )
    assert [row[0] for row in found[:3]] == [stamp(START + n * QUARTER, tag) for n in range(3)]
    assert [utc(row[0]) for row in found] == [START + n * QUARTER for n in (0, 1, 2, 4)]
    assert [row[1].value for row in found] == [1, 2, 2, 3]


def test_instants_go_on_across_the_change_of_the_clock():
    """A whole night with one stamp: its deviation stays, so each row is still one period later."""
    found = stamped(rows((stamp(START),), *[(NULL,)] * 20), 1, clock=0, period_s=900)
    assert [utc(row[0]) for row in found] == [START + n * QUARTER for n in range(21)]


def test_rows_that_come_last_first_are_counted_backward():
    found = stamped(rows((stamp(START),), (NULL,), (stamp(START - 2 * QUARTER),), (NULL,)), 1, clock=0, period_s=900)
    assert [utc(row[0]) for row in found] == [START - n * QUARTER for n in range(4)]


def test_a_unix_clock():
    found = stamped(rows((u32(1000),), (NULL,), (NULL,)), 1, clock=0, period_s=60)
    assert [row[0] for row in found] == [u32(1000), u32(1060), u32(1120)]


def test_open_parts_of_a_stamp_stay_open():
    first = CosemDateTime(2024, 1, 31, None, 23, 45, 0, None, None, None)
    found = stamped(rows((Data(Tag.OCTET_STRING, first.to_bytes()),), (NULL,)), 1, clock=0, period_s=900)
    assert CosemDateTime.from_bytes(found[1][0].value) == CosemDateTime(2024, 2, 1, None, 0, 0, 0, None, None, None)


@pytest.mark.parametrize(
    "first",
    [NULL, Data(Tag.OCTET_STRING, b"short"), Data(Tag.OCTET_STRING, b"\xff" * 12), Data(Tag.BOOLEAN, True)],
)
def test_what_no_stamp_tells_stays_null(first):
    found = stamped(rows((first,), (NULL,)), 1, clock=0, period_s=900)
    assert found == [(first,), (NULL,)]


def test_without_a_period_nothing_is_counted_on():
    assert stamped(rows((stamp(START),), (NULL,)), 1, clock=0, period_s=0)[1] == (NULL,)


@pytest.mark.parametrize("last", [u32(0xFFFFFFFF), stamp(datetime(9999, 12, 31, 23, 59, tzinfo=timezone.utc))])
def test_at_the_end_of_time(last):
    assert stamped(rows((last,), (NULL,)), 1, clock=0, period_s=900)[1] == (NULL,)


CELLS = st.one_of(
    st.just(NULL),
    st.builds(Data, st.sampled_from([Tag.OCTET_STRING, Tag.DATE_TIME]), st.binary(max_size=13)),
    st.builds(Data, st.just(Tag.DATE_TIME), st.binary(min_size=12, max_size=12)),
    st.builds(Data, st.just(Tag.UINT32), st.integers(0, 0xFFFFFFFF)),
    st.builds(Data, st.sampled_from([Tag.DELTA_INT8, Tag.DELTA_INT32]), st.integers(-128, 127)),
    st.builds(Data, st.just(Tag.FLOAT64), st.floats()),
)


@given(st.lists(st.tuples(CELLS, CELLS), max_size=8), st.integers(0, 1), st.integers(0, 0xFFFFFFFF))
def test_whatever_a_meter_writes_has_rows_of_the_same_width(cells, clock, period_s):
    found = stamped(rows(*cells), 2, clock=clock, period_s=period_s)
    assert [len(row) for row in found] == [2] * len(cells)


def test_the_rows_of_a_response_are_checked():
    with pytest.raises(RowMalformed):
        stamped([u32(1)], 1, clock=0, period_s=900)
