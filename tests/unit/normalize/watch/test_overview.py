"""Who needs attention comes first; everything known of a meter is there as JSON."""

import json

import pytest
from support.watched import DAY, ENERGY, HOUR, METER, MINUTE, T0, block, readings

from ami_normalize.watch.rules.overview import MOST_ROWS, Survey, as_json, details
from ami_normalize.watch.rules.policy import Policy
from ami_schemas import topics

pytestmark = pytest.mark.unit


def overview(watched, now_us):
    survey = Survey(now_us, Policy())
    for key in watched.table:
        survey.add(key, watched.fleet.state(key))
    return survey.overview()


def test_those_with_most_concerns_come_first_and_the_healthy_not_at_all(watched):
    for meter in ("a", "b", "c"):
        watched.give(readings(T0, meter=meter, registers=[(ENERGY, 1)]))
    watched.give(readings(T0 + HOUR, meter="b", blocks=[block(T0, [1, None, 1])]))
    watched.judge(T0 + 2 * DAY)
    for meter in ("a", "d"):
        watched.give(readings(T0 + 2 * DAY, meter=meter))
    made = overview(watched, T0 + 2 * DAY)
    assert made.meters == 4
    assert [(row.meter, row.concerns) for row in made.rows] == [("c", ("silent",)), ("b", ("gaps",))]
    watched.judge(T0 + 3 * DAY + HOUR)
    made = overview(watched, T0 + 3 * DAY + HOUR)
    assert [(row.meter, row.concerns) for row in made.rows] == [("b", ("silent", "gaps")), ("c", ("silent",))]
    assert made.concerned == {"silent": 2, "gaps": 1, "drift": 0, "security": 0}
    assert [row["meter"] for row in as_json(made, "gaps")["rows"]] == ["b"]


def test_a_list_is_bounded_and_says_how_many_there_are(watched):
    for number in range(3 * MOST_ROWS):
        watched.give(readings(T0, meter=f"m{number:04d}"))
    watched.judge(T0 + 10 * DAY)
    made = overview(watched, T0 + 10 * DAY)
    assert made.concerned["silent"] == 3 * MOST_ROWS
    assert [row.meter for row in made.rows] == [f"m{number:04d}" for number in range(MOST_ROWS)]


def test_security_failures_concern_as_long_as_their_window(watched):
    watched.give(b"", topic=topics.DEAD_LETTERS, headers={"dlq.reason": b"DOWNGRADED"}, at_us=T0)
    assert overview(watched, T0 + HOUR).rows[0].concerns == ("security",)
    assert overview(watched, T0 + 2 * DAY).rows == ()


def test_all_tables_of_a_meter_are_json(watched):
    for number in range(4):
        at = T0 + number * HOUR
        watched.give(
            readings(at, registers=[(ENERGY, number)], blocks=[block(at, [1, None, 1, 1])], meter_time_us=at + MINUTE)
        )
    watched.give(b"", topic=topics.DEAD_LETTERS, headers={"dlq.reason": b"DOWNGRADED"}, at_us=T0)
    key = f"0/{METER}".encode()
    shown = json.loads(json.dumps(details(key, watched.fleet.state(key), T0 + 4 * HOUR, Policy())))
    assert shown["meter"] == METER
    assert shown["concerns"] == ["gaps", "drift", "security"]
    assert shown["clock_offset_s"] == 60
    assert shown["presence"]["messages"] == 4
    assert shown["intervals"][0]["period_s"] == 900
    assert shown["missing_intervals"] == 4
    assert shown["registers"] == [
        {"obis": ENERGY, "profile": None, "unit": "Wh", "value": "3", "at": "2026-01-01T03:00:00Z"}
    ]
    assert shown["balance"][0]["register"] == ENERGY
    assert shown["security"][0]["reason"] == "DOWNGRADED"
