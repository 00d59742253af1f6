"""Silence is measured by what is usual for a meter, and said once."""

import pytest
from support.watched import DAY, HOUR, METER, MINUTE, SECOND, T0, Watched, event, readings

from ami_normalize.watch.rules import policy as limits
from ami_normalize.watch.rules.policy import Policy
from ami_schemas import topics

pytestmark = pytest.mark.unit


def regularly(watched, count, distance_us=15 * MINUTE, start_us=T0):
    for number in range(count):
        assert watched.give(readings(start_us + number * distance_us)) == []
    return start_us + (count - 1) * distance_us


def test_a_meter_is_silent_after_some_of_its_usual_distances(watched):
    last = regularly(watched, 5, 30 * MINUTE)
    assert watched.judge(last + 2 * HOUR - 1) == []
    assert watched.judge(last + 2 * HOUR) == ["SILENT_METER"]
    assert watched.judge(last + 9 * HOUR) == []
    (found,) = watched.found
    assert found.source == f"watch/presence/{METER}/SILENT_METER/2026-01-01T02:00:00Z"
    assert found.finding.at_us == last + 2 * HOUR
    assert "every 1800 s" in found.finding.text


def test_not_before_the_shortest_limit_however_often_it_pushes(watched):
    last = regularly(watched, 50, 5 * SECOND)
    assert watched.judge(last + HOUR - 1) == []
    assert watched.judge(last + HOUR) == ["SILENT_METER"]


def test_a_meter_heard_once_has_the_longest_limit(watched):
    regularly(watched, 1)
    assert watched.judge(T0 + 2 * DAY - 1) == []
    assert watched.judge(T0 + 2 * DAY) == ["SILENT_METER"]


def test_a_meter_that_returns_is_told_under_the_same_moment_and_can_fall_silent_again(watched):
    last = regularly(watched, 5)
    watched.judge(last + HOUR)
    assert watched.give(readings(last + 3 * HOUR)) == ["METER_RETURNED"]
    assert watched.found[-1].source.rpartition("/")[2] == watched.found[-2].source.rpartition("/")[2]
    assert watched.judge(last + 9 * HOUR) == ["SILENT_METER"]


def test_late_records_do_not_wake_a_silent_meter(watched):
    last = regularly(watched, 5)
    watched.judge(last + HOUR)
    assert watched.give(readings(last - MINUTE)) == []
    assert watched.state().presence.silent


def test_events_are_a_sign_of_life_but_not_our_own(watched):
    last = regularly(watched, 5)
    own = {"ami-source": f"watch/presence/{METER}/SILENT_METER/x".encode()}
    watched.give(event(), at_us=last + HOUR - 1, topic=topics.EVENTS, headers=own)
    assert watched.judge(last + HOUR) == ["SILENT_METER"]
    assert watched.give(event(), at_us=last + 2 * HOUR, topic=topics.EVENTS) == ["METER_RETURNED"]


def test_several_records_of_one_occasion_do_not_shorten_the_usual_distance(watched):
    for number in range(8):
        for part in range(3):
            watched.give(readings(T0 + number * HOUR + part * 1000))
    assert watched.state().presence.usual_s == pytest.approx(3600, rel=0.01)


def test_a_long_outage_does_not_make_a_meter_rare(watched):
    last = regularly(watched, 10)
    regularly(watched, 1, start_us=last + 30 * DAY)
    assert watched.state().presence.usual_s < 2 * 900


def test_a_flood_is_told_once_an_hour():
    watched = Watched(Policy(presence=limits.Presence(most_per_hour=10)))
    kinds = [watched.give(readings(T0 + number * SECOND)) for number in range(30)]
    assert kinds == [[]] * 10 + [["PUSH_FLOOD"]] + [[]] * 19
    again = [watched.give(readings(T0 + HOUR + number * SECOND)) for number in range(11)]
    assert again[-1] == ["PUSH_FLOOD"]
    assert len({found.source for found in watched.found}) == 2


def test_a_meter_not_heard_for_very_long_is_forgotten(watched):
    regularly(watched, 1)
    watched.judge(T0 + 399 * DAY)
    assert watched.table
    watched.judge(T0 + 401 * DAY)
    assert not watched.table
