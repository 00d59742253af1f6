"""A batch is bounded by number, bytes and age."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ami_kafka.batch import BatchPolicy

pytestmark = pytest.mark.unit


def test_room_ends_at_the_count_and_at_the_bytes():
    policy = BatchPolicy(records=100, octets=10_000)
    assert policy.room(0, 0, 10.0) == 100
    assert policy.room(99, 0, 10.0) == 1
    assert policy.room(100, 0, 10.0) == 0
    assert policy.room(1, 10_000, 10.0) == 0
    assert policy.room(0, 0, 5_000.0) == 2


@given(st.integers(0, 3000), st.integers(0, 1 << 26), st.floats(0, 1 << 22))
def test_room_never_lets_the_count_be_passed_nor_asks_for_a_flood(records, octets, mean):
    policy = BatchPolicy()
    room = policy.room(records, octets, mean)
    assert 0 <= room <= 512
    assert records + room <= max(policy.records, records)
    assert (room == 0) == (records >= policy.records or octets >= policy.octets)


def test_a_record_waits_for_more_no_longer_than_the_age_writing_included():
    policy = BatchPolicy(age_s=0.2)
    assert policy.deadline(100.0, 100.0, hurry=False) == pytest.approx(100.2)
    assert policy.deadline(100.15, 100.0, hurry=False) == pytest.approx(100.2)


def test_behind_a_batch_that_took_long_only_a_moment_is_waited():
    policy = BatchPolicy(age_s=0.2)
    assert policy.deadline(100.5, 100.0, hurry=False) == pytest.approx(100.52)
    assert policy.deadline(100.0, 100.0, hurry=True) == pytest.approx(100.02)
