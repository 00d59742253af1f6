"""The agent's publisher against a real Kafka: what was spooled arrives as the raw record contract says."""

import struct
import time
import uuid

import pytest
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic
from support.log import Log

from ami_ingest.record import RawRecord
from ami_ingest.spool import publisher as publisher_module
from ami_ingest.spool.publisher import Publisher, producer_for
from ami_ingest.spool.spool import Spool

pytestmark = pytest.mark.kafka

PARTITIONS = 4
SETTINGS = {"max.message.bytes": str(2 << 20)}


@pytest.fixture
def topic():
    return f"ingest-{uuid.uuid4().hex[:8]}"


@pytest.fixture
def log():
    return Log()


@pytest.fixture
def spool(tmp_path, log):
    spool = Spool(tmp_path / "spool.sqlite", "edge-1", max_bytes=1 << 30, log=log.logger())
    spool.open()
    yield spool
    spool.close()


@pytest.fixture
def publish(spool, kafka_bootstrap, topic, log):
    publisher = Publisher(
        spool, producer_for(kafka_bootstrap), bootstrap=kafka_bootstrap, log=log.logger(), topic=topic
    )
    yield publisher
    publisher.stop(10)


def create(bootstrap, topic):
    admin = AdminClient({"bootstrap.servers": bootstrap})
    (created,) = admin.create_topics([NewTopic(topic, PARTITIONS, 1, config=SETTINGS)]).values()
    created.result()


def read(bootstrap, topic, count):
    """Read until `count` records have come."""
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": topic,
            "fetch.message.max.bytes": 2 << 20,
            "auto.offset.reset": "earliest",
        }
    )
    consumer.assign([TopicPartition(topic, partition, 0) for partition in range(PARTITIONS)])
    found = []
    try:
        while len(found) < count:
            found += [message for message in consumer.consume(500, 1.0) if message.error() is None]
    finally:
        consumer.close()
    return found


def records(count, size=50):
    return [
        RawRecord(
            b"st-%016x" % (number % 11),
            struct.pack(">I", number) + bytes(size),
            (("ami-agent", b"edge-1"),),
            number * 1000,
        )
        for number in range(count)
    ]


def test_everything_arrives_once_and_in_order_of_its_key(spool, kafka_bootstrap, topic, publish):
    create(kafka_bootstrap, topic)
    made = records(2000)
    spool.offer(made)
    publish.start()
    found = read(kafka_bootstrap, topic, 2000)
    publish.stop(30)
    assert spool.settle(30)

    assert {message.value() for message in found} == {record.value for record in made}
    for key in {record.key for record in made}:
        assert [message.value() for message in found if message.key() == key] == [
            record.value for record in made if record.key == key
        ]
    first = next(message for message in found if message.value() == made[7].value)
    assert first.headers() == [("ce_id", f"edge-1/{spool.uuid}/8".encode()), ("ami-agent", b"edge-1")]
    assert first.timestamp()[1] == 7
    assert spool.depth == (0, 0)


def test_the_largest_record_passes(spool, kafka_bootstrap, topic, publish):
    create(kafka_bootstrap, topic)
    (record,) = records(1, size=(1 << 20) - 4)
    spool.offer([record._replace(headers=(("ami-context", bytes(60_000)),))])
    publish.start()

    (found,) = read(kafka_bootstrap, topic, 1)
    assert len(found.value()) == 1 << 20


def test_keys_go_where_java_would_send_them(spool, kafka_bootstrap, topic, publish):
    create(kafka_bootstrap, topic)
    made = records(50)
    spool.offer(made)
    publish.start()

    for message in read(kafka_bootstrap, topic, 50):
        assert message.partition() == (murmur2(message.key()) & 0x7FFFFFFF) % PARTITIONS


def test_a_missing_topic_is_said_and_waited_for(spool, kafka_bootstrap, topic, publish, log, monkeypatch):
    monkeypatch.setattr(publisher_module, "_BACK_OFF_S", 0.1)
    impatient = producer_for(kafka_bootstrap, topic_metadata_propagation_max_ms=500)
    monkeypatch.setattr(publish, "_make_producer", impatient)
    spool.offer(records(10))
    publish.start()
    while "Kafka refuses records: they stay in the spool" not in log.events():
        time.sleep(0.05)
    assert spool.depth[0] == 10

    create(kafka_bootstrap, topic)
    found = read(kafka_bootstrap, topic, 10)

    assert {message.value() for message in found} == {record.value for record in records(10)}
    (refusal, *_) = [entry for entry in log if entry["event"].startswith("Kafka refuses")]
    assert refusal["remedy"] == f"create {topic} with: ami topics apply"


def test_no_kafka_is_one_line_and_costs_nothing(spool, log):
    publisher = Publisher(spool, producer_for("127.0.0.1:1"), bootstrap="127.0.0.1:1", log=log.logger())
    spool.offer(records(10))
    publisher.start()
    while "Kafka is away: records wait in the spool" not in log.events():
        time.sleep(0.05)
    publisher.stop(0.1)

    assert spool.depth[0] == 10
    assert [entry["level"] for entry in log] == ["warning"]


def murmur2(data):
    """Java Kafka's default partitioner hash, from its published definition."""
    mask, m = 0xFFFFFFFF, 0x5BD1E995
    value = (0x9747B28C ^ len(data)) & mask
    whole = len(data) // 4 * 4
    for (word,) in struct.iter_unpack("<I", data[:whole]):
        k = word * m & mask
        value = (value * m & mask) ^ ((k ^ k >> 24) * m & mask)
    tail = data[whole:]
    if tail:
        value = (value ^ int.from_bytes(tail, "little")) * m & mask
    value = (value ^ value >> 13) * m & mask
    return value ^ value >> 15
