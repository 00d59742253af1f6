"""A worker that ends is started again soon, and later each time it ends soon; a crash loop is called one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ami_normalize.workers.restarts import FIRST_S, LOOP, MOST_S, STEADY_S, Restarts

pytestmark = pytest.mark.unit


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def ends(*lifetimes):
    clock = Clock()
    restarts = Restarts(clock)
    found = []
    for lived in lifetimes:
        restarts.started()
        clock.now += lived
        found.append(restarts.ended())
        clock.now += found[-1].pause_s
    return found, restarts


def test_the_pause_doubles_up_to_a_minute_and_the_loop_is_said():
    found, restarts = ends(*[0.5] * 10)
    assert [each.pause_s for each in found] == [1, 2, 4, 8, 16, 32, 60, 60, 60, 60]
    assert [each.looping for each in found] == [False, False, *[True] * 8]
    assert (restarts.total, found[-1].times) == (10, 10)


def test_who_ran_for_long_is_started_soon():
    found, _ = ends(0.5, 0.5, 0.5, 3600.0, 0.5)
    assert [(each.pause_s, each.looping) for each in found[-2:]] == [(1, False), (2, False)]


@given(st.lists(st.floats(0, 1000), max_size=50))
def test_pauses_stay_in_their_bounds(lifetimes):
    found, _ = ends(*lifetimes)
    assert all(FIRST_S <= each.pause_s <= MOST_S for each in found)
    assert all(each.looping == (each.times >= LOOP) for each in found)
    assert all(each.times == 1 for each, lived in zip(found, lifetimes, strict=True) if lived > STEADY_S + 1e-6)
