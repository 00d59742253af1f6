"""APDUs that were damaged or made to hurt: a value or our own error, within a stated amount of work."""

import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.random_apdus import Generator, data_in

from ami_dlms import apdu, axdr
from ami_dlms.annotate import annotate
from ami_dlms.apdu import DataNotification, ExceptionResponse, GetResponseNormal, GetResponseWithList
from ami_dlms.axdr import Data
from ami_dlms.errors import LimitExceeded, ReceivedError, TrailingBytes, Truncated

pytestmark = pytest.mark.unit

ELEMENTS = axdr.LIMITS.elements
BYTES_AN_ELEMENT = 160
"""Memory of one value: its tuple, its place in a list and in the tuple made of it, and a small number."""
FIXED = 200_000
"""Memory that is there whatever comes."""

damaged = st.tuples(
    st.integers(0, 400),
    st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), max_size=3),
    st.floats(0, 1),
    st.binary(max_size=3),
)


def damage(octets, changes, keep, tail):
    """Change single octets, cut, append."""
    made = bytearray(octets)
    for place, octet in changes:
        made[min(int(place * len(made)), len(made) - 1)] = octet
    return bytes(made[: max(1, round(keep * len(made)))]) + tail


@settings(max_examples=400, deadline=None)
@given(damaged)
def test_a_damaged_apdu_is_another_one_or_refused(drawn):
    seed, changes, keep, tail = drawn
    octets = damage(Generator(seed).apdu().to_bytes(), changes, keep if seed % 2 else 1, tail)
    try:
        found = apdu.decode(octets)
    except ReceivedError:
        return
    again = found.to_bytes()
    assert apdu.decode(again).to_bytes() == again


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 100_000), st.binary(min_size=1, max_size=5))
def test_what_stands_behind_an_apdu_is_named_by_its_offset(seed, tail):
    made = Generator(seed).apdu()
    if isinstance(made, ExceptionResponse):  # a counter may follow one
        return
    octets = made.to_bytes()
    with pytest.raises(TrailingBytes) as trailing:
        apdu.decode(octets + tail)
    assert trailing.value.offset == len(octets)


def many_results(count):
    """A list of results of eleven octets, each a compact array of 32,769 elements, and what makes it long."""
    result = b"\x00" + bytes.fromhex("13 02 02 01 8000 00 11 01 00")
    padding = b"\x00" + axdr.encode(axdr.octets(bytes(0x9000)))
    return b"\xc4\x03\xc1" + bytes((count + 1,)) + result * count + padding


def notification(data):
    return b"\x0f\x00\x00\x00\x01\x00" + data


@pytest.mark.parametrize(
    ("octets", "error"),
    [
        (notification(bytes.fromhex("0203110111")), Truncated),
        (notification(bytes.fromhex("0182ffff") * 16_384), Truncated),
        (notification(bytes.fromhex("0182ffff") * 262_144), LimitExceeded),
        (notification(b"\x02\x01" * 500_000), LimitExceeded),
        (notification(b"\x13" + b"\x02\x01" * 30_000 + b"\x11\x01\x00"), LimitExceeded),
        (notification(b"\x13\x02\x02\x01\xff\xff\x00\x11\x03\x00\x00\x00" + bytes(65_536)), LimitExceeded),
        (notification(b"\x13\x01\xff\xff\x01\xff\xff\x00\x01\x00" + bytes(65_536)), LimitExceeded),
        (notification(b"\x01\x84\xff\xff\xff\xff"), Truncated),
        (notification(b"\x09\x84\xff\xff\xff\xff"), Truncated),
        (b"\xc4\x03\xc1\x84\xff\xff\xff\xff", Truncated),
        (b"\x60\x84\xff\xff\xff\xff", Truncated),
        (many_results(50), LimitExceeded),
    ],
    ids=lambda given: given[:12].hex() if isinstance(given, bytes) else given.__name__,
)
def test_work_stays_within_the_budget(octets, error):
    """Memory is counted, at its peak: what the octets announce is not built before they are there."""
    tracemalloc.start()
    try:
        with pytest.raises(error):
            apdu.decode(octets)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    built = ELEMENTS if error is LimitExceeded else 0
    assert peak <= FIXED + 2 * len(octets) + built * BYTES_AN_ELEMENT


def test_all_values_of_an_apdu_share_its_limits():
    row = axdr.array(*[axdr.NULL] * 40_000)
    three, four = (GetResponseWithList(0xC1, (row,) * count).to_bytes() for count in (3, 4))
    assert len(list(data_in(apdu.decode(three)))) == 3
    with pytest.raises(LimitExceeded):
        apdu.decode(four)


def test_few_octets_are_few_values():
    """One octet of contents for each ten thousand values that have none; a record may hold many such APDUs."""
    with pytest.raises(LimitExceeded):
        apdu.decode(notification(b"\x13\x02\x02\x01\x00\x64\x01\x00\x64\x00\x11\x01\x00" + bytes(100)))
    columns = axdr.decode_exact(bytes.fromhex("13 0204 00 11 00 12 06 010002 020003"))
    assert [len(row.value) for row in columns.value.items] == [4, 4]


def test_an_explanation_of_hostile_octets_ends_within_the_limits():
    explained = annotate(many_results(5))
    assert isinstance(explained.error, LimitExceeded)
    assert len(explained.elements) <= ELEMENTS + 100


def test_the_largest_value_allowed_is_read():
    row: Data = axdr.array(*[axdr.NULL] * (ELEMENTS - 1))
    octets = DataNotification(1, b"", row).to_bytes()
    assert apdu.decode(octets).to_bytes() == octets
    assert apdu.decode(GetResponseNormal(0xC1, row).to_bytes()).result == row
