"""What was fetched and never came is read again, and what is only on its way is left alone."""

import pytest

from ami_normalize.watch.missing import AHEAD_S, UNDONE_S, Missing

pytestmark = pytest.mark.unit

A, B = ("ami.readings.v1", 0), ("ami.dlq.v1", 3)


def test_what_comes_after_something_missing_has_it_read_again_soon():
    missing = Missing()
    missing.left(A, 10.0)
    missing.left(A, 11.0)

    assert not missing.again({A: 7, B: 1}, 10.0 + AHEAD_S)
    assert missing.again({A: 7, B: 1}, 10.5 + AHEAD_S) == {A}


def test_what_came_after_all_is_not_read_again():
    missing = Missing()
    missing.left(A, 10.0)
    missing.came(A)

    assert not missing.again({A: 7}, 11.0 + AHEAD_S)


def test_the_last_records_of_a_partition_are_missed_though_nothing_comes_behind_them():
    missing = Missing()

    assert not missing.again({A: 7}, 10.0)
    assert not missing.again({A: 7, B: 1}, 10.0 + UNDONE_S)
    assert missing.again({A: 7, B: 1}, 10.5 + UNDONE_S) == {A}


def test_where_something_is_done_the_rest_is_only_on_its_way():
    missing = Missing()
    for number in range(100):
        assert not missing.again({A: number}, number * UNDONE_S)


def test_where_all_is_done_the_time_begins_anew():
    missing = Missing()
    missing.again({A: 7}, 10.0)

    assert not missing.again({}, 20.0)
    assert not missing.again({A: 7}, 11.0 + UNDONE_S)


def test_what_is_being_read_again_is_given_its_time():
    missing = Missing()
    missing.left(A, 10.0)

    assert missing.again({A: 7}, 13.0) == {A}
    assert not missing.again({A: 7}, 14.0)
    assert missing.again({A: 7}, 13.5 + AHEAD_S) == {A}
