"""Units and scalers."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ami_dlms import axdr
from ami_dlms.cosem.units import ScalerUnit, Unit
from ami_dlms.errors import DataMalformed
from ami_schemas import units

pytestmark = pytest.mark.unit


def test_the_list_is_the_one_of_the_contracts():
    assert {int(unit) for unit in Unit} == {*units.SYMBOLS, units.OTHER, units.UNITLESS}
    assert units.symbol(Unit.WATT_HOUR) == "Wh"
    assert units.symbol(Unit.CUBIC_METRE_CORRECTED) == "m3"
    assert units.symbol(Unit.DECIBEL_MILLIWATT) == "dBm"


@given(st.integers(-128, 127), st.integers(0, 255))
def test_what_is_written_is_read(scaler, unit):
    assert ScalerUnit.from_data(ScalerUnit(scaler, unit).to_data()) == (scaler, unit)


@pytest.mark.parametrize(
    ("raw", "scaler", "quantity"),
    [(12345678, -1, "1234567.8"), (100, -2, "1.00"), (5, 3, "5E+3"), (0, -3, "0.000"), (-7, -1, "-0.7")],
)
def test_quantities_are_exact(raw, scaler, quantity):
    assert str(ScalerUnit(scaler, Unit.WATT_HOUR).quantity(raw)) == quantity


@given(st.integers(-(1 << 63), (1 << 64) - 1), st.integers(-128, 127))
def test_no_digit_is_lost(raw, scaler):
    assert ScalerUnit(scaler, Unit.WATT_HOUR).quantity(raw) == Decimal(f"{raw}e{scaler}")


@pytest.mark.parametrize(
    "value",
    [
        axdr.NULL,
        axdr.structure(),
        axdr.structure(axdr.int8(0)),
        axdr.structure(axdr.int16(128), axdr.enum(30)),
        axdr.structure(axdr.int8(0), axdr.octets(b"x")),
    ],
)
def test_what_is_no_scaler_unit(value):
    with pytest.raises(DataMalformed):
        ScalerUnit.from_data(value)
