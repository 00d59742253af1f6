"""What an association lists."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ami_dlms import axdr
from ami_dlms.apdu import Conformance
from ami_dlms.axdr import NULL, Data, Tag
from ami_dlms.cosem.association import CURRENT_ASSOCIATION, AssociationLN
from ami_dlms.cosem.object_list import AttributeAccess, read_object_list
from ami_dlms.errors import DataMalformed
from ami_dlms.selective import CLOCK
from ami_simulator.meter import LOAD_PROFILE, VirtualMeter

pytestmark = pytest.mark.unit

NAME = bytes((1, 0, 1, 8, 0, 255))


def test_what_our_server_lists():
    association = AssociationLN(
        VirtualMeter(7).device.visible(public=False),
        client_sap=1,
        server_sap=1,
        ciphered=False,
        mechanism=0,
        conformance=Conformance.GET,
        max_receive=1024,
        max_send=1024,
    )
    listed = {each.logical_name: each for each in read_object_list(association.read(2))}
    assert set(listed) == {*VirtualMeter(7).device.objects, CURRENT_ASSOCIATION}
    profile = listed[LOAD_PROFILE]
    assert (profile.class_id, profile.version, profile.interface_class.name) == (7, 1, "Profile generic")
    assert profile.attributes[2] == AttributeAccess(1, (1, 2))
    assert listed[CLOCK].attributes[2].writable(1)
    assert not listed[CLOCK].attributes[3].writable(1)
    assert listed[CURRENT_ASSOCIATION].methods[1] == 1
    assert all(access.readable(1) for each in listed.values() for access in each.attributes.values())


@pytest.mark.parametrize(
    ("mode", "version", "readable", "writable"),
    [
        (0, 1, False, False),
        (2, 1, False, True),
        (4, 1, True, False),
        (6, 2, True, True),
        (5, 3, True, False),
        (2, 3, False, True),
    ],
)
def test_access_modes_are_numbers_first_and_bits_later(mode, version, readable, writable):
    access = AttributeAccess(mode)
    assert (access.readable(version), access.writable(version)) == (readable, writable)


def test_an_odd_element_hides_no_other():
    good = axdr.structure(axdr.uint16(3), axdr.uint8(0), axdr.octets(NAME), axdr.structure())
    odd = [NULL, axdr.structure(), axdr.structure(axdr.uint16(3), axdr.uint8(0), axdr.octets(b"short"), NULL)]
    assert [each.logical_name for each in read_object_list(axdr.array(odd[0], good, *odd[1:]))] == [NAME]


def test_rights_that_are_none_are_not_there():
    rights = axdr.structure(axdr.array(NULL, axdr.structure(axdr.int8(2))), axdr.array(axdr.structure()))
    element = axdr.structure(axdr.uint16(3), axdr.uint8(0), axdr.octets(NAME), rights)
    (found,) = read_object_list(axdr.array(element))
    assert (found.attributes, found.methods) == ({}, {})


@pytest.mark.parametrize("listed", [NULL, axdr.structure(), axdr.octets(b"")])
def test_what_is_no_list(listed):
    with pytest.raises(DataMalformed):
        read_object_list(listed)


VALUES = st.recursive(
    st.one_of(
        st.just(NULL),
        st.builds(Data, st.just(Tag.UINT16), st.integers(0, 0xFFFF)),
        st.just(axdr.octets(NAME)),
        st.builds(Data, st.just(Tag.ENUM), st.integers(0, 255)),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4).map(lambda items: axdr.structure(*items)),
        st.lists(inner, max_size=4).map(lambda items: axdr.array(*items)),
    ),
    max_leaves=12,
)


@given(st.lists(VALUES, max_size=4))
def test_anything_in_a_list_is_read_or_passed_over(elements):
    assert len(read_object_list(axdr.array(*elements))) <= len(elements)
