"""Annotated octets say what the generic decoders say, and leave no octet out."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ami_dlms import apdu, axdr
from ami_dlms.annotate import annotate, annotate_data
from ami_dlms.apdu import DataNotification, EventNotification, GetResponseNormal, GetResponseWithList
from ami_dlms.axdr import BitString, CompactArray, Data, Tag, TypeDescription
from ami_dlms.errors import ReceivedError
from ami_dlms.framing import Framing, unframe

pytestmark = pytest.mark.unit

patient = settings(deadline=None, max_examples=80, suppress_health_check=list(HealthCheck))
FRAMINGS = {
    "hdlc": Framing.HDLC,
    "wrapper": Framing.WRAPPER,
    "mbus": Framing.MBUS,
    "dsmr-p1": Framing.P1,
    "raw-apdu": Framing.NONE,
}
BEGINS = ["", "0f", "c001", "c003", "c2", "c401", "c402", "c403", "db08", "dd", "df", "cc"]
numbers = st.integers(0, 127)
plain = st.one_of(
    st.sampled_from([Data(Tag.NULL, None), Data(Tag.DONT_CARE, None), Data(Tag.BOOLEAN, True)]),
    st.sampled_from([t for t in Tag if t.name.startswith(("INT", "UINT", "DELTA", "BCD", "ENUM"))]).flatmap(
        lambda tag: numbers.map(lambda value: Data(tag, value))
    ),
    st.binary(max_size=140).map(lambda value: Data(Tag.OCTET_STRING, value)),
    st.text(st.characters(max_codepoint=255), max_size=9).map(lambda value: Data(Tag.VISIBLE_STRING, value)),
    st.text(max_size=9).map(lambda value: Data(Tag.UTF8_STRING, value)),
    st.binary(min_size=2, max_size=2).map(lambda value: Data(Tag.BIT_STRING, BitString(11, value))),
    st.floats(width=32, allow_nan=False).map(lambda value: Data(Tag.FLOAT32, value)),
    st.floats(allow_nan=False).map(lambda value: Data(Tag.FLOAT64, value)),
    st.binary(min_size=12, max_size=12).map(lambda value: Data(Tag.DATE_TIME, value)),
    st.binary(min_size=5, max_size=5).map(lambda value: Data(Tag.DATE, value)),
    st.binary(min_size=4, max_size=4).map(lambda value: Data(Tag.TIME, value)),
)


def type_of(data):
    if data.tag == Tag.STRUCTURE:
        return TypeDescription(Tag.STRUCTURE, len(data.value), tuple(map(type_of, data.value)))
    if data.tag == Tag.ARRAY:
        return TypeDescription(Tag.ARRAY, len(data.value), (type_of(data.value[0]),))
    return TypeDescription(data.tag)


solid = plain.filter(lambda data: data.tag not in (Tag.NULL, Tag.DONT_CARE))
rows = st.one_of(
    solid,
    st.lists(solid, min_size=1, max_size=3).map(lambda items: Data(Tag.STRUCTURE, tuple(items))),
    st.tuples(solid, st.integers(1, 3)).map(lambda pair: Data(Tag.ARRAY, (pair[0],) * pair[1])),
)
compact = st.tuples(rows, st.integers(0, 3)).map(
    lambda pair: Data(Tag.COMPACT_ARRAY, CompactArray(type_of(pair[0]), (pair[0],) * pair[1]))
)
data = st.recursive(
    plain | compact,
    lambda inner: st.tuples(st.sampled_from([Tag.ARRAY, Tag.STRUCTURE]), st.lists(inner, max_size=4).map(tuple)).map(
        lambda pair: Data(*pair)
    ),
    max_leaves=14,
)


def rebuilt(elements):
    """COSEM data again, from its elements."""
    element = next(elements)
    if element.tag in (Tag.ARRAY, Tag.STRUCTURE):
        return Data(element.tag, tuple(rebuilt(elements) for _ in range(element.value)))
    if element.tag == Tag.COMPACT_ARRAY:
        inside = list(elements)
        own = [
            e for e in inside if e.offset < element.offset + element.length and e.path.startswith(f"{element.path}[")
        ]
        elements_left, items = iter(own), []
        while (first := next(elements_left, None)) is not None:
            items.append(rebuilt(chained(first, elements_left)))
        element_value = CompactArray(element.value, tuple(items))
        elements.restore(inside[len(own) :])
        return Data(element.tag, element_value)
    return Data(element.tag, element.value)


class Restorable:
    """An iterator that takes back what it gave."""

    def __init__(self, items):
        self._items = list(items)

    def __iter__(self):
        return self

    def __next__(self):
        if not self._items:
            raise StopIteration
        return self._items.pop(0)

    def restore(self, items):
        self._items = list(items)


def chained(first, rest):
    yield first
    yield from rest


def heads(octets, elements):
    return b"".join(octets[element.offset : element.offset + element.head] for element in elements)


@patient
@given(data)
def test_data_in_elements_is_the_data(value):
    octets = axdr.encode(value)
    annotation = annotate_data(octets)
    assert annotation.error is None
    assert heads(octets, annotation.elements) == octets
    assert all(element.length >= element.head for element in annotation.elements)
    assert rebuilt(Restorable(annotation.elements)) == value


@patient
@given(data, st.data())
def test_damaged_data_is_shown_up_to_the_damage_and_refused_as_the_decoder_does(value, choice):
    octets = bytearray(axdr.encode(value))
    for _ in range(choice.draw(st.integers(1, 3))):
        octets[choice.draw(st.integers(0, len(octets) - 1))] = choice.draw(st.integers(0, 255))
    octets = bytes(octets[: choice.draw(st.integers(1, len(octets)))])
    annotation = annotate_data(octets)
    assert heads(octets, annotation.elements) == octets
    try:
        expected = axdr.decode_exact(octets)
    except ReceivedError as error:
        assert (type(annotation.error), annotation.error.offset) == (type(error), error.offset)
    else:
        assert annotation.error is None
        assert repr(rebuilt(Restorable(annotation.elements))) == repr(expected)  # NaN is not itself


@patient
@given(st.binary(max_size=80), st.sampled_from(BEGINS))
def test_no_octets_harm(octets, begin):
    octets = bytes.fromhex(begin) + octets.lstrip(b"/")
    annotation = annotate(octets)
    assert heads(octets, annotation.elements) == octets
    try:
        apdu.decode(octets)
    except ReceivedError as error:
        assert type(annotation.error) is type(error)
    else:
        assert annotation.error is None


def bodies(decoded):
    if isinstance(decoded, DataNotification):
        return {"body": decoded.body}
    if isinstance(decoded, EventNotification):
        return {"value": decoded.value}
    if isinstance(decoded, GetResponseNormal) and isinstance(decoded.result, Data):
        return {"result": decoded.result}
    if isinstance(decoded, GetResponseWithList):
        return {f"result[{n}]": each for n, each in enumerate(decoded.results) if isinstance(each, Data)}
    return {}


def test_the_corpus_in_elements_is_what_the_decoder_reads(corpus):
    seen = 0
    for vector in corpus:
        octets = list(unframe(bytes.fromhex(vector["hex"]), FRAMINGS[vector["transport"]], lenient=True).apdus)
        octets += [bytes.fromhex(vector["decrypted_hex"])] if vector.get("decrypted_hex") else []
        for each in octets:
            annotation = annotate(each)
            assert heads(each, annotation.elements) == each, vector["id"]
            if each.startswith(b"/"):
                assert annotation.error is None
                continue
            try:
                decoded = apdu.decode(each)
            except ReceivedError as error:
                assert type(annotation.error) is type(error), vector["id"]
                continue
            assert annotation.error is None
            for path, body in bodies(decoded).items():
                inside = [e for e in annotation.elements if e.path == path or e.path.startswith(f"{path}[")]
                assert rebuilt(Restorable(e for e in inside if e.tag is not None)) == body, vector["id"]
                seen += 1
    assert seen >= 80


def test_fields_have_their_names_and_places():
    octets = bytes.fromhex("c40141000202060000003909060100010800ff")
    told = [(e.offset, e.length, e.path, e.value) for e in annotate(octets).elements]
    assert told == [
        (0, 1, "tag", 0xC4),
        (1, 1, "form", 1),
        (2, 1, "invoke-id-and-priority", 0x41),
        (3, 1, "result: choice", 0),
        (4, 15, "result", 2),
        (6, 5, "result[0]", 57),
        (11, 8, "result[1]", bytes.fromhex("0100010800ff")),
    ]


def test_a_ciphered_apdu_shows_its_security_header():
    octets = bytes.fromhex("db084b464d10200078401e3000000001") + bytes(25)
    names = [element.path for element in annotate(octets).elements]
    assert names == [
        "tag",
        "system-title",
        "length",
        "security-control",
        "invocation-counter",
        "protected content",
        "authentication-tag",
    ]


def test_a_telegram_is_shown_line_by_line():
    elements = annotate(b"/ISK5\r\n\r\n1-0:1.8.0(000123*kWh)\r\n!AB12\r\n").elements
    assert [element.value for element in elements] == ["/ISK5", "", "1-0:1.8.0(000123*kWh)", "!AB12"]


@pytest.mark.parametrize(
    ("octets", "paths"),
    [
        ("c001c1000301000108 00ff0200", ["class-id", "instance-id", "attribute-id", "selective-access"]),
        ("c002c100000003", ["block-number"]),
        (
            "c003c102000301000108 00ff0200 000801000108 00ff0200",
            ["count", *(f"attribute[{n}]: {p}" for n in (0, 1) for p in ("class-id", "instance-id", "attribute-id"))],
        ),
    ],
)
def test_a_request_says_what_it_asks_for(octets, paths):
    octets = bytes.fromhex(octets)
    found = annotate(octets)

    assert found.name == "get-request"
    assert found.error is None
    assert b"".join(octets[one.offset : one.offset + one.head] for one in found.elements) == octets
    told = [one.path for one in found.elements]
    assert told[:3] == ["tag", "form", "invoke-id-and-priority"]
    assert [path for path in told[3:] if not path.startswith("attribute[") or "selective" not in path] == paths


def test_a_range_that_is_asked_for_is_said_element_by_element():
    octets = bytes.fromhex("c001c1000701006301 00ff0201 01 0203 1200 08 0901 00 0901 01".replace(" ", ""))
    found = annotate(octets)

    told = {one.path: one.value for one in found.elements}
    assert told["access-selector"] == 1
    assert told["access-parameters"] == 3
    assert told["access-parameters[0]"] == 8
