"""Kafka goes away and comes back: the spool holds everything meanwhile, and one line tells each change."""

import time

import pytest
from support.kafka_reader import read_all
from support.log import Log

from ami_ingest.record import RawRecord
from ami_ingest.spool import publisher as publisher_module
from ami_ingest.spool.publisher import Publisher, producer_for
from ami_ingest.spool.spool import Spool
from ami_kafka.broker import LocalBroker
from ami_kafka.errors import KafkaRoomError
from ami_kafka.topics import apply
from ami_schemas import topics

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(300)]

AWAY = "Kafka is away: records wait in the spool"
BACK = "Kafka is back"


@pytest.fixture
def broker(tmp_path, require):
    broker = LocalBroker(tmp_path / "kafka")
    try:
        broker.start()
    except KafkaRoomError as error:
        require(f"no real Kafka: {error}")
    yield broker
    broker.stop()


def records(first, last):
    return [RawRecord(b"st-%d" % (number % 5), b"%d" % number, (), number) for number in range(first, last)]


def until(condition):
    while not condition():
        time.sleep(0.02)


def publishing(tmp_path, broker, log):
    """Give a spool, open, and the publisher that empties it into the broker."""
    apply(broker.bootstrap)
    spool = Spool(tmp_path / "spool.sqlite", "edge-1", max_bytes=1 << 30, log=log.logger())
    spool.open()
    publisher = Publisher(spool, producer_for(broker.bootstrap), bootstrap=broker.bootstrap, log=log.logger())
    publisher.start()
    return spool, publisher


def test_a_broker_killed_and_started_again(tmp_path, broker):
    log = Log()
    spool, publisher = publishing(tmp_path, broker, log)

    spool.offer(records(0, 500))
    until(lambda: publisher.published == 500)
    broker.kill_node(1)
    spool.offer(records(500, 1500))
    until(lambda: AWAY in log.events())
    assert spool.settle(30)
    assert spool.depth[0] >= 1000

    broker.start()
    until(lambda: publisher.published == 1500)
    until(lambda: BACK in log.events())
    publisher.stop()
    assert spool.settle(30)

    found = read_all(broker.bootstrap, topics.RAW)
    assert sorted(int(message.value()) for message in found) == list(range(1500))
    for key in {message.key() for message in found}:
        values = [int(message.value()) for message in found if message.key() == key]
        assert values == sorted(values)
    assert spool.depth == (0, 0)
    assert log.events() == [AWAY, BACK]
    spool.close()


def test_an_agent_with_nothing_to_publish_sees_that_the_broker_is_back(tmp_path, broker, monkeypatch):
    monkeypatch.setattr(publisher_module, "_ASK_EVERY_S", 0.2)
    log = Log()
    spool, publisher = publishing(tmp_path, broker, log)
    spool.offer(records(0, 1))
    until(lambda: publisher.published == 1)
    broker.kill_node(1)
    until(lambda: publisher.away)
    broker.start()
    until(lambda: not publisher.away)
    publisher.stop()
    spool.close()

    assert log.events()[:2] == [AWAY, BACK]
