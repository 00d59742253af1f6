"""A-XDR: every type both ways, compact arrays, and input that wants to hurt."""

import struct

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ami_dlms import axdr
from ami_dlms.axdr import BitString, CompactArray, Data, Limits, Tag, TypeDescription
from ami_dlms.errors import DataMalformed, LimitExceeded, ReceivedError, TrailingBytes, Truncated, UsageError

pytestmark = pytest.mark.unit

patient = settings(deadline=None, max_examples=60, suppress_health_check=list(HealthCheck))

INTEGERS = {
    Tag.INT32: (32, True),
    Tag.UINT32: (32, False),
    Tag.BCD: (8, False),
    Tag.INT8: (8, True),
    Tag.INT16: (16, True),
    Tag.UINT8: (8, False),
    Tag.UINT16: (16, False),
    Tag.INT64: (64, True),
    Tag.UINT64: (64, False),
    Tag.ENUM: (8, False),
    Tag.DELTA_INT8: (8, True),
    Tag.DELTA_INT16: (16, True),
    Tag.DELTA_INT32: (32, True),
    Tag.DELTA_UINT8: (8, False),
    Tag.DELTA_UINT16: (16, False),
    Tag.DELTA_UINT32: (32, False),
}


def integers(tag):
    bits, signed = INTEGERS[tag]
    low = -(1 << bits - 1) if signed else 0
    return st.integers(low, low + (1 << bits) - 1)


def plain(tag):
    """Values of a type that holds no others."""
    if tag in INTEGERS:
        return integers(tag)
    return {
        Tag.NULL: st.none(),
        Tag.DONT_CARE: st.none(),
        Tag.BOOLEAN: st.booleans(),
        Tag.BIT_STRING: st.binary(max_size=9).flatmap(
            lambda octets: st.integers(max(0, len(octets) * 8 - 7), len(octets) * 8).map(
                lambda length: BitString(length, octets)
            )
        ),
        Tag.OCTET_STRING: st.binary(max_size=200),
        Tag.VISIBLE_STRING: st.text(st.characters(max_codepoint=255), max_size=140),
        Tag.UTF8_STRING: st.text(max_size=60),
        Tag.FLOAT32: st.floats(width=32, allow_nan=False),
        Tag.FLOAT64: st.floats(allow_nan=False),
        Tag.DATE_TIME: st.binary(min_size=12, max_size=12),
        Tag.DATE: st.binary(min_size=5, max_size=5),
        Tag.TIME: st.binary(min_size=4, max_size=4),
    }[tag]


PLAIN_TAGS = [tag for tag in Tag if tag not in (Tag.ARRAY, Tag.STRUCTURE, Tag.COMPACT_ARRAY)]
SOLID_TAGS = [tag for tag in PLAIN_TAGS if tag not in (Tag.NULL, Tag.DONT_CARE)]


def plain_data(tags=PLAIN_TAGS):
    return st.sampled_from(tags).flatmap(lambda tag: plain(tag).map(lambda value: Data(tag, value)))


descriptions = st.recursive(
    st.sampled_from(SOLID_TAGS).map(TypeDescription),
    lambda inner: st.one_of(
        st.tuples(st.integers(1, 3), inner).map(lambda pair: TypeDescription(Tag.ARRAY, pair[0], (pair[1],))),
        st.lists(inner, min_size=1, max_size=3).map(
            lambda members: TypeDescription(Tag.STRUCTURE, len(members), tuple(members))
        ),
    ),
    max_leaves=5,
)


def described(description):
    """Values of a described type."""
    if description.tag in (Tag.ARRAY, Tag.STRUCTURE):
        members = description.members * (description.size if description.tag == Tag.ARRAY else 1)
        return st.tuples(*map(described, members)).map(lambda items: Data(description.tag, items))
    return plain(Tag(description.tag)).map(lambda value: Data(description.tag, value))


compact_arrays = descriptions.flatmap(
    lambda description: st.lists(described(description), max_size=4).map(
        lambda items: Data(Tag.COMPACT_ARRAY, CompactArray(description, tuple(items)))
    )
)
data = st.recursive(
    st.one_of(plain_data(), compact_arrays),
    lambda inner: st.tuples(st.sampled_from([Tag.ARRAY, Tag.STRUCTURE]), st.lists(inner, max_size=4).map(tuple)).map(
        lambda pair: Data(*pair)
    ),
    max_leaves=12,
)


@patient
@given(data)
def test_what_is_encoded_is_decoded(value):
    octets = axdr.encode(value)
    assert axdr.decode_exact(octets) == value
    assert axdr.encode(axdr.decode_exact(octets)) == octets
    assert axdr.decode(b"\xee" + octets + b"\xee", 1) == (value, len(octets) + 1)


@patient
@given(data, st.data())
def test_a_cut_value_is_truncated_or_malformed(value, choice):
    octets = axdr.encode(value)
    with pytest.raises(ReceivedError):
        axdr.decode_exact(octets[: choice.draw(st.integers(0, len(octets) - 1))])


@given(st.binary(max_size=300))
def test_noise_is_data_or_a_received_error(octets):
    try:
        value, end = axdr.decode(octets)
    except ReceivedError:
        return
    assert end <= len(octets)
    again = axdr.encode(value)
    assert axdr.encode(axdr.decode_exact(again)) == again


@pytest.mark.parametrize(
    ("octets", "value"),
    [
        ("00", None),
        ("0301", True),
        ("0300", False),
        ("040A FFC0", BitString(10, b"\xff\xc0")),
        ("05 FFFFFFFF", -1),
        ("06 FFFFFFFF", 0xFFFFFFFF),
        ("09 00", b""),
        ("0A 03 4B464D", "KFM"),
        ("0A 01 E9", "é"),
        ("0C 02 C3A9", "é"),
        ("0D 99", 0x99),
        ("0F 80", -128),
        ("10 8000", -32768),
        ("11 FF", 255),
        ("12 FFFF", 65535),
        ("14 8000000000000000", -(1 << 63)),
        ("15 FFFFFFFFFFFFFFFF", (1 << 64) - 1),
        ("16 1E", 30),
        ("17 3F800000", 1.0),
        ("18 3FF0000000000000", 1.0),
        ("19 07E4021D06173B3B63FFC400", bytes.fromhex("07E4021D06173B3B63FFC400")),
        ("1A FFFF0101FF", bytes.fromhex("FFFF0101FF")),
        ("1B 173B3BFF", bytes.fromhex("173B3BFF")),
        ("1C FF", -1),
        ("1D FFFF", -1),
        ("1E FFFFFFFF", -1),
        ("1F FF", 255),
        ("20 FFFF", 65535),
        ("21 FFFFFFFF", 0xFFFFFFFF),
        ("FF", None),
    ],
)
def test_each_type_by_its_octets(octets, value):
    octets = bytes.fromhex(octets)
    decoded = axdr.decode_exact(octets)
    assert decoded == Data(octets[0], value)
    assert axdr.encode(decoded) == octets


def test_lengths_of_each_form():
    for length in (0, 0x7F, 0x80, 0xFF, 0x100, 0xFFFF, 0x10000):
        octets = axdr.encode(axdr.octets(bytes(length)))
        assert axdr.decode_exact(octets).value == bytes(length)
    assert axdr.decode_exact(bytes.fromhex("0984 00000001 AA")).value == b"\xaa"
    for wrong in ("0980", "0985 0000000001 AA"):
        with pytest.raises(DataMalformed):
            axdr.decode_exact(bytes.fromhex(wrong))


def test_a_compact_array_of_structures_with_arrays_in_them():
    octets = bytes.fromhex("13 02 02 12 01 0002 0F  08  0001 0102 0002 0304")
    value = axdr.decode_exact(octets)
    pair = axdr.array(axdr.int8(1), axdr.int8(2)), axdr.array(axdr.int8(3), axdr.int8(4))
    assert value.value.items == (axdr.structure(axdr.uint16(1), pair[0]), axdr.structure(axdr.uint16(2), pair[1]))
    assert axdr.encode(value) == octets


def test_a_compact_array_keeps_the_length_of_its_strings():
    octets = bytes.fromhex("13 09 06 024142 00 0143")
    assert [item.value for item in axdr.decode_exact(octets).value.items] == [b"AB", b"", b"C"]


@pytest.mark.parametrize(
    ("octets", "error"),
    [
        (b"", Truncated),
        (bytes.fromhex("0203110111"), Truncated),
        (bytes.fromhex("0182ffff") * 16384, Truncated),
        (bytes.fromhex("0182ffff") * 65536, LimitExceeded),
        (b"\x01\x01" * 40, LimitExceeded),
        (b"\x02\x01" * 100_000, LimitExceeded),
        (b"\x13" + b"\x02\x01" * 40 + b"\x11\x01\x00", LimitExceeded),
        (b"\x13" + b"\x01\xff\xff" * 20 + b"\x00\x01\x00", ReceivedError),
        (bytes.fromhex("1301ffff000101"), ReceivedError),
        (bytes.fromhex("13000100"), DataMalformed),
        (bytes.fromhex("1312020001") + b"\x00", TrailingBytes),
        (bytes.fromhex("0202 1312030001000000"), DataMalformed),
        (bytes.fromhex("1313"), DataMalformed),
        (bytes.fromhex("1307"), DataMalformed),
        (b"\x01\x84\xff\xff\xff\xff", Truncated),
        (b"\x09\x84\xff\xff\xff\xff", Truncated),
        (b"\x04\x84\xff\xff\xff\xff", Truncated),
        (bytes.fromhex("0c01ff"), DataMalformed),
        *((bytes((tag,)), DataMalformed) for tag in range(256) if tag not in list(Tag)),
        (bytes.fromhex("110101"), TrailingBytes),
    ],
)
def test_hostile_input_costs_little_and_is_refused(octets, error):
    with pytest.raises(error):
        axdr.decode_exact(octets)


def test_work_is_bounded_by_the_elements_allowed():
    rows = axdr.array(*[axdr.structure(axdr.uint8(1))] * 100)
    octets = axdr.encode(rows)
    assert axdr.decode_exact(octets, Limits(elements=200)) == rows
    with pytest.raises(LimitExceeded):
        axdr.decode_exact(octets, Limits(elements=199))
    assert axdr.decode_exact(b"\x02\x01" * 31 + b"\x02\x00")
    with pytest.raises(LimitExceeded):
        axdr.decode_exact(b"\x02\x01" * 32 + b"\x02\x00")


@pytest.mark.parametrize(
    "value",
    [
        axdr.uint8(256),
        axdr.int8(-129),
        axdr.visible("€"),
        Data(Tag.DATE_TIME, b"\x00"),
        Data(Tag.BIT_STRING, BitString(9, b"\x00")),
        Data(Tag.FLOAT32, 1e300),
        Data(7, b""),
        Data(Tag.UINT8, "1"),
        Data(Tag.COMPACT_ARRAY, CompactArray(TypeDescription(Tag.UINT8), (axdr.uint16(1),))),
        Data(Tag.COMPACT_ARRAY, CompactArray(TypeDescription(Tag.NULL), (axdr.NULL, axdr.NULL))),
    ],
)
def test_what_does_not_fit_its_type_is_the_callers_mistake(value):
    with pytest.raises(UsageError):
        axdr.encode(value)


@settings(max_examples=30)
@given(st.binary(min_size=4, max_size=4))
def test_floats_that_are_no_number_keep_being_none(octets):
    number = axdr.decode_exact(b"\x17" + octets).value
    assert number != number or struct.pack(">f", number) == octets
