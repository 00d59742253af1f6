"""Turns are aligned on the epoch, with a constant place for each meter."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ami_ingest.config.model import Schedule
from ami_ingest.schedule import turns

pytestmark = pytest.mark.unit

QUARTER = Schedule("quarter", 900.0)
NOON = 1_772_539_200.0  # 2026-03-03 12:00 UTC


def test_turns_are_at_the_quarters_of_the_hour():
    turn = turns.following(QUARTER, NOON + 7, 0.7)

    assert turn == (NOON + 900, NOON + 1800)
    assert turns.following(QUARTER, turn.due, 0.7).due == NOON + 1800


def test_each_meter_has_its_place_within_the_jitter():
    schedule = Schedule("spread", 900.0, jitter_s=60.0, deadline_s=300.0)

    assert turns.following(schedule, NOON, 0.5) == (NOON + 30, NOON + 300)
    assert turns.following(schedule, NOON + 30, 0.5) == (NOON + 930, NOON + 1200)


def test_places_are_constant_and_even():
    places = [turns.place(f"meter-{number}", "hourly") for number in range(10_000)]

    assert places[:3] == [turns.place(f"meter-{number}", "hourly") for number in range(3)]
    tenths = [sum(int(place * 10) == tenth for place in places) for tenth in range(10)]
    assert all(900 < count < 1100 for count in tenths)
    assert turns.place("meter-1", "hourly") != turns.place("meter-1", "daily")


def test_the_first_turn_is_soon_and_has_its_time():
    assert turns.first(QUARTER, NOON + 890, 0.0) == (NOON + 890, NOON + 890 + 900)
    late = turns.first(Schedule("s", 900.0, deadline_s=100.0), NOON, 0.999)
    assert NOON < late.due < NOON + 5
    assert late.deadline == late.due + 100
    assert turns.first(Schedule("s", 1.0), NOON, 0.999).due < NOON + 0.25


def test_turns_in_between_are_counted():
    assert turns.between(QUARTER, NOON, NOON + 900, 0.0) == 0
    assert turns.between(QUARTER, NOON, NOON + 1800, 0.0) == 1
    assert turns.between(QUARTER, NOON + 1, NOON + 9000, 0.3) == 9


@given(
    every=st.sampled_from([1.0, 60.0, 900.0, 3600.0, 86400.0, 7.5]),
    jitter=st.floats(0, 1),
    where=st.floats(0, 0.999),
    after=st.floats(1.6e9, 2.2e9),
)
def test_whatever_the_schedule_the_next_turn_is_later_and_the_one_after_follows_it(every, jitter, where, after):
    schedule = Schedule("any", every, jitter_s=jitter * every)
    turn = turns.following(schedule, after, where)
    later = turns.following(schedule, turn.due, where)

    assert after - 1e-5 * every < turn.due <= after + every + 1e-5
    assert later.due - turn.due == pytest.approx(every, abs=1e-5)
    assert turn.deadline >= turn.due
    assert turns.between(schedule, turn.due, later.due, where) == 0
    assert turns.between(schedule, turn.due, turns.following(schedule, later.due, where).due, where) == 1
