"""A fingerprint is the same for all messages of one layout, and another for each other layout."""

import re

import pytest

from ami_dlms.apdu import DataNotification
from ami_dlms.axdr import NULL, CompactArray, Data, Tag, TypeDescription, structure, uint32
from ami_kafka.loop import RawMessage
from ami_normalize.fast import Normalizer
from ami_normalize.learning.fingerprint import fingerprint
from ami_normalize.pipeline import Context, Parked, RawRecord, normalize
from ami_normalize.stream.derived import outputs
from ami_schemas.reasons import Reason

pytestmark = pytest.mark.unit

HEADERS = (("ami-framing", b"none"), ("ami-exchange", b"push"))


def text(octets):
    return Data(Tag.OCTET_STRING, octets)


def uint16(value):
    return Data(Tag.UINT16, value)


def array(*items):
    return Data(Tag.ARRAY, items)


LIST = structure(text(b"MYM100001"), uint32(7), uint16(2301))


@pytest.mark.parametrize(
    "alike",
    [
        structure(text(b"MYM100002"), uint32(8), uint16(0)),
        structure(text(b"X"), uint32(8), uint16(2299)),
    ],
)
def test_values_and_the_lengths_of_strings_do_not_matter(alike):
    assert fingerprint(alike) == fingerprint(LIST)


@pytest.mark.parametrize(
    "other",
    [
        structure(text(b"MYM100001"), uint32(7)),
        structure(text(b"MYM100001"), uint16(7), uint32(2301)),
        structure(text(b"MYM100001"), uint32(7), NULL),
        array(text(b"MYM100001"), uint32(7), uint16(2301)),
        structure(structure(text(b"MYM100001"), uint32(7)), uint16(2301)),
        structure(Data(Tag.VISIBLE_STRING, "MYM100001"), uint32(7), uint16(2301)),
    ],
)
def test_types_counts_and_nesting_do(other):
    assert fingerprint(other) != fingerprint(LIST)


def test_alike_rows_of_an_array_count_as_one_in_any_number_and_order():
    row, other = structure(uint32(1), uint16(2)), structure(uint32(1), NULL)
    assert fingerprint(array(row)) == fingerprint(array(row, row, row))
    assert fingerprint(array(row, other)) == fingerprint(array(other, row, row))
    assert fingerprint(array(row)) != fingerprint(array(row, other))


def test_plain_values_of_an_array_are_places_of_a_list():
    assert fingerprint(array(uint32(1))) != fingerprint(array(uint32(1), uint32(2)))


def test_a_compact_array_is_the_array_it_stands_for():
    items = (structure(uint32(1), uint16(2)), structure(uint32(3), uint16(4)))
    members = (TypeDescription(Tag.UINT32), TypeDescription(Tag.UINT16))
    compact = Data(Tag.COMPACT_ARRAY, CompactArray(TypeDescription(Tag.STRUCTURE, members=members), items))
    assert fingerprint(compact) == fingerprint(array(*items))


def test_it_is_the_same_in_every_process_and_version():
    assert fingerprint(LIST) == "54cadc2a964b"


def test_what_waits_for_a_mapping_says_it_in_a_header():
    apdu = DataNotification(1, b"", LIST).to_bytes()
    (output,) = outputs(RawMessage("ami.raw.v1", 5, 99, 0, b"meter-1", apdu, HEADERS), Normalizer(Context()), "g")
    told = dict(output.headers)
    assert output.topic == "ami.parked.v1"
    assert told["dlq.reason"] == b"MAPPING_MISSING"
    assert told["ami-fingerprint"].decode() == fingerprint(LIST)


def test_what_waits_for_something_else_has_none(corpus):
    waiting = 0
    for vector in corpus:
        record = RawRecord("t", 0, 0, b"peer-1", bytes.fromhex(vector["hex"]), dict(HEADERS))
        for outcome in normalize(record, Context()):
            if isinstance(outcome, Parked):
                waiting += 1
                assert bool(outcome.fingerprint) is (outcome.reason is Reason.MAPPING_MISSING)
                assert re.fullmatch("([0-9a-f]{12})?", outcome.fingerprint)
    assert waiting
