"""Several normalizers: started together they just work; killed, or with their supervisor killed, they lose nothing."""

import json
import os
import signal
import socket
import subprocess
import urllib.error
import urllib.request
from contextlib import suppress
from pathlib import Path

import pytest
from support.kafka_reader import headers, read_all
from support.killed import check, fill
from support.processes import AMI, start, stop, until

from ami_kafka.broker import LocalBroker
from ami_schemas import topics

pytestmark = [pytest.mark.e2e, pytest.mark.kafka, pytest.mark.timeout(300)]


@pytest.fixture
def bootstrap(tmp_path):
    with LocalBroker(tmp_path / "kafka") as broker:
        subprocess.run([*AMI, "topics", "apply", "--bootstrap", broker.bootstrap], check=True, capture_output=True)
        yield broker.bootstrap


@pytest.fixture
def log(tmp_path):
    return tmp_path / "normalize.log"


def port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def page(at):
    url = f"http://127.0.0.1:{at}/health"
    with suppress(urllib.error.URLError, ConnectionError), urllib.request.urlopen(url, timeout=20) as answer:
        return json.load(answer)
    return {"healthy": False, "workers": []}


def done(bootstrap):
    return len({headers(record)["ami-source"] for record in read_all(bootstrap, topics.READINGS)})


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


def test_three_started_together_just_work(bootstrap, log):
    fill(bootstrap, meters=40, messages=300)
    processes = [start("normalize", "--bootstrap", bootstrap, log=log) for _ in range(3)]
    try:
        until(lambda: done(bootstrap) == 12_000, "readings of all records", 120, log=log)
        until(lambda: log.read_text().count("are ours") >= 3, "partitions of each of them", 60, log=log)
    finally:
        codes = [stop(process) for process in processes]
    assert codes == [0, 0, 0]
    check(bootstrap, 40, 300)


def test_workers_killed_and_their_supervisor_killed_lose_nothing(bootstrap, log):
    fill(bootstrap, meters=40, messages=1500)
    at = port()
    command = ("normalize", "--bootstrap", bootstrap, "--workers", "2", "--metrics", at, "--instance-id", "e2e")
    supervisor = start(*command, log=log)
    try:
        until(
            lambda: all(worker.get("partitions") for worker in page(at)["workers"] or [{}]), "partitions", 90, log=log
        )
        until(lambda: done(bootstrap) > 0, "first readings", 60, log=log)
        first, second = [worker["pid"] for worker in page(at)["workers"]]
        os.kill(first, signal.SIGKILL)
        until(lambda: page(at)["workers"][0]["pid"] not in {None, first}, "another worker", 60, log=log)
        assert page(at)["workers"][0]["restarts"] == 1
        assert page(at)["workers"][1]["pid"] == second
        ran = [worker["pid"] for worker in page(at)["workers"]]
    finally:
        supervisor.kill()
        supervisor.wait()
    until(lambda: not any(map(alive, ran)), "the end of the workers", 60, log=log)

    supervisor = start(*command, log=log)
    try:
        until(lambda: done(bootstrap) == 60_000, "readings of all records", 180, log=log)
        until(lambda: page(at)["healthy"], "health", 30, log=log)
    finally:
        ran = [worker["pid"] for worker in page(at)["workers"]]
        code = stop(supervisor, 60)
    assert code == 0
    assert not any(map(alive, ran))
    check(bootstrap, 40, 1500)
