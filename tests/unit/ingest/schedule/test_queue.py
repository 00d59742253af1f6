"""The best job first, among what the limits allow."""

import pytest

from ami_ingest.config.model import Network, Schedule
from ami_ingest.schedule.job import AskedJob, BackfillJob, Priority, TurnJob
from ami_ingest.schedule.limits import TokenBucket
from ami_ingest.schedule.queue import ReadyQueue

pytestmark = pytest.mark.unit

SCHEDULE = Schedule("often", 60.0)
CELL = Network("cell", concurrency=2)


def turn(meter, due=0.0):
    return TurnJob(meter, SCHEDULE, due, due + 60)


def asked(meter, due=0.0):
    return AskedJob(meter, None, None, due)


def backfill(meter, due=0.0):
    return BackfillJob(meter, None, due)


def queue(rate=None, connects=lambda _: True):
    return ReadyQueue(rate, connects, 0.0)


def popped(ready, now=0.0, **options):
    names = []
    while (found := ready.pop(now, **options)) is not None:
        names.append(found[0].meter)
    return names


def test_priorities_then_age():
    ready = queue()
    for job in (backfill("b", 1), turn("t2", 5), turn("t1", 2), asked("a", 9)):
        ready.push(job, None, 0.0)

    assert len(ready) == 4
    assert popped(ready) == ["a", "t1", "t2", "b"]
    assert len(ready) == 0


def test_only_what_is_important_enough():
    ready = queue()
    ready.push(turn("t"), None, 0.0)
    ready.push(asked("a"), None, 0.0)

    assert popped(ready, lowest=Priority.ON_DEMAND) == ["a"]
    assert popped(ready) == ["t"]


def test_a_full_network_does_not_hold_up_the_others():
    ready = queue()
    for number in range(4):
        ready.push(turn(f"cell-{number}", number), CELL, 0.0)
    ready.push(turn("else", 9), None, 0.0)

    assert popped(ready) == ["cell-0", "cell-1", "else"]
    ready.release("cell")
    assert popped(ready) == ["cell-2"]
    ready.push(asked("cell-now"), CELL, 0.0)
    ready.release("cell")
    assert popped(ready) == ["cell-now"]
    ready.release("cell")
    assert popped(ready) == ["cell-3"]
    assert popped(ready) == []


def test_a_network_has_its_rate_of_connections():
    ready = queue()
    slow = Network("slow", connections_per_s=2.0)
    for number in range(5):
        ready.push(turn(f"slow-{number}", number), slow, 0.0)
    ready.push(turn("else", 9), None, 0.0)

    assert popped(ready) == ["slow-0", "slow-1", "else"]
    assert ready.ready_at(0.0) == pytest.approx(0.5)
    assert popped(ready, 0.4) == []
    assert popped(ready, 0.5) == ["slow-2"]
    assert popped(ready, 1.6) == ["slow-3", "slow-4"]


def test_all_together_have_a_rate():
    ready = queue(rate=1.0)
    for number in range(3):
        ready.push(turn(str(number), number), None, 0.0)

    assert popped(ready) == ["0"]
    assert ready.ready_at(0.0) == pytest.approx(1.0)
    assert popped(ready, 5.0) == ["1"]


def test_who_is_connected_needs_no_token():
    ready = queue(rate=1.0, connects=lambda job: job.meter != "kept")
    ready.push(turn("new", 0), None, 0.0)
    ready.push(turn("kept", 1), None, 0.0)

    assert popped(ready) == ["new", "kept"]


def test_limits_can_be_changed():
    ready = queue()
    for number in range(3):
        ready.push(turn(str(number), number), CELL, 0.0)
    assert popped(ready) == ["0", "1"]
    ready.limit([Network("cell", concurrency=3)], 0.0)

    assert popped(ready) == ["2"]


def test_when_to_look_again_is_told_for_what_is_important_enough():
    ready = queue(rate=1.0)
    ready.push(turn("t"), None, 0.0)
    assert popped(ready) == ["t"]
    ready.push(turn("t"), None, 0.0)
    assert ready.ready_at(0.0) == pytest.approx(1.0)
    assert ready.ready_at(0.0, Priority.ON_DEMAND) is None

    ready.push(asked("a"), None, 0.0)

    assert ready.ready_at(0.0, Priority.ON_DEMAND) == pytest.approx(1.0)


def test_no_operation_looks_at_all_that_wait():
    """Twenty thousand jobs in a thousand networks: the same work for each, whatever waits."""
    ready = queue()
    networks = [Network(f"cell-{number}", concurrency=1) for number in range(1000)]
    for number in range(20_000):
        ready.push(turn(str(number), number), networks[number % 1000], 0.0)
    done = 0
    running = []
    while len(ready):
        while (found := ready.pop(0.0)) is not None:
            running.append(found[1])
        assert len(running) <= 1000
        done += len(running)
        while running:
            ready.release(running.pop())

    assert done == 20_000


def test_a_bucket_lets_through_what_it_may():
    bucket = TokenBucket(10.0, 0.0)
    passed = 0
    now = 0.0
    while now < 10:
        now = max(now, bucket.ready_at(now))
        bucket.take(now)
        passed += 1

    assert 109 <= passed <= 111, "ten a second for ten seconds, and a burst of one second"


def test_a_clock_that_is_set_back_does_not_stop_a_bucket():
    bucket = TokenBucket(1.0, 1000.0)
    bucket.take(1000.0)

    assert bucket.ready_at(500.0) == pytest.approx(501.0)
    assert bucket.ready_at(501.5) == 501.5


def test_another_connection_rate_of_all_holds_at_once():
    ready = queue(rate=1.0)
    for number in range(4):
        ready.push(turn(f"t{number}"), None, 0.0)
    assert popped(ready) == ["t0"]

    ready.limit_all(2.0, 0.0)
    assert popped(ready) == ["t1", "t2"]
    assert ready.ready_at(0.0) == 0.5
    ready.limit_all(None, 0.0)
    assert popped(ready) == ["t3"]


def test_a_network_that_is_no_more_leaves_nothing_behind():
    ready = queue()
    slow = Network("slow", concurrency=9, connections_per_s=1.0)
    for number in range(3):
        ready.push(turn(f"s{number}"), slow, 0.0)
    ready.push(turn("c"), CELL, 0.0)
    assert popped(ready) == ["s0", "c"], "the rate of the one holds up the rest of it"

    ready.limit([], 0.0)
    assert len(ready._lanes) == 3, "what waits or runs goes on"
    assert popped(ready, 1.0) == ["s1"]
    for name in ("slow", "slow", "cell"):
        ready.release(name)
    ready.limit([CELL], 1.0)
    assert len(ready._lanes) == 3
    assert popped(ready, 2.0) == ["s2"]
    ready.release("slow")
    ready.limit([], 2.0)
    assert len(ready._lanes) == 1
    assert popped(ready, 9.0) == []
    assert ready.ready_at(9.0) is None

    ready.push(turn("again"), slow, 9.0)
    assert popped(ready, 9.0) == ["again"]
