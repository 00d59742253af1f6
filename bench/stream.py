"""Ciphered pushes preloaded on a real Kafka to committed readings: throughput, scale and latency on the broker's cores.

    python -m bench stream [--records N] [--batch N] [--steady SECONDS]

Each of 10,000 meters has keys of its own; every reading has its full provenance and the ledger is on. In one run: one
normalizer, two normalizers, a loop that only copies key, value and headers with the same library and batch size, a
Faust pipeline with the same decode. Then what one normalizer sustains while this process appends records and reads the
readings, and for `--steady` seconds at half of that the latency from the append of a raw record to its committed
reading, and the normalizer's memory.
"""

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from argparse import Namespace
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from confluent_kafka import (
    Consumer,
    KafkaException,
    Producer,
    TopicPartition,
)
from confluent_kafka.cimpl import NewTopic

from ami_kafka import clients
from ami_kafka import topics as administration
from ami_kafka.broker import LocalBroker
from ami_kafka.offsets import bounds
from ami_normalize.pipeline import RawRecord
from ami_schemas import topics
from bench._live import Live, made
from bench._messages import Meter
from bench._traffic import record

METERS, PARTITIONS = 10_000, 12
WARM = 0.15
"""The share of the records that is not timed: the clients join, shapes are learnt, keys come into the caches."""
MOST_MADE = 200_000
"""Raw records made for the live load."""
SUSTAINED_S = 15.0
"""How long as many records are appended as come out."""
FAUST = 40_000
"""Raw records that the Faust pipeline is timed on: it takes its time."""
MEASURED = 40
"""How often memory is."""
TARGET = "bench.copy.v1"
WITHIN_S = 900.0
TICKS = os.sysconf("SC_CLK_TCK")


class Timed(NamedTuple):
    """How long some processes took for the timed records."""

    rate: float
    """Records per second, by the clock."""
    cpu: float
    """Seconds of CPU of the processes per record, in microseconds."""


def run(options: Namespace) -> Iterator[dict[str, Any]]:
    """Measure on a broker of its own."""
    source = random.Random(1)
    meters = [Meter(number, source) for number in range(METERS)]
    with tempfile.TemporaryDirectory() as name, LocalBroker(Path(name) / "kafka") as broker:
        broker.start()
        administration.apply(broker.bootstrap)
        bench = Bench(Path(name), broker.bootstrap, meters, options)
        bench.create(TARGET)
        bench.load(options.records)
        one = bench.timed(bench.normalizer("one"))
        two = bench.timed(bench.normalizer("two"), bench.normalizer("two"))
        copied = bench.timed([sys.executable, "-m", "bench._copier", broker.bootstrap, TARGET, str(options.batch)])
        faust = bench.timed(bench.faust(), most=FAUST)
        yield _result("stream", one, copied.rate, "a loop that only copies, same library and batches")
        yield _result("stream-two", two, one.rate, "one normalizer")
        yield _result("stream-copy", copied, one.rate, "one normalizer")
        yield _result("stream-faust", faust, one.rate, "one normalizer")
        steady = bench.live(options.steady)
        yield {
            "name": "stream-live",
            "value": steady.sustained,
            "unit": "push/s",
            "ratio": steady.sustained / one.rate,
            "ratio_to": "one normalizer, preloaded",
        }
        for share in (50, 99):
            at = min(len(steady.waited) - 1, len(steady.waited) * share // 100)
            yield {
                "name": f"stream-latency-p{share}",
                "value": steady.waited[at],
                "unit": "ms",
                "load": steady.sustained / 2,
            }
        middle = max(steady.memory[: len(steady.memory) // 2])
        last = max(steady.memory[len(steady.memory) // 2 :])
        yield {
            "name": "stream-memory",
            "value": last,
            "unit": "MiB",
            "samples": steady.memory,
            "ratio": last / middle,
            "ratio_to": "its own first half",
        }


def _result(name: str, timed: Timed, other: float, to: str) -> dict[str, Any]:
    return {
        "name": name,
        "value": timed.rate,
        "unit": "push/s",
        "cpu_us": timed.cpu,
        "ratio": timed.rate / other,
        "ratio_to": to,
    }


class Steady(NamedTuple):
    """How a normalizer did while raw records were appended and readings read, on the same cores."""

    sustained: float
    """Records per second from end to end, where as many are appended as come out."""
    waited: list[float]
    """At half of that: from the append of a raw record to the reader of its reading, in milliseconds, sorted."""
    memory: list[int]
    """The normalizer's resident memory in MiB, at equal distances in time."""


class Bench:
    """A broker with raw records, and processes that work on them."""

    def __init__(self, folder: Path, bootstrap: str, meters: Sequence[Meter], options: Namespace) -> None:
        self._folder, self._bootstrap, self._meters, self._options = folder, bootstrap, meters, options
        self._random = random.Random(2)
        self._admin = clients.admin(bootstrap)
        self._lookers: dict[str, Consumer] = {}
        """Each asks for the offsets of its group, without being a member."""
        keys = folder / "keys.json"
        keys.touch(0o600)
        keys.write_text(json.dumps({meter.system_title.hex(): _keys(meter) for meter in meters}))
        self._keys = keys

    def normalizer(self, group: str) -> list[str]:
        """Return the command of a normalizer of a group."""
        command = [
            sys.executable,
            "-m",
            "ami_cli",
            "normalize",
            "--bootstrap",
            self._bootstrap,
            "--keys",
            str(self._keys),
        ]
        return [*command, "--group", group, "--batch", str(self._options.batch)]

    def create(self, topic: str) -> None:
        """Make a topic with as many partitions as raw has."""
        for future in self._admin.create_topics([NewTopic(topic, PARTITIONS, 1)]).values():
            future.result()

    def load(self, count: int) -> None:
        """Append raw records, each the next push of some meter."""
        producer: Producer = clients.producer(self._bootstrap)
        for number in range(count):
            meter = self._random.choice(self._meters)
            _append(producer, record(meter, meter.push(), number))
        producer.flush()

    def faust(self) -> list[str]:
        """Return the command of a Faust pipeline with the same decode."""
        options = [self._bootstrap, TARGET, str(self._keys), str(self._options.batch)]
        return [sys.executable, "-m", "bench._faust", *options]

    def timed(self, *commands: list[str], most: int | None = None) -> Timed:
        """Let processes work through all raw records, or so many; time those behind the warming up."""
        group = _group(commands[0])
        total = sum(bound.high for bound in bounds(self._admin, topics.RAW, range(PARTITIONS)).values())
        total = min(total, most or total)
        with _running(self._folder, commands) as processes:
            first = self._reached(group, int(total * WARM))
            began, cpu = time.perf_counter(), sum(map(_cpu, processes))
            self._reached(group, total)
            took = time.perf_counter() - began
            used = sum(map(_cpu, processes)) - cpu
        return Timed((total - first) / took, used * 1e6 / (total - first))

    def _reached(self, group: str, count: int) -> int:
        """Wait until a group has committed so many records; return how many it has."""
        until = time.perf_counter() + WITHIN_S
        while time.perf_counter() < until:
            done = self._committed(group)
            if done >= count:
                return done
            time.sleep(0.05)
        raise SystemExit(f"{group} did not come to {count} records within {WITHIN_S:.0f} s")

    def _committed(self, group: str) -> int:
        """Return how many raw records a group has committed."""
        wanted = [TopicPartition(topics.RAW, number) for number in range(PARTITIONS)]
        looker = self._lookers.get(group)
        if looker is None:
            looker = self._lookers[group] = clients.consumer(self._bootstrap, group)
        with contextlib.suppress(KafkaException):
            return sum(max(0, where.offset) for where in looker.committed(wanted, timeout=5.0))
        return 0

    def live(self, seconds: float) -> Steady:
        """Let one normalizer work while raw records are appended and readings read: all it can, then half of that.

        The records are made beforehand. Where they do not last, they come again: retransmissions, which become
        readings too.
        """
        known = [made(record(meter, meter.push(), number)) for number, meter in enumerate(self._meters)]
        pool = [made(self._record(number)) for number in range(MOST_MADE)]
        memory: list[int] = []
        with _running(self._folder, [self.normalizer("one")]) as (process,), _reader(self._bootstrap) as reader:
            producer: Producer = clients.producer(self._bootstrap)
            Live(producer, reader, known).met()
            live = Live(producer, reader, pool)
            sustained = live.sustained(SUSTAINED_S)

            def look(spent: float) -> None:
                if spent > len(memory) * seconds / MEASURED:
                    memory.append(_resident(process))

            waited = live.paced(sustained / 2, seconds, look)
            memory.append(_resident(process))
        return Steady(sustained, waited, memory)

    def _record(self, number: int) -> RawRecord:
        meter = self._random.choice(self._meters)
        return record(meter, meter.push(), number)


def _group(command: Sequence[str]) -> str:
    """Return the consumer group that a command works for."""
    if "--group" in command:
        return command[command.index("--group") + 1]
    return "bench-faust" if "bench._faust" in command else "bench-copier"


def _resident(process: subprocess.Popen[bytes]) -> int:
    """Return the resident memory of a process in MiB."""
    lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:")) // 1024


def _keys(meter: Meter) -> dict[str, str]:
    return {"guek": meter.keys.encryption.hex(), "gak": (meter.keys.authentication or b"").hex()}


def _append(producer: Producer, raw: RawRecord) -> None:
    while True:
        try:
            producer.produce(raw.topic, raw.value, raw.key, headers=list(raw.headers.items()))
        except BufferError:  # noqa: PERF203  the queue is full: let it drain
            producer.poll(0.05)
        else:
            return


@contextlib.contextmanager
def _running(folder: Path, commands: Sequence[list[str]]) -> Iterator[list[subprocess.Popen[bytes]]]:
    with (folder / "log").open("ab") as log:
        processes = [subprocess.Popen(command, stdout=log, stderr=log) for command in commands]
        try:
            yield processes
        finally:
            for process in processes:
                process.send_signal(signal.SIGTERM)
            for process in processes:
                process.wait(30)


def _cpu(process: subprocess.Popen[bytes]) -> float:
    """Return the seconds of CPU a process has used."""
    fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


@contextlib.contextmanager
def _reader(bootstrap: str) -> Iterator[Consumer]:
    """Read committed readings from their present end."""
    consumer = clients.consumer(bootstrap, f"bench-{os.getpid()}", auto_offset_reset="latest")
    consumer.subscribe([topics.READINGS])
    until = time.perf_counter() + 30
    while not consumer.assignment() and time.perf_counter() < until:
        consumer.poll(0.1)
    try:
        yield consumer
    finally:
        consumer.close()
