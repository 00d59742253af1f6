"""Real meters against the table of interface classes: what they name exists, and has a type that fits."""

import contextlib
import dataclasses

import pytest

from ami_dlms import apdu
from ami_dlms.apdu import CosemAttribute, DataNotification, EventNotification
from ami_dlms.axdr import Data, Tag
from ami_dlms.cosem import classes
from ami_dlms.errors import DlmsError
from ami_dlms.framing import Assembler

pytestmark = pytest.mark.unit


def apdus(vector):
    """Give the plain APDUs of a vector, and of the request it answers."""
    for member in ("decrypted_hex", "request_hex", "hex"):
        octets = bytes.fromhex(vector.get(member) or "")
        assembler = Assembler(lenient=True)
        messages = [*assembler.receive(octets), assembler.flush()]
        for candidate in (octets, *(each for message in messages if message for each in message.apdus)):
            with contextlib.suppress(DlmsError):
                yield apdu.decode(candidate)


def named(value):
    """Give (class, attribute) of every object definition inside: {class id, logical name, attribute, ...}."""
    if isinstance(value, CosemAttribute):
        yield value.class_id, value.attribute
    elif isinstance(value, Data):
        members = value.value if value.tag in (Tag.ARRAY, Tag.STRUCTURE) else ()
        if [member.tag for member in members[:3]] == [Tag.UINT16, Tag.OCTET_STRING, Tag.INT8] and len(
            members[1].value
        ) == 6:
            yield members[0].value, members[2].value
        for member in members:
            yield from named(member)
    elif dataclasses.is_dataclass(value):
        for field in dataclasses.fields(value):
            yield from named(getattr(value, field.name))


def test_attributes_that_real_meters_name_are_in_the_table(corpus):
    found = {pair for vector in corpus for each in apdus(vector) for pair in named(each)}
    assert {class_id for class_id, _ in found} >= {1, 3, 7, 8, 22, 40, 70}
    unknown = {(class_id, index) for class_id, index in found if classes.describe(class_id, None, index) is None}
    assert unknown == set()


def pushed(each):
    """Give (class, attribute, value) where a push begins with the list of what it holds."""
    if isinstance(each, EventNotification):
        yield each.class_id, each.attribute, each.value
    if not isinstance(each, DataNotification) or each.body.tag != Tag.STRUCTURE or not each.body.value:
        return
    listed, *values = each.body.value
    pairs = [next(named(row), None) for row in listed.value] if listed.tag == Tag.ARRAY else []
    if pairs and None not in pairs and len(pairs) == len(values) + 1 and pairs[0] == (40, 2):
        pairs = pairs[1:]
    if len(pairs) == len(values):
        yield from ((*pair, value) for pair, value in zip(pairs, values, strict=True) if pair)


def test_values_that_real_meters_push_have_the_types_of_the_table(corpus):
    found = [triple for vector in corpus for each in apdus(vector) for triple in pushed(each)]
    assert {class_id for class_id, _, _ in found} >= {1, 3, 70}
    misfits = {
        (class_id, index, value.tag)
        for class_id, index, value in found
        if not classes.describe(class_id, None, index).fits(value)
    }
    assert misfits == set()
