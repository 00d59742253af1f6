"""Who fails is asked again soon, then less and less often."""

import pytest

from ami_ingest.schedule import backoff
from ami_ingest.schedule.breaker import LONGEST_S, MOST_SKIPPED, THRESHOLD, Breaker

pytestmark = pytest.mark.unit


def test_pauses_double_and_are_bounded():
    longest = [backoff.pause(failures, lambda: 1.0) for failures in range(1, 12)]

    assert longest[:4] == [2.0, 4.0, 8.0, 16.0]
    assert longest[-1] == backoff.LONGEST_S
    assert backoff.pause(1000, lambda: 1.0) == backoff.LONGEST_S


def test_the_jitter_is_full():
    assert backoff.pause(5, lambda: 0.0) == 0.0
    assert backoff.pause(2, lambda: 0.5) == 2.0


def test_a_breaker_opens_once_and_closes_with_a_success():
    breaker = Breaker()

    assert [breaker.failure() for _ in range(THRESHOLD + 2)].count(True) == 1
    assert breaker.open
    assert breaker.success()
    assert not breaker.open
    assert not breaker.success()


def test_probes_become_rare():
    breaker = Breaker()
    skipped = []
    for _ in range(THRESHOLD + 10):
        breaker.failure()
        skipped.append(breaker.skipped(60.0))

    assert skipped[: THRESHOLD - 1] == [0] * (THRESHOLD - 1)
    assert skipped[THRESHOLD - 1 : THRESHOLD + 3] == [1, 3, 7, 15]
    assert skipped[-1] == MOST_SKIPPED


def test_no_pause_is_longer_than_some_hours_or_one_turn():
    breaker = Breaker()
    for _ in range(100):
        breaker.failure()

    assert breaker.skipped(3600.0) * 3600 <= LONGEST_S
    assert breaker.skipped(86_400.0) == 0
