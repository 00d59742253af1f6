"""The table of interface classes: whole, consistent, and true of the objects we serve."""

import pytest

from ami_dlms import axdr
from ami_dlms.apdu import Conformance
from ami_dlms.axdr import NULL, Tag
from ami_dlms.cosem import DataObject, SecuritySetup, classes
from ami_dlms.cosem.association import AssociationLN
from ami_dlms.errors import UsageError
from ami_simulator.meter import VirtualMeter

pytestmark = pytest.mark.unit

# What standards list for a head-end, with the versions.
WANTED = {
    1: (0,), 3: (0,), 4: (0,), 5: (0,), 6: (0,), 7: (0, 1), 8: (0,), 9: (0,), 10: (0,), 11: (0,), 12: (0, 1, 2, 3, 4),
    15: (0, 1, 2, 3), 17: (0,), 18: (0,), 19: (1,), 20: (0,), 21: (0,), 22: (0,), 23: (1,), 26: (0,), 27: (1,),
    29: (2,), 30: (0,), 40: (0, 1, 2, 3), 41: (0,), 42: (0,), 43: (0,), 44: (0,), 45: (0,), 47: (0,), 48: (0,),
    61: (0,), 62: (0, 1), 63: (0,), 64: (0, 1), 70: (0,), 71: (0,), 72: (0, 1, 2), 124: (0,),
}  # fmt: skip
EACH = pytest.mark.parametrize("known", classes.CLASSES.values(), ids=str)


def test_every_class_a_head_end_needs_is_there():
    assert {(class_id, version) for class_id, versions in WANTED.items() for version in versions} <= set(
        classes.CLASSES
    )


@EACH
def test_attributes_are_numbered_without_gap_and_named_once(known):
    assert [attribute.index for attribute in known.attributes] == list(range(1, len(known.attributes) + 1))
    names = [member.name for member in (*known.attributes, *known.methods)]
    assert len(set(names)) == len(names)
    assert known.attributes[0].name == "logical_name"


@EACH
def test_methods_are_in_order(known):
    indexes = [method.index for method in known.methods]
    assert indexes == sorted(set(indexes))


@EACH
def test_at_most_one_value_and_scalers_point_at_scaler_units(known):
    assert sum(attribute.is_value for attribute in known.attributes) <= 1
    for attribute in known.attributes:
        if attribute.scaler_unit is not None:
            assert known.attribute(attribute.scaler_unit).name == "scaler_unit"
            assert attribute.change is classes.Change.DYNAMIC


@EACH
def test_the_types_of_a_value_are_known_tags(known):
    assert all(tag in Tag for attribute in known.attributes for tag in attribute.types)


def test_helpers():
    assert classes.value_attribute(3) == 2
    assert classes.value_attribute(26, 0) == 4
    assert classes.value_attribute(41) is None
    assert classes.scaler_unit_attribute(3, 2) == 3
    assert (classes.scaler_unit_attribute(5, 2), classes.scaler_unit_attribute(5, 3)) == (4, 4)
    assert classes.scaler_unit_attribute(3, 3) is None
    assert classes.scaler_unit_attribute(1, 2) is None
    assert classes.describe(64, 1, 6).name == "certificates"
    assert classes.describe(64, 0, 6) is None
    assert str(classes.find(7)) == "Profile generic (7/1)"


def test_what_is_not_known_is_not_guessed():
    assert classes.find(9999) is None
    assert classes.find(3, 200) is None
    assert classes.value_attribute(9999) is None
    assert classes.scaler_unit_attribute(9999, 2) is None
    assert classes.describe(3, 0, 99) is None
    assert classes.find(3).method(9) is None


def test_names_lead_to_numbers():
    push = classes.find(40, 2)
    assert (push.index_of("repetition_delay"), push.index_of("reset")) == (7, 2)
    assert push.attribute(7).types == {Tag.STRUCTURE}
    assert classes.find(40, 1).attribute(7).types == {Tag.UINT16}
    with pytest.raises(UsageError, match="no 'nonsense'; it has logical_name"):
        push.index_of("nonsense")


def test_a_type_fits_or_not():
    value = classes.describe(3, 0, 2)
    assert value.fits(axdr.uint32(5))
    assert value.fits(NULL)
    assert not value.fits(axdr.array())
    assert classes.describe(1, 0, 2).fits(axdr.array())


def served():
    """Return an object of every class our server has."""
    meter = VirtualMeter(7)
    device = meter.device
    objects = device.visible(public=False)
    association = AssociationLN(
        objects,
        client_sap=1,
        server_sap=1,
        ciphered=False,
        mechanism=0,
        conformance=Conformance.GET,
        max_receive=1024,
        max_send=1024,
    )
    setup = SecuritySetup(policy=3, suite=0, server_system_title=meter.system_title)
    return (*objects.values(), association, setup, DataObject(bytes(6), axdr.structure()))


@pytest.mark.parametrize("item", served(), ids=lambda item: f"{item.class_id}-{item.logical_name.hex()}")
def test_what_our_server_has_is_what_the_table_says(item):
    known = classes.find(item.class_id, item.version)
    assert known is not None
    for index in item.attributes:
        attribute = known.attribute(index)
        assert attribute is not None, f"{known} has no attribute {index}"
        value = item.read(index)
        assert attribute.fits(value), f"{known} attribute {index} {attribute.name}: {value.tag!r}"
    assert set(item.methods) <= {method.index for method in known.methods}
