"""The local broker: started, found again, stopped; and its troubles in one sentence."""

import signal
import socket
import subprocess
import sys

import pytest

from ami_kafka import clients, topics
from ami_kafka.broker import LocalBroker
from ami_kafka.check import broker_count, check
from ami_kafka.errors import BrokerFailed, KafkaUnavailable, PortTaken, TopicMissing

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(240)]

SPEC = topics.TopicSpec("kept", 1, {})


def test_it_outlives_its_starter_and_keeps_its_data(tmp_path):
    script = (
        "import sys, pathlib; from ami_kafka.broker import LocalBroker; LocalBroker(pathlib.Path(sys.argv[1])).start()"
    )
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=True)
    broker = LocalBroker(tmp_path)
    try:
        status = broker.status()
        assert status.running
        check(status.bootstrap)
        topics.apply(status.bootstrap, [SPEC])
        pid = status.nodes[0].pid
        broker.start()
        assert broker.status().nodes[0].pid == pid
        broker.stop()
        assert not broker.status().running
        with pytest.raises(KafkaUnavailable):
            check(status.bootstrap, timeout_s=1.0)
        broker.start()
        assert broker.bootstrap == status.bootstrap
        check(broker.bootstrap, topics=["kept"])
    finally:
        broker.stop()


def test_it_ends_with_its_owner_however_that_ends(tmp_path, wait_until):
    script = (
        "import os, sys, pathlib; from ami_kafka.broker import LocalBroker\n"
        "with LocalBroker(pathlib.Path(sys.argv[1])): os.kill(os.getpid(), 9)"
    )
    ended = subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=False)
    assert ended.returncode == -signal.SIGKILL
    wait_until(lambda: LocalBroker(tmp_path).status().nodes[0].pid is None, 60)


def test_a_taken_port_is_one_sentence(tmp_path):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(PortTaken, match=f"port {port} of 127.0.0.1 is in use"):
            LocalBroker(tmp_path, port=port).start()
    assert not LocalBroker(tmp_path).status().running


def test_a_broker_that_does_not_come_up_is_one_sentence(tmp_path):
    broker = LocalBroker(tmp_path)
    (tmp_path / "data-1").write_text("not a folder")
    with pytest.raises(BrokerFailed, match="local Kafka"):
        broker.start()
    assert not broker.status().running


def test_three_nodes_survive_the_loss_of_one(tmp_path, wait_until):
    told = []
    with LocalBroker(tmp_path, nodes=3, progress=lambda phase, fraction: told.append((phase, fraction))) as broker:
        assert list(dict.fromkeys(phase for phase, _ in told)) == ["java", "jars", "format", "start", "ready"]
        assert all(0.0 <= fraction <= 1.0 for _, fraction in told)
        assert broker_count(broker.bootstrap) == 3
        (change,) = topics.apply(broker.bootstrap, [topics.TopicSpec("replicated", 3, {})])
        assert change.outcome is topics.Outcome.CREATED
        producer = clients.producer(broker.bootstrap)
        broker.kill_node(2)
        for number in range(300):
            producer.produce("replicated", b"x", partition=number % 3)
        assert producer.flush(60) == 0
        assert [node.pid is None for node in broker.status().nodes] == [False, True, False]
        broker.start_node(2)
        wait_until(lambda: broker_count(broker.bootstrap) == 3, 60)


def test_what_is_not_there_is_one_sentence(kafka_bootstrap):
    with pytest.raises(TopicMissing, match="no topics a-1, b-2"):
        check(kafka_bootstrap, topics=["a-1", "b-2"])
    with pytest.raises(KafkaUnavailable, match="cannot be resolved"):
        check("no-such-host.invalid:9092", timeout_s=2.0)
