"""A real Kafka for tests, by a ladder: `$KAFKA_BOOTSTRAP`, else a local broker, else a container where Docker is.

In a `conftest.py`:

    @pytest.fixture(scope="session")
    def kafka_bootstrap(tmp_path_factory):
        with real_kafka(tmp_path_factory.mktemp("kafka")) as bootstrap:
            yield bootstrap
"""

from __future__ import annotations

import importlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ami_kafka.broker import LocalBroker
from ami_kafka.check import check
from ami_kafka.errors import BrokerFailed, JarsUnavailable, JavaMissing, KafkaRoomError


class NoKafka(KafkaRoomError):
    """No rung of the ladder held; the sentence names each."""

    code = "NO_KAFKA"


@contextmanager
def real_kafka(state_dir: Path, *, nodes: int = 1) -> Iterator[str]:
    """Give a bootstrap address for the time of a block; raise `NoKafka` with the reason of each rung.

    A Kafka named by the environment must answer: that it does not is an error, not a reason to take another.
    """
    named = os.environ.get("KAFKA_BOOTSTRAP")
    if named:
        check(named)
        yield named
        return
    broker = LocalBroker(state_dir, nodes=nodes)
    try:
        broker.start()
    except (JavaMissing, JarsUnavailable, BrokerFailed) as error:
        yield from _container(error)
        return
    with broker:
        yield broker.bootstrap


def _container(reason: KafkaRoomError) -> Iterator[str]:
    if shutil.which("docker") is None:
        raise NoKafka(f"{reason.sentence}; and Docker is not installed", reason.remedy)
    try:
        containers = importlib.import_module("testcontainers.kafka")
    except ImportError:
        raise NoKafka(f"{reason.sentence}; and testcontainers is not installed", reason.remedy) from None
    image = os.environ.get("AMI_KAFKA_IMAGE", "confluentinc/cp-kafka:7.9.1")
    container = containers.KafkaContainer(image).with_kraft()
    container.with_env("KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR", "1")
    container.with_env("KAFKA_TRANSACTION_STATE_LOG_MIN_ISR", "1")
    container.with_env("KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS", "0")
    container.with_env("KAFKA_AUTO_CREATE_TOPICS_ENABLE", "false")
    with container:
        yield str(container.get_bootstrap_server())
