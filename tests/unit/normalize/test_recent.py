"""A bounded cache: it holds what is used, and never more than it may."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ami_normalize.recent import Recent

pytestmark = pytest.mark.unit


@given(st.lists(st.integers(0, 50)), st.integers(2, 20))
def test_it_never_holds_more_than_it_may_and_never_anything_else(keys, most):
    recent = Recent(most)
    for key in keys:
        recent.put(key, -key - 1)
        assert recent.get(key) == -key - 1
        assert len(recent) <= most
        assert all(recent.get(other) in (None, -other - 1) for other in range(50))
        assert len(recent) <= most


def test_what_is_used_stays():
    recent = Recent(10)
    recent.put("used", 1)
    for number in range(1000):
        assert recent.get("used") == 1
        recent.put(number, number + 1)
    assert recent.get(0) is None


def test_a_copy_forgets_what_it_is_told_and_is_its_own():
    recent = Recent(10)
    for number in range(8):
        recent.put(number, number + 1)
    copy = recent.without([1, 7, 99])
    copy.put(100, 1)

    assert (copy.get(1), copy.get(7), copy.get(6), recent.get(7), recent.get(100)) == (None, None, 7, 8, None)
