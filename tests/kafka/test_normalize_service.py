"""The normalizer on a real broker: every raw record ends somewhere, once, in its own partition."""

import threading

import pytest

from ami_dlms.framing import wrapper
from ami_kafka import clients, topics
from ami_kafka.loop import EventKind
from ami_normalize.service import Settings, run
from ami_schemas import topics as names

pytestmark = pytest.mark.kafka

APDU = bytes.fromhex("0f00000001000201020309060100010800ff060000303902020f00161e")
FRAMED = wrapper.encode(APDU, 1, 16)
HEADERS = [("ami-framing", b"wrapper"), ("ami-exchange", b"push"), ("ce_time", b"2024-03-01T12:00:00.000000Z")]
RAW = [(b"meter-1", FRAMED), (b"meter-2", FRAMED + FRAMED), (b"peer-10.0.0.1", FRAMED), (b"meter-3", FRAMED[:-2])]


@pytest.fixture(scope="module")
def bootstrap(own_kafka):
    topics.apply(own_kafka)
    return own_kafka


def normalize(bootstrap, group, count):
    stop, seen = threading.Event(), [0]

    def on_event(event):
        if event.kind is EventKind.COMMITTED:
            seen[0] += event.fields["records"]
            if seen[0] >= count:
                stop.set()

    run(Settings(bootstrap, group=group), stop, on_event)


def committed(bootstrap, topic, count):
    consumer = clients.consumer(bootstrap, f"look-{topic}", auto_offset_reset="earliest")
    consumer.subscribe([topic])
    found = []
    while len(found) < count:
        message = consumer.poll(1.0)
        if message is not None and not message.error():
            found.append(message)
    consumer.close()
    return found


def test_each_raw_record_ends_once_in_its_own_partition(bootstrap):
    producer = clients.producer(bootstrap)
    for partition, (key, value) in enumerate(RAW):
        producer.produce(names.RAW, value, key, partition, headers=HEADERS)
    producer.flush()
    normalize(bootstrap, "ami-normalize", len(RAW))
    found = {}
    for topic, count in ((names.READINGS, 3), (names.PARKED, 1), (names.DEAD_LETTERS, 1)):
        for message in committed(bootstrap, topic, count):
            found.setdefault(topic, []).append((dict(message.headers())["ami-source"].decode(), message.partition()))
    assert sorted(found[names.READINGS]) == [("ami.raw.v1/0/0", 0), ("ami.raw.v1/1/0#0", 1), ("ami.raw.v1/1/0#1", 1)]
    assert found[names.PARKED] == [("ami.raw.v1/2/0", 2)]
    assert found[names.DEAD_LETTERS] == [("ami.raw.v1/3/0", 3)]
