"""Spool to Kafka, with a Kafka that fails as told."""

import threading
import time

import pytest
from confluent_kafka import KafkaError, KafkaException

from ami_ingest.spool import publisher as publisher_module
from ami_ingest.spool.publisher import Publisher

pytestmark = pytest.mark.unit


class FakeKafka:
    """What all producers of a test have delivered, and how the next ones fail."""

    def __init__(self):
        self.delivered = []
        self.refuse = set()
        self.away = False
        self.full = 0
        self.asked = 0
        self.defects = 0
        self.producers = 0
        self.changed = threading.Condition()

    def make(self, on_error):
        self.producers += 1
        return FakeProducer(self, on_error)

    def wait(self, count):
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.delivered) >= count, 60)


class FakeProducer:
    def __init__(self, kafka, on_error):
        self.kafka = kafka
        self.on_error = on_error
        self.queue = []

    def produce(self, topic, value, key, *, headers, timestamp, on_delivery):
        if self.kafka.defects:
            self.kafka.defects -= 1
            raise RuntimeError("a defect")
        if self.kafka.full:
            self.kafka.full -= 1
            raise BufferError
        self.queue.append((topic, key, value, headers, timestamp, on_delivery))

    def poll(self, timeout):
        if self.kafka.away:
            self.on_error(KafkaError(KafkaError._ALL_BROKERS_DOWN))
            time.sleep(timeout)
            return 0
        queue, self.queue = self.queue, []
        for *record, on_delivery in queue:
            value = record[2]
            if value in self.kafka.refuse:
                self.kafka.refuse.discard(value)
                on_delivery(KafkaError(KafkaError.UNKNOWN_TOPIC_OR_PART), None)
                continue
            with self.kafka.changed:
                self.kafka.delivered.append(record)
                self.kafka.changed.notify_all()
            on_delivery(None, None)
        return len(queue)

    def list_topics(self, topic, timeout):
        self.kafka.asked += 1
        if self.kafka.away:
            raise KafkaException(KafkaError(KafkaError._TRANSPORT))

    def flush(self, timeout):
        self.poll(0)
        return len(self.queue)

    def purge(self):
        self.queue.clear()


@pytest.fixture
def kafka():
    return FakeKafka()


@pytest.fixture
def publish(kafka, log, monkeypatch):
    monkeypatch.setattr(publisher_module, "_BACK_OFF_S", 0.01)
    started = []

    def start(spool):
        publisher = Publisher(spool, kafka.make, bootstrap="nowhere:1", log=log.logger())
        publisher.start()
        started.append(publisher)
        return publisher

    yield start
    for publisher in started:
        publisher.stop(0)


def test_records_arrive_in_order_and_leave_the_spool(make_spool, make_record, kafka, publish):
    spool = make_spool()
    records = [make_record(number) for number in range(3000)]
    spool.offer(records[:10])
    publisher = publish(spool)
    for record in records[10:]:
        spool.offer([record])
    kafka.wait(3000)
    publisher.stop()
    assert spool.settle(30)

    assert [(key, value) for _, key, value, _, _ in kafka.delivered] == [(one.key, one.value) for one in records]
    assert {topic for topic, *_ in kafka.delivered} == {"ami.raw.v1"}
    assert kafka.delivered[4][3] == [("ce_id", f"edge-1/{spool.uuid}/5".encode()), ("ce_type", b"ami.raw.apdu.v1")]
    assert spool.depth == (0, 0)
    assert publisher.published == 3000


def test_while_kafka_is_away_one_line_is_logged_and_nothing_lost(make_spool, make_record, kafka, publish, log):
    spool = make_spool()
    kafka.away = True
    publish(spool)
    for number in range(50):
        spool.offer([make_record(number)])
    while "Kafka is away: records wait in the spool" not in log.events():
        time.sleep(0.01)
    assert spool.settle(30)
    assert spool.depth[0] == 50

    kafka.away = False
    kafka.wait(50)
    while "Kafka is back" not in log.events():
        time.sleep(0.01)

    assert log.events().count("Kafka is away: records wait in the spool") == 1


def test_with_nothing_to_publish_kafka_is_asked_whether_it_is_back(make_spool, kafka, publish, log, monkeypatch):
    monkeypatch.setattr(publisher_module, "_ASK_EVERY_S", 0.01)
    kafka.away = True
    publisher = publish(make_spool())
    while kafka.asked < 2:
        time.sleep(0.01)
    assert publisher.away

    kafka.away = False
    while publisher.away:
        time.sleep(0.01)
    publisher.stop()
    assert log.events() == ["Kafka is away: records wait in the spool", "Kafka is back"]


def test_a_defect_is_told_and_publishing_goes_on(make_spool, make_record, kafka, publish, log):
    spool = make_spool()
    kafka.defects = 1
    publish(spool)
    spool.offer([make_record(1)])
    kafka.wait(1)

    assert [entry["level"] for entry in log if "defect of ours" in entry["event"]] == ["error"]


def test_what_was_refused_is_published_again_by_a_new_producer(make_spool, make_record, kafka, publish, log):
    spool = make_spool()
    records = [make_record(number) for number in range(20)]
    kafka.refuse = {records[5].value, records[11].value}
    spool.offer(records)
    assert spool.settle(30)
    publish(spool)
    while {value for _, _, value, *_ in kafka.delivered} != {one.value for one in records}:
        time.sleep(0.01)

    assert kafka.producers > 1
    refusals = [entry for entry in log if entry["event"] == "Kafka refuses records: they stay in the spool"]
    assert "ami topics apply" in refusals[0]["remedy"]


def test_a_full_queue_is_waited_out(make_spool, make_record, kafka, publish):
    kafka.full = 3
    spool = make_spool()
    publish(spool)
    spool.offer([make_record(number) for number in range(10)])
    kafka.wait(10)

    assert [value for _, _, value, *_ in kafka.delivered] == [make_record(number).value for number in range(10)]


def test_stopping_leaves_the_rest_in_the_spool(make_spool, make_record, kafka, publish):
    kafka.away = True
    spool = make_spool()
    publisher = publish(spool)
    spool.offer([make_record(number) for number in range(10)])
    assert spool.settle(30)
    publisher.stop(0.1)

    assert spool.depth[0] == 10
    assert kafka.delivered == []


def test_stopping_publishes_what_is_left_while_there_is_time(make_spool, make_record, kafka, publish):
    spool = make_spool()
    publisher = publish(spool)
    spool.offer([make_record(number) for number in range(500)])
    publisher.stop(30)

    assert len(kafka.delivered) == 500
