"""Ciphered pushes over TCP through agent, real Kafka and normalizer to committed readings, all on this machine.

Against the same number of records of the same size that one client produces to the same broker.
"""

import contextlib
import json
import os
import random
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, Producer

from ami_kafka import clients
from ami_kafka.broker import LocalBroker
from ami_schemas import topics
from bench._messages import Meter, wrapper

METERS = 200
PUSHES = 100
WITHIN_S = 300.0
AMI = [sys.executable, "-m", "ami_cli"]


def run(_options: Namespace) -> Iterator[dict[str, Any]]:
    """Measure once: 200 meters, 100 pushes each, a connection a meter."""
    source = random.Random(1)
    meters = [Meter(number, source) for number in range(METERS)]
    streams = [b"".join(wrapper(meter.push()) for _ in range(PUSHES)) for meter in meters]
    total = METERS * PUSHES
    with tempfile.TemporaryDirectory() as name, LocalBroker(Path(name) / "kafka") as broker:
        folder = Path(name)
        subprocess.run([*AMI, "topics", "apply", "--bootstrap", broker.bootstrap], check=True, capture_output=True)
        bare = total / _produce(broker.bootstrap, total, len(streams[0]) // PUSHES)
        with _stack(folder, broker.bootstrap, meters) as port, _reader(broker.bootstrap) as reader:
            began = time.perf_counter()
            _send(streams, port)
            seen, until = 0, began + WITHIN_S
            while seen < total and time.perf_counter() < until:
                seen += sum(record.error() is None for record in reader.consume(10_000, 0.2))
            took = time.perf_counter() - began
    if seen != total:
        raise SystemExit(f"{total} pushes were sent, {seen} readings were seen within {WITHIN_S:.0f} s")
    yield {
        "name": "end-to-end",
        "value": total / took,
        "unit": "push/s",
        "messages": total,
        "readings": seen,
        "ratio": total / took / bare,
        "ratio_to": "one client producing the same to the same broker",
    }


def _produce(bootstrap: str, count: int, size: int) -> float:
    """Return the seconds a bare producer takes for as many records of the same size."""
    producer: Producer = clients.producer(bootstrap)
    value = os.urandom(size)
    began = time.perf_counter()
    for number in range(count):
        while True:
            try:
                producer.produce(topics.PARKED, value, str(number % METERS))
                break
            except BufferError:
                producer.poll(0.1)
    producer.flush()
    return time.perf_counter() - began


@contextlib.contextmanager
def _stack(folder: Path, bootstrap: str, meters: list[Meter]) -> Iterator[int]:
    """Run agent and normalizer; give the port for pushes."""
    keys = folder / "keys.json"
    keys.touch(0o600)
    keys.write_text(
        json.dumps(
            {
                meter.system_title.hex(): {
                    "guek": meter.keys.encryption.hex(),
                    "gak": (meter.keys.authentication or b"").hex(),
                }
                for meter in meters
            }
        )
    )
    config = folder / "agent.yaml"
    config.write_text(
        f'agent: bench\nkafka: {{bootstrap: "{bootstrap}"}}\nstate_dir: state\n'
        "listen: [{transport: tcp, host: 127.0.0.1, port: 0}]\n"
    )
    commands = (
        ("normalize", "--bootstrap", bootstrap, "--keys", str(keys)),
        ("collect", "--config", str(config)),
    )
    logs = [folder / f"{command[0]}.log" for command in commands]
    started = []
    try:
        for command, log in zip(commands, logs, strict=True):
            with log.open("wb") as file:
                started.append(subprocess.Popen([*AMI, *command], stdout=file, stderr=file))
        _await(logs[0], "ready")
        yield int(_await(logs[1], r"listening.*127\.0\.0\.1:(\d+)|127\.0\.0\.1:(\d+).*listening"))
    finally:
        for process in started:
            process.send_signal(signal.SIGTERM)
        for process in started:
            process.wait(30)


def _await(log: Path, pattern: str) -> str:
    """Wait for a line of a log; return what its first group holds."""
    until = time.perf_counter() + 60
    while time.perf_counter() < until:
        found = re.search(pattern, log.read_text())
        if found:
            return next((group for group in found.groups() if group), "")
        time.sleep(0.05)
    raise SystemExit(f"{log.name} never said {pattern}: {log.read_text()[-1000:]}")


@contextlib.contextmanager
def _reader(bootstrap: str) -> Iterator[Consumer]:
    """Read committed readings from their present beginning."""
    consumer = clients.consumer(bootstrap, f"bench-{os.getpid()}", auto_offset_reset="earliest")
    consumer.subscribe([topics.READINGS])
    try:
        yield consumer
    finally:
        consumer.close()


def _send(streams: list[bytes], port: int) -> None:
    """Send each meter's pushes on a connection of its own."""
    links = [socket.create_connection(("127.0.0.1", port)) for _ in streams]
    for link, stream in zip(links, streams, strict=True):
        link.sendall(stream)
    for link in links:
        link.close()
