"""What fuzzing found, as the octets that showed it."""

import pytest

from ami_dlms import apdu, axdr
from ami_dlms.apdu import Aare, Aarq
from ami_dlms.errors import ApduMalformed, LimitExceeded
from ami_dlms.framing import Assembler, Framing, unframe, wrapper

pytestmark = pytest.mark.unit


def test_blocks_without_octets_join_to_no_apdu():
    record = wrapper.encode(bytes.fromhex("e0c0 0001 0000 00"), 1, 1)

    message = unframe(record, Framing.WRAPPER)

    assert (message.complete, message.apdus) == (False, ())
    assert [found.complete for found in Assembler().receive(record)] == [False]


def test_noise_is_cut_at_the_limit_however_much_comes_at_once():
    frame = wrapper.encode(bytes.fromhex("c401c1000600001267"), 1, 1)
    octets = b"\xff" * 18 + b"\x00\x01\x00" + b"\xff" * 60 + frame

    def lengths(step):
        link = Assembler(max_message=32)
        cuts = [octets[at : at + step] for at in range(0, len(octets), step)]
        return [len(message.raw) for cut in cuts for message in link.receive(cut)]

    assert lengths(1) == lengths(7) == lengths(len(octets)) == [32, 32, 17, len(frame)]


@pytest.mark.parametrize("twice", ["be00", "a109060760857405080101", "a203020100"])
def test_a_field_of_an_association_stands_once(twice):
    fields = bytes.fromhex("a109060760857405080101 a203020100 a305a103020100 be00" + twice)
    with pytest.raises(ApduMalformed):
        apdu.decode(b"\x61" + axdr.write_length(len(fields)) + fields)


@pytest.mark.parametrize(("kind", "tag"), [(Aarq, 0x8A), (Aare, 0x88)])
def test_requirements_in_another_form_are_written_as_they_came(kind, tag):
    given = {"result": 0} if kind is Aare else {}
    octets = kind(mechanism=5, other=((tag, b"\x06\x40"),), **given).to_bytes()

    found = apdu.decode(octets)

    assert found.other == ((tag, b"\x06\x40"),)
    assert found.to_bytes() == octets


def test_an_array_of_nothing_in_a_compact_array_is_bound_by_the_limits():
    """47 null-data from one octet of contents: what eleven octets may stand for is less."""
    with pytest.raises(LimitExceeded):
        axdr.decode_exact(bytes.fromhex("13 0202 12 01002f00 02 0209"))
