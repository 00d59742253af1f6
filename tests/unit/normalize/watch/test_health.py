"""Health is progress: what is unread, and since when nothing moved."""

import pytest

from ami_normalize.watch.health import STUCK_S, Health

pytestmark = pytest.mark.unit

A, B, OTHER = ("ami.readings.v1", 0), ("ami.readings.v1", 1), ("ami.events.v1", 1)


def test_it_is_not_well_before_kafka_answered():
    health = Health()
    assert health.report(0.0)["status"] != "ok"
    assert health.caught_up(0.0) == frozenset()


def test_what_moves_is_well_however_much_is_unread():
    health = Health()
    for number in range(10):
        health.see({A: number * 100}, {A: 5000}, number * STUCK_S)
        assert health.report(number * STUCK_S)["status"] == "ok"
    assert health.report(9 * STUCK_S)["lag"] == 4100


def test_unread_records_that_do_not_move_are_stuck_and_named():
    health = Health()
    health.see({A: 10, B: 7}, {A: 12, B: 7}, 0.0)
    health.see({A: 10, B: 7}, {A: 30, B: 7}, STUCK_S + 1)
    report = health.report(STUCK_S + 1)
    assert (report["status"], report["stuck"]) == ("stuck", ["ami.readings.v1/0"])
    assert [each["lag"] for each in report["partitions"]] == [20, 0]


def test_a_quiet_partition_that_gets_a_record_is_not_stuck_at_once():
    health = Health()
    health.see({A: 10}, {A: 10}, 0.0)
    health.see({A: 10}, {A: 11}, 10 * STUCK_S)
    assert health.report(10 * STUCK_S)["status"] == "ok"


def test_kafka_that_stops_answering_shows_with_its_reason():
    health = Health()
    health.see({A: 10}, {A: 10}, 0.0)
    health.fail("Kafka does not answer (no route)")
    assert health.report(1.0)["status"] == "Kafka does not answer (no route)"
    assert health.caught_up(1.0) == frozenset()
    health.see({A: 10}, {A: 10}, 2.0)
    assert health.report(2.0)["status"] == "ok"


def test_an_answer_of_long_ago_is_none():
    health = Health()
    health.see({A: 10}, {A: 10}, 0.0)
    assert health.report(STUCK_S + 1)["status"] == "no answer of Kafka lately"
    assert health.caught_up(STUCK_S + 1) == frozenset()


def test_silence_is_judged_only_where_all_topics_of_a_partition_are_read():
    health = Health()
    health.see({A: 10, B: 7, OTHER: 3}, {A: 10, B: 7, OTHER: 4}, 0.0)
    assert health.caught_up(1.0) == {0}
    health.see({A: 10, B: 7, OTHER: 4}, {A: 10, B: 7, OTHER: 4}, 2.0)
    assert health.caught_up(3.0) == {0, 1}
