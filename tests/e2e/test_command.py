"""The command's verbs around Kafka, on a real one, as a user types them."""

import json
import os
import socket
import subprocess
import sys

import pytest

from ami.readings.v1 import meter_readings_pb2 as pb
from ami_cli.errors import ExitCode
from ami_kafka.clients import producer

pytestmark = [pytest.mark.e2e, pytest.mark.kafka]


def ami(*arguments, env=None, timeout=90):
    """Run the command to its end."""
    return subprocess.run(
        [sys.executable, "-m", "ami_cli", *map(str, arguments)],
        capture_output=True, text=True, timeout=timeout, env={**os.environ, **(env or {})}, check=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def topics(own_kafka):
    done = ami("topics", "apply", "--bootstrap", own_kafka, "--json")
    assert done.returncode == 0, done.stderr
    return own_kafka, [json.loads(line) for line in done.stdout.splitlines()]


def test_topics_are_created_once(topics):
    bootstrap, first = topics
    again = ami("topics", "apply", "--bootstrap", bootstrap, "--json")

    assert {change["outcome"] for change in first} == {"created"}
    assert {json.loads(line)["outcome"] for line in again.stdout.splitlines()} == {"unchanged"}


def test_tail_shows_what_is_there_and_stops(topics):
    bootstrap, _ = topics
    client = producer(bootstrap)
    for number in range(3):
        message = pb.MeterReadings(meter=pb.Meter(id="meter-1"))
        message.readings.add(obis="1.0.1.8.0.255", mantissa=number, unit=30)
        client.produce("ami.readings.v1", message.SerializeToString(), b"meter-1", partition=5)
    assert client.flush(30) == 0

    whole = ami("tail", "readings", "--from", "beginning", "--no-follow", "--bootstrap", bootstrap)
    two = ami("tail", "readings", "--from", "beginning", "-n", "2", "--json", "--bootstrap", bootstrap)

    assert whole.returncode == two.returncode == 0, whole.stderr + two.stderr
    assert [line.split()[4] for line in whole.stdout.splitlines()] == ["0", "1", "2"]
    assert [json.loads(line)["readings"][0]["value"] for line in two.stdout.splitlines()] == ["0", "1"]


def test_tail_of_a_topic_that_is_not_there(topics):
    bootstrap, _ = topics
    done = ami("tail", "no.such.topic", "--bootstrap", bootstrap)

    assert done.returncode == ExitCode.KAFKA
    assert done.stdout == ""
    assert "no topic no.such.topic" in done.stderr


def test_doctor_finds_kafka_and_topics(topics):
    bootstrap, _ = topics
    done = ami("doctor", "--json", "--bootstrap", bootstrap)
    found = {line["name"]: line for line in map(json.loads, done.stdout.splitlines())}

    assert found["Kafka"]["level"] == found["topics"]["level"] == "ok"


def test_doctor_fails_without_kafka_and_says_what_to_do():
    done = ami("doctor", "--bootstrap", "127.0.0.1:1")

    assert done.returncode == ExitCode.INCOMPLETE
    assert "ami kafka start" in done.stdout


def test_kafka_starts_is_found_and_stops(tmp_path):
    state = {"AMI_STATE": str(tmp_path), "KAFKA_BOOTSTRAP": ""}
    folder = tmp_path / "kafka"
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    try:
        started = ami("kafka", "start", "--port", port, "--state", folder, "--json")
        found = ami("kafka", "status", "--state", folder, "--json")
        resolved = ami("doctor", "--json", env=state)
    finally:
        stopped = ami("kafka", "stop", "--state", folder, "--json")
    after = ami("kafka", "status", "--state", folder)

    assert started.returncode == 0, started.stderr
    assert json.loads(started.stdout)["bootstrap"] == f"127.0.0.1:{port}"
    assert json.loads(found.stdout)["running"] is True
    assert f"127.0.0.1:{port}, 1 broker" in resolved.stdout  # without --bootstrap the local one is used
    assert json.loads(stopped.stdout)["running"] is False
    assert after.returncode == ExitCode.KAFKA


def test_a_taken_port_is_told(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = ami("kafka", "start", "--port", port, "--state", tmp_path)

    assert done.returncode == ExitCode.KAFKA
    assert f"port {port}" in done.stderr
    assert "--port" in done.stderr
    assert "Traceback" not in done.stderr
