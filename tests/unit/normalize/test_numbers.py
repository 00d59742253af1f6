"""Numbers stay exact: every scaler, every float32, every zero of a scale."""

import math
import struct
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ami_normalize.numbers import Exact, parse_decimal, real, shortest_float32

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("mantissa", "scale", "text"),
    [(2301, -1, "230.1"), (100, 1, "1000"), (0, -3, "0.000"), (-5, -2, "-0.05"), (7, 0, "7"), (-12, 2, "-1200")],
)
def test_decimal_string_keeps_the_zeros_of_its_scale(mantissa, scale, text):
    assert str(Exact(mantissa, scale)) == text


@given(st.integers(-(1 << 63), (1 << 64) - 1), st.integers(-9, 9))
def test_a_decimal_string_is_the_number(mantissa, scale):
    text = str(Exact(mantissa, scale))
    assert Decimal(text) == Decimal(mantissa).scaleb(scale)
    assert len(text.partition(".")[2]) == max(0, -scale)


@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_shortest_decimal_of_a_float32_names_it(value):
    decimal = shortest_float32(value)
    assert struct.pack(">f", float(decimal)) == struct.pack(">f", value)
    assert len(decimal.as_tuple().digits) <= 9


def test_float32_reads_as_the_decimal_a_meter_meant():
    (value,) = struct.unpack(">f", struct.pack(">f", 230.1))
    assert str(real(value, single=True)) == "230.1"
    assert str(real(value, -1, single=True)) == "23.01"
    assert str(real(1e22, single=False)) == "1" + 22 * "0"


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_is_no_value(value):
    assert real(value, single=True) is None
    assert real(1e300, 127, single=False) is None


@pytest.mark.parametrize(
    ("text", "exact"),
    [("000006.695", Exact(6695, -3)), ("-12", Exact(-12, 0)), ("1.", None), ("", None), ("0x1", None), ("²", None)],
)
def test_decimals_as_meters_print_them(text, exact):
    assert parse_decimal(text) == exact
