"""A table is followed through whatever fails: told once, tried again, ended when asked."""

import threading

import pytest

from ami_kafka import followed
from ami_kafka.errors import KafkaUnavailable
from ami_kafka.followed import FollowedTable

pytestmark = [pytest.mark.unit, pytest.mark.timeout(60)]


class Table:
    """A table that opens, and is closed."""

    def __init__(self, opened, bootstrap, topic):
        self.asked, self.closed = (bootstrap, topic), False
        opened.append(self)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.closed = True


@pytest.fixture
def opened(monkeypatch):
    tables = []
    monkeypatch.setattr(followed, "Table", lambda bootstrap, topic: Table(tables, bootstrap, topic))
    monkeypatch.setattr(followed, "_AGAIN_S", 0.001)
    return tables


def following(*failures):
    """A followed table whose sessions fail in turn, and then go on; what it told, and an event that they do."""
    left, told, well = list(failures), [], threading.Event()

    def session(_table, stop):
        if left:
            raise left.pop(0)
        table.trouble = ""
        well.set()
        stop.wait()

    table = FollowedTable("kafka:1", "a.topic", session, told.append)
    return table, told, well


def test_a_session_runs_over_the_open_table_until_it_is_to_stop(opened):
    table, told, well = following()
    assert table.trouble
    table.start()
    assert well.wait(30)
    assert [(each.asked, each.closed) for each in opened] == [(("kafka:1", "a.topic"), False)]
    table.stop()
    assert [each.closed for each in opened] == [True]
    assert (told, table.trouble) == ([], "")


def test_what_fails_is_told_once_and_tried_again_over_the_table_opened_anew(opened):
    away = KafkaUnavailable.at("kafka:1", "timed out")
    table, told, well = following(away, away, ValueError("a defect"), away)
    table.start()
    assert well.wait(30)
    table.stop()
    assert told == [str(away), "ValueError: a defect", str(away)]
    assert [each.closed for each in opened] == [True] * 5


def test_a_table_that_does_not_open_is_tried_again(opened, monkeypatch):
    away = KafkaUnavailable.at("kafka:1", "timed out")
    failing = [away]

    def open_table(bootstrap, topic):
        if failing:
            raise failing.pop()
        return Table(opened, bootstrap, topic)

    monkeypatch.setattr(followed, "Table", open_table)
    table, told, well = following()
    table.start()
    assert well.wait(30)
    table.stop()
    assert told == [str(away)]
