"""Calls that may hang are given up."""

import threading

import pytest

from ami_kafka.worker import Worker

pytestmark = pytest.mark.unit


def test_a_call_that_returns_and_one_that_raises():
    worker = Worker()
    got = []
    worker.call(got.append, 1, patience_s=30, on_wait=lambda: None)
    assert got == [1]
    with pytest.raises(ZeroDivisionError):
        worker.call(lambda: 1 / 0, patience_s=30, on_wait=lambda: None)
    worker.close()


def test_a_call_that_hangs_is_told_of_and_given_up():
    worker = Worker()
    release = threading.Event()
    told = []
    with pytest.raises(TimeoutError, match="did not return"):
        worker.call(release.wait, patience_s=0.05, notice_s=0.02, on_wait=lambda: told.append(True))
    assert told == [True]
    release.set()
    worker.close()
