"""Which rows are missing."""

from datetime import datetime, timedelta, timezone

import pytest

from ami_ingest.meters.rows import holes

pytestmark = pytest.mark.unit

START = datetime(2026, 3, 28, 22, 0, tzinfo=timezone.utc)


def at(*quarters):
    return [START + timedelta(minutes=15) * quarter for quarter in quarters]


def test_nothing_is_missing():
    assert holes(None, at(0, 1, 2), 900) == []
    assert holes(at(-1)[0], at(0, 1, 2), 900) == []
    assert holes(at(-1)[0], [], 900) == []


def test_rows_between_rows():
    assert holes(None, at(0, 1, 4, 5, 7), 900) == [tuple(at(2, 3)), tuple(at(6, 6))]


def test_rows_between_the_last_one_and_the_next():
    assert holes(at(0)[0], at(3, 4), 900) == [tuple(at(1, 2))]


def test_the_meters_order_does_not_matter():
    assert holes(None, at(5, 4, 1, 0), 900) == [tuple(at(2, 3))]


def test_repeated_and_late_rows_are_no_hole():
    assert holes(at(3)[0], at(1, 1, 2, 3, 4), 900) == []


def test_an_event_log_has_no_holes():
    assert holes(at(0)[0], at(100), 0) == []


def test_a_row_some_seconds_off_is_no_hole():
    shifted = [stamp + timedelta(seconds=20) for stamp in at(1)]

    assert holes(at(0)[0], [*shifted, *at(2)], 900) == []
