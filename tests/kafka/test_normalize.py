"""The normalizer on a real broker: every raw record ends somewhere, once, in its own partition."""

import json
import threading

import pytest
from structlog.testing import capture_logs
from support.kafka_reader import headers, read_all

from ami.readings.v1 import meter_readings_pb2 as pb
from ami_dlms.framing import wrapper
from ami_kafka import clients, topics
from ami_kafka.loop import EventKind
from ami_normalize.dialects import Dialects
from ami_normalize.stream.run import run
from ami_normalize.stream.settings import Settings
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


UNKNOWN = wrapper.encode(bytes.fromhex("0f00000001000202" + "0600000001" + "0600000002"), 1, 16)
LAYOUT = [{"type": "number", "obis": f"1.0.{group}.8.0.255", "unit": "Wh"} for group in (1, 2)]
MAPPING = json.dumps([{"name": "new-maker", "layouts": [{"name": "two energies", "columns": LAYOUT}]}])


def outcomes(bootstrap, *offsets):
    """Where raw records of partition 7 ended, and what the readings among them hold."""
    found = {}
    for topic in (names.READINGS, names.PARKED, names.DEAD_LETTERS):
        for message in read_all(bootstrap, topic):
            source = headers(message).get("ami-source", b"").decode()  # a marker of a redrive has none
            if source in {f"{names.RAW}/7/{offset}" for offset in offsets}:
                reading = topic == names.READINGS and pb.MeterReadings.FromString(message.value())
                found[int(source.rpartition("/")[2])] = reading or headers(message)["dlq.reason"].decode()
    return found


def test_a_new_maker_is_added_while_running(bootstrap, tmp_path, wait_until):
    path = tmp_path / "mapping.json"
    producer, stop = clients.producer(bootstrap), threading.Event()

    def work():
        run(Settings(bootstrap, group="hot", mappings=(path,)), stop, lambda _event: None)

    def send(*values):
        for value in values:
            producer.produce(names.RAW, value, b"meter-7", 7, headers=HEADERS)
        assert producer.flush(30) == 0

    def arrived(*offsets):
        wait_until(lambda: not normalizer.is_alive() or len(outcomes(bootstrap, *offsets)) == len(offsets), 60)
        return outcomes(bootstrap, *offsets)

    normalizer = threading.Thread(target=work)
    with capture_logs() as told:
        normalizer.start()
        try:
            send(UNKNOWN, FRAMED)
            before = arrived(0, 1)
            path.write_text(MAPPING.replace("Wh", "kWh"))
            wait_until(lambda: any("refused" in line["event"] for line in told), 30)
            send(UNKNOWN, FRAMED)
            refused = arrived(2, 3)
            path.write_text(MAPPING)
            wait_until(lambda: any(line["event"] == "mapping in force" for line in told), 30)
            send(UNKNOWN, FRAMED)
            after = arrived(4, 5)
        finally:
            stop.set()
            normalizer.join()

    assert before[0] == refused[2] == "MAPPING_MISSING"
    values = [(reading.obis, reading.mantissa) for reading in after[4].readings]
    assert values == [("1.0.1.8.0.255", 1), ("1.0.2.8.0.255", 2)]
    assert after[4].provenance.dialect == "new-maker"
    old, new = Dialects.load().content_hash, Dialects.load(path).content_hash
    assert [found.provenance.mapping for found in (before[1], refused[3], after[5])] == [old, old, new]
    assert sum("refused" in line["event"] for line in told) == 1
