"""A clock's offset is taken from the least delayed of three messages; drifts are told by doublings, and their end."""

import pytest
from support.watched import DAY, HOUR, METER, MINUTE, SECOND, T0, readings

from ami.readings.v1 import meter_readings_pb2 as pb

pytestmark = pytest.mark.unit


def flat(kinds):
    return [kind for each in kinds for kind in each]


def push(watched, at_us, offset_s, **more):
    """Take a message whose meter time is that much later than its reception; give what was found."""
    return watched.give(readings(at_us, meter_time_us=at_us + int(offset_s * SECOND), **more))


def test_a_delayed_message_is_no_drift(watched):
    for number in range(9):
        assert push(watched, T0 + number * MINUTE, -300 if number % 3 == 1 else -0.2) == []
    assert watched.state().clock.offset_us == -200_000


@pytest.mark.parametrize(("offset", "word"), [(75, "fast"), (-75, "slow")])
def test_a_drift_is_told_once_and_again_when_it_has_doubled(watched, offset, word):
    kinds = [push(watched, T0 + number * MINUTE, offset) for number in range(6)]
    assert kinds == [[], [], ["CLOCK_DRIFT"], [], [], []]
    assert watched.found[0].source == f"watch/clock/{METER}/CLOCK_DRIFT/2026-01-01T00:02:00Z/0"
    assert watched.found[0].finding.code == offset
    assert word in watched.found[0].finding.text
    kinds = [push(watched, T0 + HOUR + number * MINUTE, 2 * offset) for number in range(4)]
    assert flat(kinds) == ["CLOCK_DRIFT"]
    assert watched.found[1].source == f"watch/clock/{METER}/CLOCK_DRIFT/2026-01-01T00:02:00Z/1"
    kinds = [push(watched, T0 + 2 * HOUR + number * MINUTE, 0.1) for number in range(4)]
    assert flat(kinds) == ["CLOCK_RIGHT"]
    assert not watched.state().clock.drifting_since_us


def test_a_trend_is_told_before_the_limit_is_reached(watched):
    kinds = [push(watched, T0 + number * 6 * HOUR, number * 0.75) for number in range(20)]
    assert flat(kinds) == ["CLOCK_TREND"]
    assert "gains 3.0 s a day" in watched.found[0].finding.text
    assert watched.found[0].finding.at_us >= T0 + 3 * DAY


def test_a_clock_that_was_set_begins_a_new_trend(watched):
    for number in range(20):
        push(watched, T0 + number * 6 * HOUR, (number % 8) * 7)
    assert watched.found == []


@pytest.mark.parametrize("origin", [pb.TIME_ORIGIN_DEFAULT_ZONE, pb.TIME_ORIGIN_RECEPTION])
def test_a_time_whose_zone_is_assumed_is_not_held_against_the_clock(watched, origin):
    assert not any(push(watched, T0 + number * MINUTE, 7200, origin=origin) for number in range(5))


def test_records_that_come_late_say_nothing(watched):
    for number in range(4):
        push(watched, T0 + number * MINUTE, 0)
    assert not any(push(watched, T0 - number * MINUTE, -900) for number in range(5))
