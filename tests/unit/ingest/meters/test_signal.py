"""What a cell_info structure tells of the signal, and what tells nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ami.raw.v1.exchange_pb2 import Exchange
from ami_dlms import axdr
from ami_dlms.apdu import DataAccessResult
from ami_dlms.axdr import Data, Tag
from ami_ingest.meters.obis_line import reading_line
from ami_ingest.meters.reading import Reading
from ami_ingest.meters.signal import CELL_INFO, STRONGEST, WEAKEST, in_words, strength, strengths

pytestmark = pytest.mark.unit


def cell(quality, *more):
    """A cell_info of version 0; `more` makes it one of version 1."""
    return axdr.structure(axdr.uint16(1), axdr.uint16(2), quality, axdr.uint8(99), *more)


def told(result):
    return strength(CELL_INFO.class_id, CELL_INFO.attribute, result)


@pytest.mark.parametrize(
    ("quality", "dbm"), [(0, -113), (1, -111), (2, -109), (30, -53), (31, -51), (99, None), (32, None)]
)
@pytest.mark.parametrize("more", [(), (axdr.uint16(232), axdr.uint16(1), axdr.uint32(6300))])
def test_signal_quality_counts_steps_of_two(quality, dbm, more):
    assert told(cell(axdr.uint8(quality), *more)) == dbm


@pytest.mark.parametrize(
    "result",
    [
        None,
        DataAccessResult.OBJECT_UNDEFINED,
        axdr.NULL,
        axdr.uint8(20),
        axdr.structure(axdr.uint16(1), axdr.uint16(2), axdr.uint8(20)),
        axdr.array(*[axdr.uint8(20)] * 4),
        cell(axdr.octets(b"\x14")),
        cell(axdr.int8(-1)),
        cell(axdr.uint16(20)),
    ],
)
def test_what_is_no_signal_tells_none(result):
    assert told(result) is None


def test_other_attributes_and_classes_tell_none():
    right = cell(axdr.uint8(20))
    assert strength(47, 7, right) is None
    assert strength(1, 6, right) is None


VALUES = st.recursive(
    st.one_of(
        st.builds(axdr.uint8, st.integers(0, 255)),
        st.builds(axdr.int8, st.integers(-128, 127)),
        st.builds(axdr.uint32, st.integers(0, 2**32 - 1)),
        st.builds(axdr.octets, st.binary(max_size=4)),
        st.just(axdr.NULL),
    ),
    lambda inner: st.lists(inner, max_size=8).map(lambda items: Data(Tag.STRUCTURE, tuple(items))),
    max_leaves=12,
)


@given(VALUES)
def test_whatever_comes_a_signal_is_one_that_can_be(result):
    dbm = told(result)
    assert dbm is None or WEAKEST <= dbm <= STRONGEST


@pytest.mark.parametrize(
    ("dbm", "words"),
    [(-51, "strong"), (-75, "strong"), (-77, "good"), (-95, "fair"), (-105, "weak"), (-107, "hardly any")],
)
def test_words(dbm, words):
    assert in_words(dbm) == words


def test_a_histogram_tells_every_weak_step_apart():
    found = strengths()
    for dbm in (-113, -111, -109, -107, -105):
        found.observe(dbm)
    assert found.counts[:4] == [2, 1, 1, 1]


def test_a_technician_reads_it_in_the_log():
    reading = Reading((), Exchange(class_id=47, obis=CELL_INFO.obis, attribute=6), result=cell(axdr.uint8(21)))
    assert reading_line(reading) == "OBIS Code 0.0.25.6.0.255 = -71 dBm (strong)"
