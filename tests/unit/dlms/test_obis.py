"""OBIS codes in their spellings."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ami_dlms.errors import UsageError
from ami_dlms.obis import Pattern, format_obis, parse_obis

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


@pytest.mark.parametrize(
    ("pattern", "inside", "outside"),
    [
        ("1-*:*.8.*", ["1.0.1.8.0.255", "1.64.2.8.4.255"], ["1.0.1.7.0.255", "1.0.1.8.0.101", "0.0.1.8.0.255"]),
        ("1-*:*.8.*.*", ["1.0.1.8.0.255", "1.0.1.8.0.101"], ["1.0.1.7.0.255"]),
        ("1-0:1.8.0**", ["1.0.1.8.0.0", "1.0.1.8.0.255"], ["1.0.1.8.1.255"]),
        ("1.0.{1,2,21-24}.8.*.255", ["1.0.1.8.0.255", "1.0.23.8.0.255"], ["1.0.3.8.0.255", "1.0.25.8.0.255"]),
        ("1-0:1.8.0", ["1.0.1.8.0.255"], ["1.0.1.8.1.255", "1.0.1.8.0.0"]),
        ("*-*:*.*.*.*", ["0.0.0.0.0.0", "255.255.255.255.255.255"], []),
        (" 7-{1-4}:*.*.*&255 ", ["7.2.3.1.0.255"], ["7.5.3.1.0.255"]),
    ],
)
def test_patterns(pattern, inside, outside):
    read = Pattern.parse(pattern)
    assert [code for code in inside if not read.match(parse_obis(code))] == []
    assert [code for code in outside if read.match(parse_obis(code))] == []
    assert Pattern.parse(str(read)) == read


@given(st.binary(min_size=6, max_size=6))
def test_a_code_is_the_pattern_of_itself_alone(code):
    pattern = Pattern.parse(format_obis(code))
    assert pattern.match(code)
    assert not pattern.match(code[:5] + bytes((code[5] ^ 1,)))
    assert not pattern.match(code[:5])


@pytest.mark.parametrize(
    "text", ["", "1.0.*", "1-0:1.8.300", "1.0.{}.8.0.255", "1.0.{3-1}.8.0.255", "1.0.{1,,2}.8.0.255", "1.0.{1-2-3}.8.0"]
)
def test_what_is_no_pattern(text):
    with pytest.raises(UsageError, match="no pattern"):
        Pattern.parse(text)


@given(st.text(alphabet="0123456789-:.*{},& ", max_size=40))
def test_a_pattern_or_our_error(text):
    try:
        read = Pattern.parse(text)
    except UsageError:
        return
    assert len(read.groups) == 6
