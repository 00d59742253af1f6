"""The consumers of the documentation do it right, on a real broker, each started as a reader starts it."""

import shutil
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from confluent_kafka import KafkaException, TopicPartition

from ami.readings.v1 import meter_readings_pb2 as pb
from ami_kafka import clients, jars, topics
from ami_kafka.java import find
from ami_kafka.topics import TopicSpec
from ami_schemas import json_form

pytestmark = pytest.mark.kafka

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "docs" / "examples"
PROTOBUF, JSON = "mdms.protobuf.v1", "mdms.json.v1"
ENERGY, EXPORT, VOLTAGE, PROFILE = "1.0.1.8.0.255", "1.0.2.8.0.255", "1.0.32.7.0.255", "1.0.99.1.0.255"
AT = 1_709_294_400_000_000
QUARTER = 900_000_000


def message(revision, received, *values, retracted=(), blocks=()):
    made = pb.MeterReadings(
        meter=pb.Meter(id="meter-1"), time=pb.MessageTime(received_us=AT + received), revision=revision
    )
    for obis, mantissa in values:
        made.readings.add(obis=obis, mantissa=mantissa, scale=-1, unit=30, measured_at_us=AT)
    for mantissas in blocks:
        block = made.interval_blocks.add(
            obis=ENERGY, profile_obis=PROFILE, period_s=900, first_interval_end_us=AT, mantissas=mantissas, unit=30
        )
        block.quality.add(index=1, quality=[pb.QUALITY_MISSING])
    for obis in retracted:
        made.retracted.add(obis=obis, at_us=AT)
    return made


SAID = [
    message(0, 1, (ENERGY, 10), (EXPORT, 20), (VOLTAGE, 30)),
    message(0, 1, (ENERGY, 10), (EXPORT, 20), (VOLTAGE, 30)),  # a retransmission
    message(0, 2, blocks=[[5, 0, 7]]),
    message(1, 1, (ENERGY, 11), retracted=[EXPORT]),  # a promoted replay
    message(0, 9, (ENERGY, 12)),  # of the revision before, whenever it comes
    message(1, 8, (VOLTAGE, 31)),
    message(1, 7, (VOLTAGE, 32)),  # received earlier than what is there
    message(0, 1, retracted=[ENERGY]),  # of no earlier revision
]
NEVER_SAID = message(9, 9, (ENERGY, 99), (EXPORT, 99))
IN_FORCE = {
    (ENERGY, "", AT): "1.1",
    (VOLTAGE, "", AT): "3.1",
    (ENERGY, PROFILE, AT): "5",
    (ENERGY, PROFILE, AT + QUARTER): None,
    (ENERGY, PROFILE, AT + 2 * QUARTER): "7",
}


@pytest.fixture(scope="module")
def bootstrap(own_kafka):
    topics.apply(own_kafka, [TopicSpec(name, 2, {}) for name in (PROTOBUF, JSON)])
    writer = clients.transactional_producer(own_kafka, "consume", on_error=lambda _: None)
    writer.init_transactions(30)
    for messages, end in (([NEVER_SAID], writer.abort_transaction), (SAID, writer.commit_transaction)):
        writer.begin_transaction()
        for made in messages:
            writer.produce(PROTOBUF, made.SerializeToString(), b"meter-1", 1)
            writer.produce(JSON, json_form.text(made).encode(), b"meter-1", 1)
        writer.flush(30)
        end(30)
    return own_kafka


def kept(path):
    """What the database of the Python example holds."""
    try:
        with sqlite3.connect(path) as database:
            rows = database.execute("SELECT obis, profile, at_us, value FROM readings").fetchall()
    except sqlite3.OperationalError:
        return {}
    return {tuple(key): value for *key, value in rows}


def consume(bootstrap, path, wait_until, number):
    """Run the Python example until its database holds what is in force and everything was taken, then end it."""
    with subprocess.Popen(
        [sys.executable, str(EXAMPLES / "keep_readings.py"), bootstrap, PROTOBUF, str(path)]
    ) as consumer:
        try:
            wait_until(lambda: consumer.poll() is not None or committed(bootstrap, path.stem), 90)
            assert consumer.poll() is None
        finally:
            consumer.send_signal(number)
    return kept(path)


def committed(bootstrap, name):
    """Whether the example has committed the end of the topic."""
    reader = clients.consumer(bootstrap, f"keep-readings-{name}")
    try:
        (offset,) = reader.committed([TopicPartition(PROTOBUF, 1)], timeout=10)
        return offset.offset >= reader.get_watermark_offsets(TopicPartition(PROTOBUF, 1), timeout=10)[1] - 1
    except KafkaException:  # the group's coordinator is not there yet
        return False
    finally:
        reader.close()


def test_the_python_consumer_keeps_what_is_in_force_and_reading_twice_changes_nothing(bootstrap, tmp_path, wait_until):
    first, again = tmp_path / "first.sqlite", tmp_path / "again.sqlite"

    assert consume(bootstrap, first, wait_until, signal.SIGKILL) == IN_FORCE
    shutil.copy(first, again)  # with what was kept, but without the progress: all comes again
    assert consume(bootstrap, again, wait_until, signal.SIGTERM) == IN_FORCE


def test_the_java_consumer_keeps_what_is_in_force(bootstrap, tmp_path, require):
    if not shutil.which("javac"):
        require("the Java example needs javac; install a JDK of at least 17")
    classes = ":".join(map(str, [tmp_path, *sorted(jars.ensure().glob("*.jar"))]))
    source = EXAMPLES / "KeepReadings.java"
    subprocess.run(["javac", "-Xlint:all", "-Werror", "-d", str(tmp_path), "-cp", classes, str(source)], check=True)
    done = subprocess.run(
        [str(find().path), "-cp", classes, "KeepReadings", bootstrap, JSON],
        capture_output=True,
        text=True,
        check=True,
        timeout=100,
    )
    found = {}
    for line in done.stdout.splitlines():
        meter, obis, _attribute, profile, at, _occurrence, value = line.split("|")
        assert meter == "meter-1"
        found[obis, profile, int(at)] = None if value == "null" else value

    assert found == IN_FORCE
