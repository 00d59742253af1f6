"""Healthy is who makes progress, or has nothing to do."""

import pytest

from ami_kafka.loop import EventKind, LoopEvent
from ami_normalize.observe.health import Health, State

pytestmark = pytest.mark.unit


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def health(clock):
    made = Health(60.0, clock)
    made(LoopEvent(EventKind.STARTED, "ready"))
    made(LoopEvent(EventKind.ASSIGNED, "ours", {"starts": {0: 10, 1: 20}}))
    return made


def committed(**following):
    return LoopEvent(EventKind.COMMITTED, "done", {"next": {int(name[1:]): at for name, at in following.items()}})


def test_who_commits_is_healthy_and_behind(health, clock):
    for at in (100, 200, 300):
        clock.now += 50.0
        health(committed(p0=at))
        health.sampled({0: 1000, 1: 20})
    report = health.report()
    assert (report.healthy, report.state, report.reason) == (True, State.WORKING, "")
    assert (report.positions, report.lag) == ({0: 300, 1: 20}, {0: 700, 1: 0})


def test_who_is_alive_and_commits_nothing_while_records_wait_is_not(health, clock):
    health.sampled({0: 11, 1: 20})
    clock.now += 59.0
    assert health.report().healthy
    clock.now += 1.0
    health.sampled({0: 15, 1: 20})
    report = health.report()
    assert not report.healthy
    assert report.reason == "5 records wait, and nothing was committed for 60 s"


def test_who_has_nothing_to_do_is_healthy_for_ever(health, clock):
    for _ in range(10):
        clock.now += 3600.0
        health.sampled({0: 10, 1: 20})
        assert health.report().healthy
    assert health.report().state is State.IDLE


def test_who_stands_by_is_healthy(clock):
    health = Health(60.0, clock)
    health(LoopEvent(EventKind.STARTED, "ready"))
    health(LoopEvent(EventKind.ASSIGNED, "none", {"starts": {}}))
    clock.now += 100.0
    health.sampled({})
    assert (health.report().healthy, health.report().state) == (True, State.STANDBY)


def test_who_never_gets_into_the_group_is_not(clock):
    health = Health(60.0, clock)
    health(LoopEvent(EventKind.STARTED, "ready"))
    for _ in range(7):
        clock.now += 10.0
        health.sampled({})
    assert not health.report().healthy


def test_held_says_what_is_missing_and_forgets_it_with_the_next_commit(health, clock):
    health(LoopEvent(EventKind.HELD, "nothing is consumed until this is over: no key store", {"cause": "key-store"}))
    clock.now += 61.0
    health.sampled({0: 11, 1: 20})
    report = health.report()
    assert (report.healthy, report.state, report.cause) == (False, State.HELD, "key-store")
    assert "no key store" in report.reason
    health(committed(p0=11))
    report = health.report()
    assert (report.healthy, report.state, report.cause, report.reason) == (True, State.WORKING, "", "")


def test_a_kafka_that_is_away_is_named_and_its_answer_ends_it(health, clock):
    health.sampled({0: 10, 1: 20})
    clock.now += 61.0
    health.sampled(None)
    report = health.report()
    assert (report.healthy, report.state, report.cause, report.lag) == (False, State.KAFKA_AWAY, "kafka", None)
    health.sampled({0: 10, 1: 20})
    assert (health.report().healthy, health.report().state) == (True, State.IDLE)


def test_the_loop_says_earlier_that_kafka_is_away(health):
    health(LoopEvent(EventKind.KAFKA_AWAY, "Kafka does not answer, waiting: refused", {"error": "refused"}))
    assert health.report().state is State.KAFKA_AWAY
    health(LoopEvent(EventKind.KAFKA_BACK, "Kafka answers again"))
    assert health.report().state is State.WORKING


def test_waiting_for_a_dead_predecessor_is_no_progress(health, clock):
    health(LoopEvent(EventKind.WAITING, "waiting for open transactions to end", {"partitions": [2]}))
    clock.now += 61.0
    health.sampled({0: 10, 1: 20})
    report = health.report()
    assert (report.healthy, report.state) == (False, State.WAITING)
    health(LoopEvent(EventKind.ASSIGNED, "ours", {"starts": {2: 5}}))
    health.sampled({0: 10, 1: 20, 2: 5})
    assert health.report().healthy


def test_partitions_that_went_do_not_count(health, clock):
    health(LoopEvent(EventKind.REVOKED, "gone", {"partitions": [0], "lost": False}))
    health(committed(p0=11))
    clock.now += 61.0
    health.sampled({0: 99, 1: 20})
    report = health.report()
    assert (report.healthy, report.positions, report.lag) == (True, {1: 20}, {1: 0})


def test_who_was_put_out_of_the_group_does_not_stand_by(health, clock):
    health(LoopEvent(EventKind.REVOKED, "partitions [0, 1] were taken", {"partitions": [0, 1], "lost": True}))
    clock.now += 61.0
    health.sampled({})
    report = health.report()
    assert (report.healthy, report.state) == (False, State.STARTING)
    assert report.reason == "not in the group that shares the partitions out, and no progress for 61 s"
    health.sampled(None)
    assert health.report().state is State.KAFKA_AWAY
    health.sampled({})
    assert health.report().state is State.STARTING
    health(LoopEvent(EventKind.ASSIGNED, "standing by", {"starts": {}}))
    health.sampled({})
    assert (health.report().healthy, health.report().state) == (True, State.STANDBY)


def test_rebuilding_again_and_again_is_no_progress(health, clock):
    for _ in range(7):
        clock.now += 10.0
        health(LoopEvent(EventKind.REBUILT, "made anew: fenced", {"reason": "fenced"}))
        health.sampled({})
    report = health.report()
    assert (report.healthy, report.reason) == (False, "made anew: fenced")
