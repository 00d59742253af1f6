"""Asked to end, a loop ends: with its batch done where Kafka answers, and without it where Kafka does not."""

import os
import signal

import pytest

from ami_kafka.broker import LocalBroker

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(300)]


@pytest.fixture
def broker(tmp_path):
    with LocalBroker(tmp_path) as found:
        yield found


def test_a_loop_ends_although_kafka_does_not_answer(broker, make_space, wait_until):
    space = make_space(broker.bootstrap)
    space.fill(8000)
    copier = space.copier("--records", "50")
    wait_until(lambda: copier.kinds()["committed"] >= 3, 90, copier)
    (node,) = broker.status().nodes
    os.kill(node.pid, signal.SIGSTOP)
    try:
        assert copier.finish(signal.SIGTERM, 60) == 0
    finally:
        os.kill(node.pid, signal.SIGCONT)
    assert copier.kinds()["stopped"] == 1
    successor = space.copier("--records", "500")
    seen = space.await_copied(8000, 120)
    assert set(seen.values()) == {1}
    done = successor.kinds()["committed"]
    space.fill(1000)
    wait_until(lambda: successor.kinds()["committed"] > done, 60, successor)
    assert successor.finish(signal.SIGTERM) == 0
