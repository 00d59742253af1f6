"""A segment: what goes in comes out, damage is noticed, and headers that repeat are there once."""

import contextlib
from zlib import crc32

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ami_ingest.record import RawRecord
from ami_ingest.spool.segment import MAX_OCTETS, MAX_RECORDS, SegmentDamaged, decode, encode, pieces

pytestmark = pytest.mark.unit

headers = st.lists(st.tuples(st.text(max_size=20), st.binary(max_size=300)), max_size=12).map(tuple)
records = st.lists(
    st.builds(RawRecord, st.binary(max_size=40), st.binary(max_size=500), headers, st.integers(0, 1 << 62)), max_size=20
)


@given(records)
def test_records_survive(made):
    octets = encode(made)

    assert decode(octets, crc32(octets)) == made


def test_the_largest_record_survives():
    made = [RawRecord(b"k", bytes(1 << 20), (("ami-context", bytes(70_000)), ("ce_subject", "mü".encode())), 1)]
    octets = encode(made)

    assert decode(octets, crc32(octets)) == made


@given(records.filter(bool), st.data())
def test_damage_is_noticed(made, data):
    octets = bytearray(encode(made))
    crc = crc32(octets)
    octets[data.draw(st.integers(0, len(octets) - 1))] ^= data.draw(st.integers(1, 255))

    with pytest.raises(SegmentDamaged):
        decode(bytes(octets), crc)


@given(st.binary(max_size=200))
def test_octets_that_never_were_a_segment_are_refused_or_read(octets):
    with contextlib.suppress(SegmentDamaged):
        decode(octets, crc32(octets))


def test_headers_that_repeat_are_written_once():
    common = (("ami-agent", b"edge-1" * 10),)
    one, many = (len(encode([RawRecord(b"k", b"v", common, 0)] * count)) for count in (1, 100))

    assert many - one < 99 * 30


def test_pieces_are_bounded_and_whole():
    small = [RawRecord(b"k", b"v", (), number) for number in range(2 * MAX_RECORDS + 5)]
    large = [RawRecord(b"k", bytes(MAX_OCTETS // 2), (), number) for number in range(5)]

    assert [len(piece) for piece in pieces(small)] == [MAX_RECORDS, MAX_RECORDS, 5]
    assert [len(piece) for piece in pieces(large)] == [2, 2, 1]
    assert [one for piece in pieces(large) for one in piece] == large
    assert list(pieces([])) == []
