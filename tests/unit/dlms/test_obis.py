"""OBIS codes in their spellings."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ami_dlms.errors import UsageError
from ami_dlms.obis import format_obis, parse_obis

pytestmark = pytest.mark.unit


@given(st.binary(min_size=6, max_size=6))
def test_written_and_read(code):
    assert parse_obis(format_obis(code)) == code


@pytest.mark.parametrize("text", ["1.0.1.8.0.255", "1-0:1.8.0*255", "1-0:1.8.0", " 1-0:1.8.0.255 ", "1-0:1.8.0&255"])
def test_spellings(text):
    assert parse_obis(text) == bytes((1, 0, 1, 8, 0, 255))


@pytest.mark.parametrize("text", ["", "1.0", "1.0.1.8.0.256", "1.0.1.8.0.255.1", "a.b.c.d.e.f"])
def test_what_is_no_obis_code(text):
    with pytest.raises(UsageError):
        parse_obis(text)


def test_six_octets():
    with pytest.raises(UsageError):
        format_obis(b"\x01")
