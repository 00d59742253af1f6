"""The same event of the same meter is counted, and never hidden."""

import pytest

from ami_ingest.logs.flood import Flood

pytestmark = pytest.mark.unit


class Told(list):
    now = 0.0

    def flood(self, **more):
        return Flood(self.append, clock=lambda: self.now, **{"window_s": 60, "burst": 2, **more})


def refused(meter, **more):
    return {"event": "Connection Refused (Error 111)", "level": "warning", "meter": meter, **more}


def test_first_occurrences_are_told_and_the_rest_is_counted():
    told = Told()
    flood = told.flood()
    for number in range(1000):
        flood(refused("a", try_number=number))
    flood(refused("b"))
    assert [one["meter"] for one in told] == ["a", "a", "b"]
    told.now = 60.0
    flood({"event": "polled", "level": "info", "meter": "c"})
    assert told[3] == refused("a", try_number=999, repeated=998)
    assert told[4]["event"] == "polled"
    assert len(told) == 5


def test_another_event_of_the_same_meter_is_told_at_once():
    told = Told()
    flood = told.flood()
    for _ in range(10):
        flood(refused("a"))
        flood({**refused("a"), "event": "CRC Error"})
        flood({**refused("a"), "level": "error"})
    assert len(told) == 6


def test_a_new_window_tells_again():
    told = Told()
    flood = told.flood()
    for minute in range(3):
        told.now = 60.0 * minute
        for _ in range(4):
            flood(refused("a"))
    flood.flush()
    assert [one.get("repeated", 0) for one in told] == [0, 0, 2, 0, 0, 2, 0, 0, 2]


def test_time_alone_ends_a_window():
    told = Told()
    flood = told.flood()
    for _ in range(3):
        flood(refused("a"))
    told.now = 59.0
    flood.tick()
    assert len(told) == 2
    told.now = 60.0
    flood.tick()
    assert told[2]["repeated"] == 1


def test_information_about_nobody_is_always_told():
    told = Told()
    flood = told.flood()
    for _ in range(10):
        flood({"event": "listening", "level": "info"})
        flood({"event": "the spool is full", "level": "error"})
    assert [one["event"] for one in told].count("listening") == 10
    assert [one["event"] for one in told].count("the spool is full") == 2


def test_what_is_remembered_is_bounded_and_still_told():
    told = Told()
    flood = told.flood(burst=1, most_kinds=10)
    for _ in range(2):
        for meter in range(20):
            flood(refused(f"m{meter}"))
    assert len(flood._windows) == 10
    flood.flush()
    assert {one["meter"] for one in told} == {f"m{meter}" for meter in range(20)}
    assert len(told) == 40
