"""The fast path says what the generic decoder says: on any shape, on any mutation, on the corpus."""

import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.shaped_apdus import APDUS, fast, generic

from ami_dlms import apdu
from ami_dlms.errors import ReceivedError
from ami_dlms.framing import Framing, unframe
from ami_dlms.shapes import Shapes, Template
from ami_dlms.shapes.trace import Untraceable

pytestmark = pytest.mark.unit

patient = settings(deadline=None, max_examples=150, suppress_health_check=list(HealthCheck))

FRAMINGS = {
    "hdlc": Framing.HDLC,
    "wrapper": Framing.WRAPPER,
    "mbus": Framing.MBUS,
    "dsmr-p1": Framing.P1,
    "raw-apdu": Framing.NONE,
}


def learned(octets):
    """Return a cache that has seen the message, and the template of it if it gives one."""
    shapes = Shapes()
    return shapes, shapes.decode(octets).template


def others_of(template, octets, source):
    """Messages of the same shape: constants as they are, values at random."""
    length = template.length
    number = int.from_bytes(octets, "big")
    everywhere = (1 << 8 * length) - 1
    for values in (0, everywhere, source.getrandbits(8 * length)):
        yield (number & template.mask | values & ~template.mask & everywhere).to_bytes(length, "big")


def mutations(octets, source):
    """Messages close to one: an octet changed, cut off, made longer, or put in the place of another."""
    for _ in range(6):
        at = source.randrange(len(octets))
        yield octets[:at] + bytes((source.randrange(256),)) + octets[at + 1 :]
    at = source.randrange(len(octets))
    yield octets[:at] + octets[at + 1 :] + b"\x00"
    yield octets[:at]
    yield octets + octets[:at]
    yield octets + b"\x00"


@patient
@given(octets=APDUS.map(lambda value: value.to_bytes()), source=st.randoms(use_true_random=False))
def test_every_message_of_a_shape_comes_out_as_from_the_generic_decoder(octets, source):
    shapes, template = learned(octets)
    assert fast(shapes, octets) == generic(octets)
    if template is None:  # what is not equal to itself cannot be proved
        assert "nan" in generic(octets)
        return
    assert template.fits(octets)
    for other in others_of(template, octets, source):
        before = shapes.hits
        assert fast(shapes, other) == generic(other)
        assert shapes.hits == before + 1


@patient
@given(octets=APDUS.map(lambda value: value.to_bytes()), source=st.randoms(use_true_random=False))
def test_what_is_close_to_a_shape_comes_out_as_from_the_generic_decoder(octets, source):
    shapes, _ = learned(octets)
    for other in mutations(octets, source):
        assert fast(shapes, other) == generic(other)


@settings(deadline=None, max_examples=15, suppress_health_check=list(HealthCheck))
@given(
    messages=st.lists(APDUS.map(lambda value: value.to_bytes()), min_size=4, max_size=12),
    source=st.randoms(use_true_random=False),
)
def test_many_shapes_in_a_small_cache_do_not_get_in_each_others_way(messages, source):
    shapes = Shapes(8)
    for _ in range(60):
        octets = source.choice(messages)
        for other in (octets, source.choice([*mutations(octets, source)])):
            assert fast(shapes, other) == generic(other)
        assert len(shapes) <= 8


@patient
@given(octets=st.binary(max_size=60), head=st.sampled_from([b"\x0f", b"\xc2", b"\xc4", b""]))
def test_noise_comes_out_as_from_the_generic_decoder(octets, head):
    shapes = Shapes()
    for _ in range(2):
        assert fast(shapes, head + octets) == generic(head + octets)


@patient
@given(octets=APDUS.map(lambda value: value.to_bytes()))
def test_every_field_says_where_its_value_stands(octets):
    template = learned(octets)[1]
    if template is None:
        return
    whole, values = apdu.decode(octets), template.read(octets)
    count = 0
    for run in template.runs:
        assert run.start == count
        for row in range(run.rows):
            for field, (path, tag) in enumerate(run.fields):
                found = getattr(whole, path[0])
                for position in path[1:]:
                    items = getattr(found, "value", found)
                    items = getattr(items, "items", items)
                    found = items[row if position is None else position]
                assert (getattr(found, "tag", None), repr(getattr(found, "value", found))) == (tag, repr(values[count]))
                assert repr(values[run.column(field)][row]) == repr(values[count])
                count += 1
    assert count == len(values)


def plain_apdus(corpus):
    for vector in corpus:
        for octets in unframe(bytes.fromhex(vector["hex"]), FRAMINGS[vector["transport"]], lenient=True).apdus:
            if octets:
                yield vector["id"], octets
        if vector.get("decrypted_hex"):
            yield vector["id"], bytes.fromhex(vector["decrypted_hex"])


@pytest.mark.parametrize("lenient", [False, True])
def test_every_apdu_of_the_corpus_comes_out_as_from_the_generic_decoder(corpus, lenient):
    shapes, source = Shapes(lenient=lenient), random.Random(4)
    by_template = 0

    def said(decode, octets):
        try:
            return repr(decode(octets))
        except ReceivedError as error:
            return type(error), str(error)

    for name, octets in [*plain_apdus(corpus)] * 2:
        for message in (octets, *mutations(octets, source)):
            expected = said(lambda value: apdu.decode(value, lenient=lenient), message)
            assert said(lambda value: shapes.decode(value).apdu, message) == expected, name
        try:
            template = shapes.decode(octets).template
        except ReceivedError:
            continue
        if template is not None:
            by_template += 1
            for message in others_of(template, octets, source):
                expected = said(lambda value: apdu.decode(value, lenient=lenient), message)
                assert said(lambda value: shapes.decode(value).apdu, message) == expected, name
        else:
            assert octets[0] not in (0x0F, 0xC2), name
    assert by_template >= 2 * 85


def test_what_has_no_shape_is_left_to_the_generic_decoder():
    for octets in (bytes.fromhex("c40101010b"), bytes.fromhex("d80101"), bytes.fromhex("c4020101000000010001aa")):
        decoded = Shapes().decode(octets)
        assert decoded.template is None
        assert decoded.apdu == apdu.decode(octets)
        with pytest.raises(Untraceable):
            Template(decoded.apdu, octets)
