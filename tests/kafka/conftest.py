"""Topics of a test's own, records in them, and copiers as processes."""

import json
import signal
import subprocess
import sys
import threading
import time
import traceback
import uuid
from collections import Counter
from pathlib import Path

import pytest
from confluent_kafka import OFFSET_BEGINNING, TopicPartition

from ami_kafka import clients, topics
from ami_kafka.offsets import bounds

PARTITIONS = 4
COPIER = Path(__file__).with_name("copier.py")


class Copier:
    """A copier in a process of its own; its events are read as they come."""

    def __init__(self, bootstrap, name, *options):
        self.process = subprocess.Popen(
            [sys.executable, str(COPIER), bootstrap, name, *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.events = []
        self.errors = []
        self._readers = [
            threading.Thread(
                target=self._read, args=(self.process.stdout, lambda x: self.events.append(json.loads(x)))
            ),
            threading.Thread(target=self._read, args=(self.process.stderr, self.errors.append)),
        ]
        for reader in self._readers:
            reader.start()

    @staticmethod
    def _read(stream, keep):
        with stream:
            for line in stream:
                keep(line)

    def kinds(self):
        return Counter(event["kind"] for event in self.events)

    def await_stopped(self, seconds=60):
        """Wait until the process is stopped by SIGSTOP."""
        wait_until(lambda: self.state() == "T", seconds, self)

    def state(self):
        return Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()[0]

    def finish(self, number=signal.SIGTERM, seconds=60):
        """Send a signal, wait for the end, give the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        code = self.process.wait(seconds)
        for reader in self._readers:
            reader.join()
        return code


class Space:
    """Topics `raw`, `out`, `marks` and `ledger` under a name of their own."""

    def __init__(self, bootstrap):
        self.bootstrap = bootstrap
        self.name = f"t-{uuid.uuid4().hex[:8]}"
        self.raw, self.out, self.ledger = (f"{self.name}.{suffix}" for suffix in ("raw", "out", "ledger"))
        self.marks = f"{self.name}.marks"
        self.group = f"{self.name}.group"
        self.copiers = []
        topics.apply(
            bootstrap,
            [
                topics.TopicSpec(self.raw, PARTITIONS, {}),
                topics.TopicSpec(self.out, PARTITIONS, {"max.message.bytes": "100000"}),
                topics.TopicSpec(self.marks, PARTITIONS, {}),
                topics.TopicSpec(self.ledger, PARTITIONS, {"cleanup.policy": "compact"}),
            ],
        )

    def fill(self, count, size=100):
        """Produce records to raw, evenly over its partitions."""
        producer = clients.producer(self.bootstrap)
        for number in range(count):
            producer.produce(self.raw, b"x" * size, key=str(number).encode(), partition=number % PARTITIONS)
            if number % 1000 == 0:
                producer.flush()
        assert producer.flush(30) == 0

    def copier(self, *options):
        copier = Copier(self.bootstrap, self.name, *options)
        self.copiers.append(copier)
        return copier

    def committed(self, topic):
        """Give the records that a reader of committed ones sees, as of now, each partition's in order."""
        consumer = clients.consumer(self.bootstrap, f"{self.name}.check", enable_partition_eof=True)
        consumer.assign([TopicPartition(topic, number, OFFSET_BEGINNING) for number in range(PARTITIONS)])
        open_ends = set(range(PARTITIONS))
        try:
            while open_ends:
                for message in consumer.consume(5000, 1.0):
                    if message.error() is not None:
                        open_ends.discard(message.partition())
                        continue
                    yield message
        finally:
            consumer.close()

    def sources(self):
        """Count each `ami-source` in out."""
        return Counter(dict(message.headers())["ami-source"].decode() for message in self.committed(self.out))

    def remembered(self):
        """Give what the copiers remembered: the numbers they gave in each partition, in order, and their marks."""
        numbers, marks = ({partition: [] for partition in range(PARTITIONS)} for _ in range(2))
        for message in self.committed(self.out):
            numbers[message.partition()].append(int(dict(message.headers())["number"]))
        for message in self.committed(self.marks):
            marks[message.partition()].append(int(message.value()))
        return numbers, marks

    def await_copied(self, count, seconds=90):
        """Wait until as many distinct sources are seen, then give the counts."""
        wait_until(lambda: len(self.sources()) >= count, seconds, *self.copiers)
        return self.sources()

    def ends(self, topic):
        """Give the high watermark of each partition."""
        found = bounds(clients.admin(self.bootstrap), topic, range(PARTITIONS))
        return {number: each.high for number, each in found.items()}


def wait_until(condition, seconds, *copiers):
    """Wait for a condition; fail with what the copiers said, and where our threads are."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            told = "\n".join(str([*copier.events[-8:], *copier.errors[-8:]]) for copier in copiers)
            stacks = "\n".join("".join(traceback.format_stack(frame)) for frame in sys._current_frames().values())
            pytest.fail(f"waited {seconds} s in vain; the copiers said:\n{told}\nthe threads are at:\n{stacks}")
        time.sleep(0.1)


@pytest.fixture
def make_space():
    """Give a function that makes topics of their own on a Kafka; copiers in them end with the test."""
    made = []

    def make(bootstrap):
        made.append(Space(bootstrap))
        return made[-1]

    yield make
    for each in made:
        for copier in each.copiers:
            copier.finish(signal.SIGKILL)


@pytest.fixture
def space(make_space, kafka_bootstrap):
    return make_space(kafka_bootstrap)


@pytest.fixture(name="wait_until")
def wait_until_fixture():
    return wait_until
