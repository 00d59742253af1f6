"""Which columns an answer has."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ami_dlms import axdr
from ami_dlms.apdu import SelectiveAccess
from ami_dlms.errors import DataMalformed
from ami_dlms.obis import parse_obis
from ami_dlms.selective import (
    CLOCK_TIME,
    CaptureObject,
    entry_descriptor,
    range_descriptor,
    selected_columns,
)

pytestmark = pytest.mark.unit

IMPORT, EXPORT = CaptureObject(3, parse_obis("1-0:1.8.0")), CaptureObject(3, parse_obis("1-0:2.8.0"))
OTHER = CaptureObject(4, parse_obis("1-0:1.6.0"), 5)
CAPTURED = [CLOCK_TIME, IMPORT, EXPORT]
NOON = axdr.octets(bytes(12))


@pytest.mark.parametrize(
    ("access", "columns"),
    [
        (None, CAPTURED),
        (range_descriptor(NOON, NOON), CAPTURED),
        (range_descriptor(NOON, NOON, columns=[CLOCK_TIME, EXPORT]), [CLOCK_TIME, EXPORT]),
        (range_descriptor(NOON, NOON, columns=[OTHER]), [OTHER]),
        (entry_descriptor(), CAPTURED),
        (entry_descriptor(from_column=2), [IMPORT, EXPORT]),
        (entry_descriptor(from_column=0, to_column=2), [CLOCK_TIME, IMPORT]),
        (SelectiveAccess(1, axdr.NULL), CAPTURED),
        (SelectiveAccess(1, axdr.structure(*[axdr.array(axdr.NULL)] * 4)), CAPTURED),
        (SelectiveAccess(2, axdr.structure(*[axdr.array()] * 4)), CAPTURED),
        (SelectiveAccess(9, axdr.structure(*[axdr.uint16(1)] * 4)), CAPTURED),
    ],
)
def test_columns_of_an_answer(access, columns):
    assert selected_columns(CAPTURED, access) == columns


@given(st.integers(0, 0xFFFF), st.binary(min_size=6, max_size=6), st.integers(-128, 127), st.integers(0, 0xFFFF))
def test_a_definition_comes_out_as_it_went_in(class_id, obis, attribute, index):
    column = CaptureObject(class_id, obis, attribute, index)
    assert CaptureObject.from_data(column.to_data()) == column


@pytest.mark.parametrize(
    "definition",
    [
        axdr.NULL,
        axdr.structure(),
        axdr.structure(axdr.uint16(3), axdr.octets(b"short"), axdr.int8(2), axdr.uint16(0)),
        axdr.structure(axdr.octets(bytes(6)), axdr.octets(bytes(6)), axdr.int8(2), axdr.uint16(0)),
        axdr.array(*CLOCK_TIME.to_data().value),
    ],
)
def test_what_is_no_definition(definition):
    with pytest.raises(DataMalformed):
        CaptureObject.from_data(definition)
