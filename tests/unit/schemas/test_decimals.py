"""Numbers come out exactly, with the zeros their scale states."""

from decimal import Context, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ami_schemas.decimals import plain, plain_all, shortest

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("mantissa", "scale", "text"),
    [
        (280, 0, "280"),
        (2280, -1, "228.0"),
        (-5, -3, "-0.005"),
        (12, 3, "12000"),
        (0, -2, "0.00"),
        (18446744073709551615, 0, "18446744073709551615"),
    ],
)
def test_decimals_keep_the_zeros_of_their_scale(mantissa, scale, text):
    assert plain(mantissa, scale) == text


@given(st.integers(-(1 << 80), 1 << 80), st.integers(-30, 30))
def test_decimals_are_exact(mantissa, scale):
    text = plain(mantissa, scale)

    assert "e" not in text.lower()
    assert Decimal(text) == Decimal(f"{mantissa}E{scale}")


@pytest.mark.parametrize(
    ("value", "text"), [(230.5, "230.5"), (1e22, "10000000000000000000000"), (3.0, "3"), (1e-7, "0.0000001")]
)
def test_floats_are_shortest_decimals(value, text):
    assert shortest(value) == text


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_floats_read_back_as_themselves(value):
    assert float(shortest(value)) == value


@given(st.integers(-(1 << 300), 1 << 300), st.integers(-400, 400))
def test_a_number_of_any_length_is_not_rounded(mantissa, scale):
    assert Decimal(plain(mantissa, scale)) == Decimal(mantissa).scaleb(scale, Context(prec=1000))


def test_a_scale_that_no_meter_has_fills_no_memory():
    assert plain(12, 2_000_000_000) == "12E2000000000"
    assert plain(-12, -2_000_000_000) == "-12E-2000000000"


@given(st.lists(st.integers(-2000, 2000) | st.integers(-(1 << 63), 1 << 63)), st.integers(-20, 20))
def test_many_at_once_are_the_same_as_one_by_one(mantissas, scale):
    assert plain_all(mantissas, scale) == [plain(mantissa, scale) for mantissa in mantissas]
