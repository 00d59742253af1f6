"""Pushes through listener and spool to a real Kafka, against receiving and producing alone; each on one core.

A thousand meters with a connection each send as fast as the other side reads, every push by itself; broker and load
have the other cores. What arrived is then read back: every push of every meter at least once and in order.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from argparse import Namespace
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from confluent_kafka import Consumer, KafkaError, TopicPartition

from ami_kafka import clients
from ami_kafka.broker import LocalBroker
from ami_kafka.topics import apply
from ami_schemas import topics
from bench._push_load import counter_at

CONNECTIONS = 1000
WITHIN_S = 600.0
_TICKS = os.sysconf("SC_CLK_TCK")


class Run(NamedTuple):
    """One run: pushes, seconds from the first sent to the last in Kafka, CPU seconds and peak memory of the process."""

    sent: Sequence[int]
    took: float
    cpu: float
    peak_mib: float

    @property
    def rate(self) -> float:
        """Pushes a second."""
        return sum(self.sent) / self.took


def run(options: Namespace) -> Iterator[dict[str, Any]]:
    """Measure the bare loop and the agent, one after the other, on the same broker."""
    seconds = max(options.seconds, 10.0)
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, set(cores[1:]) or set(cores))  # broker and load; the agent has the first core to itself
    try:
        with tempfile.TemporaryDirectory() as name, LocalBroker(Path(name) / "kafka") as broker:
            broker.start()
            apply(broker.bootstrap)
            folder = Path(name)
            bare = _measure(
                [sys.executable, "-m", "bench._push_bare", broker.bootstrap, topics.PARKED, str(folder / "bare.port")],
                folder / "bare.port", bootstrap=broker.bootstrap, topic=topics.PARKED, core=cores[0], seconds=seconds,
            )  # fmt: skip
            config = folder / "agent.yaml"
            config.write_text(
                f'agent: bench\nkafka: {{bootstrap: "{broker.bootstrap}"}}\nstate_dir: state\n'
                "listen: [{transport: tcp, host: 127.0.0.1, port: 0}]\n"
            )
            agent = _measure(
                [sys.executable, "-m", "ami_cli", "collect", "--config", str(config)],
                folder / "agent.log", bootstrap=broker.bootstrap, topic=topics.RAW, core=cores[0], seconds=seconds,
            )  # fmt: skip
            _check(broker.bootstrap, agent.sent)
    finally:
        os.sched_setaffinity(0, set(cores))
    for title, one in (("bare receive -> produce", bare), ("agent", agent)):
        yield {
            "name": f"push: {title}",
            "value": one.rate,
            "unit": "push/s",
            "messages": sum(one.sent),
            "seconds": one.took,
            "cpu_us": one.cpu / sum(one.sent) * 1e6,
            "peak_mib": one.peak_mib,
            "ratio": one.rate / bare.rate,
            "ratio_to": "bare receive -> produce",
        }


def _measure(command: list[str], says: Path, *, bootstrap: str, topic: str, core: int, seconds: float) -> Run:
    """Run one receiver under load until Kafka has every push."""
    with says.with_suffix(".log").open("wb") as log:
        receiver = subprocess.Popen(["taskset", "-c", str(core), *command], stdout=log, stderr=log)
    try:
        port = _port(says, receiver)
        load = subprocess.Popen(
            [sys.executable, "-m", "bench._push_load", str(port), str(CONNECTIONS), str(seconds), "0"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert load.stdin is not None
        assert load.stdout is not None
        if load.stdout.readline() != "connected\n":
            raise SystemExit("the load did not connect")
        before, began = _cpu(receiver.pid), time.perf_counter()
        load.stdin.write("\n")
        load.stdin.flush()
        sent = json.loads(load.stdout.readline())["sent"]
        load.wait(30)
        until = time.perf_counter() + WITHIN_S
        with contextlib.closing(clients.consumer(bootstrap, "bench-ends")) as consumer:
            while _ends(consumer, topic) < sum(sent):
                if time.perf_counter() > until:
                    raise SystemExit(f"{sum(sent)} pushes were sent, Kafka has {_ends(consumer, topic)}")
                time.sleep(0.05)
        took = time.perf_counter() - began
        cpu = _cpu(receiver.pid) - before
        peak = _peak_mib(receiver.pid)
    finally:
        receiver.send_signal(signal.SIGTERM)
        receiver.wait(60)
    return Run(sent, took, cpu, peak)


def _port(says: Path, process: subprocess.Popen[bytes]) -> int:
    """Wait until the receiver has said its port, in a file or in its log."""
    until = time.perf_counter() + 60
    while time.perf_counter() < until and process.poll() is None:
        text = says.read_text() if says.exists() else ""
        for line in text.splitlines():
            if line.isdigit():
                return int(line)
            if '"listening"' in line:
                return int(json.loads(line)["address"].rpartition(":")[2])
        time.sleep(0.02)
    raise SystemExit(f"{process.args!r} never listened: {says.with_suffix('.log').read_text()[-1000:]}")


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def _peak_mib(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) / 1024
    return 0.0


def _ends(consumer: Consumer, topic: str) -> int:
    partitions = consumer.list_topics(topic, 10).topics[topic].partitions
    return sum(consumer.get_watermark_offsets(TopicPartition(topic, one), 10)[1] for one in partitions)


def _check(bootstrap: str, sent: Sequence[int]) -> None:
    """Read everything back: each meter's counters from 1 on, none missing, none before its time."""
    seen: dict[bytes, int] = {}
    with contextlib.closing(
        clients.consumer(bootstrap, "bench-check", auto_offset_reset="earliest", enable_partition_eof=True)
    ) as consumer:
        unread = set(consumer.list_topics(topics.RAW, 10).topics[topics.RAW].partitions)
        consumer.assign([TopicPartition(topics.RAW, one, 0) for one in unread])
        while unread:
            for record in consumer.consume(10_000, 1.0):
                error = record.error()
                if error is not None:
                    if error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001  librdkafka's own name
                        unread.discard(record.partition())
                    continue
                value, key = record.value() or b"", record.key() or b""
                at = counter_at(value)
                counter, before = int.from_bytes(value[at : at + 4], "big"), seen.get(key, 0)
                if counter > before + 1:
                    raise SystemExit(f"{key.decode()}: push {counter} stands behind {before}")
                seen[key] = max(before, counter)
    if sorted(seen.values()) != sorted(sent):
        raise SystemExit(f"{sum(sent)} pushes were sent, {sum(seen.values())} are in Kafka")
