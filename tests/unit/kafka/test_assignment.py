"""Positions: what is read once, what comes again, and what must not be trusted."""

import pytest

from ami_kafka.assignment import Assignment, WentBack, following
from ami_kafka.records import RawMessage

pytestmark = pytest.mark.unit


def message(partition, offset):
    return RawMessage("raw", partition, offset, 0, None, b"", ())


def test_the_next_offsets_of_a_batch_are_those_after_its_last_records():
    assert following([message(0, 4), message(1, 7), message(0, 9)]) == {0: 10, 1: 8}


def test_gaps_are_normal_and_going_back_is_not():
    assignment = Assignment()
    assignment.add({0: 5})
    assert assignment.accept(0, 5)
    assert assignment.accept(0, 9)
    with pytest.raises(WentBack):
        assignment.accept(0, 9)


def test_a_partition_that_started_again_from_its_beginning_is_noticed():
    assignment = Assignment()
    assignment.add({0: 500})
    with pytest.raises(WentBack):
        assignment.accept(0, 0)


def test_after_a_rewind_exactly_the_first_record_of_the_batch_must_come():
    assignment = Assignment()
    assignment.add({0: 5})
    for offset in (6, 7):
        assignment.accept(0, offset)
    assert assignment.rewind([message(0, 6), message(0, 7)]) == {0: 6}
    with pytest.raises(WentBack):
        assignment.accept(0, 8)
    assignment.rewind([message(0, 6), message(0, 7)])
    assert assignment.accept(0, 6)
    assert assignment.accept(0, 7)


def test_records_of_a_partition_that_went_are_nobodys():
    assignment = Assignment()
    assignment.add({0: 5, 1: 5})
    assignment.accept(0, 5)
    assignment.remove([0])
    assert not assignment.accept(0, 6)
    assert assignment.rewind([message(0, 5), message(1, 5)]) == {1: 5}
    assert assignment.take_disturbed() == {0}
    assert assignment.take_disturbed() == set()


def test_a_partition_that_went_and_came_back_is_read_again_from_where_it_is_committed():
    assignment = Assignment()
    assignment.add({0: 5})
    assignment.accept(0, 5)
    assignment.remove([0])
    assignment.add({0: 6})
    assignment.accept(0, 7)
    assert assignment.restart(assignment.take_disturbed()) == {0: 6}
    assert assignment.accept(0, 6)


def test_a_commit_moves_only_what_is_still_ours():
    assignment = Assignment()
    assignment.add({0: 5, 1: 5})
    assignment.remove([1])
    assignment.commit({0: 9, 1: 9})
    assert assignment.committed == {0: 9}
