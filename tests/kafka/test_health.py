"""While broker, disk or key store is away nothing is consumed, the health page says why, and it ends by itself."""

import errno
import json
import os
import signal
import socket
import threading
import urllib.error
import urllib.request

import pytest
from support.kafka_reader import read_all

from ami_dlms.framing import wrapper
from ami_dlms.security import Keys, Protection, protect
from ami_kafka import clients, topics
from ami_kafka.broker import LocalBroker
from ami_kafka.observe.endpoint import Address
from ami_normalize.stream import processor
from ami_normalize.stream.run import run
from ami_normalize.stream.settings import Settings
from ami_schemas import topics as names

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(300)]

TITLE = b"AMI\0\0\0\0\1"
RIGHT = Keys(bytes(16), bytes(range(16)))
PUSH = bytes.fromhex("0f00000001000201020309060100010800ff060000303902020f00161e")


class Line:
    """A normalizer in a thread, a producer, and its pages."""

    def __init__(self, bootstrap, keys):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.bootstrap = bootstrap
        self.sent = 0
        self._stop = threading.Event()
        settings = Settings(bootstrap, keys=keys, metrics=Address("127.0.0.1", self.port), patience_s=12.0)
        self._thread = threading.Thread(target=run, args=(settings, self._stop))
        self._producer = clients.producer(bootstrap)

    def send(self, count):
        for _ in range(count):
            self.sent += 1
            sealed = protect(
                PUSH,
                keys=RIGHT,
                system_title=TITLE,
                invocation_counter=self.sent,
                protection=Protection.AUTHENTICATED_ENCRYPTED,
                suite=0,
            )
            told = [("ami-framing", b"wrapper"), ("ami-exchange", b"push")]
            self._producer.produce(names.RAW, wrapper.encode(sealed, 1, 16), f"st-{TITLE.hex()}".encode(), headers=told)

    def page(self):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/health", timeout=10) as answer:
            return json.load(answer)

    def status(self):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/healthz", timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    def metric(self, name):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=10) as answer:
            for line in answer.read().decode().splitlines():
                if line.startswith(name):
                    return float(line.rpartition(" ")[2])
        return None

    def readings(self):
        return len(read_all(self.bootstrap, names.READINGS))

    def answers(self):
        try:
            return self.page()["state"] in {"idle", "working"}
        except urllib.error.URLError:
            return False

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()


@pytest.fixture
def broker(tmp_path):
    with LocalBroker(tmp_path / "kafka") as found:
        topics.apply(found.bootstrap)
        yield found


@pytest.fixture
def line(broker, tmp_path, wait_until):
    keys = tmp_path / "keys.json"
    keys.write_text(json.dumps({TITLE.hex(): {"guek": RIGHT.encryption.hex(), "gak": RIGHT.authentication.hex()}}))
    keys.chmod(0o600)
    with Line(broker.bootstrap, keys) as found:
        wait_until(found.answers, 60)
        yield found


def test_it_waits_says_why_and_goes_on(broker, line, monkeypatch, wait_until):
    line.send(10)
    wait_until(lambda: line.readings() == 10, 60)
    wait_until(lambda: line.page()["lag"] == 0, 30)
    assert line.status() == (200, "ok\n")
    assert line.metric('ami_normalize_records_total{manufacturer="AMI"}') == 10

    missing = []
    outputs = processor.outputs

    def lacking(*arguments):
        if missing:
            raise missing[0]
        return outputs(*arguments)

    monkeypatch.setattr(processor, "outputs", lacking)
    for number, (fault, cause) in enumerate(
        (
            (OSError("the key store does not answer"), "environment"),
            (OSError(errno.ENOSPC, "No space left on device"), "disk"),
        ),
        start=1,
    ):
        missing.append(fault)
        line.send(10)
        wait_until(lambda expected=cause: (line.page()["state"], line.page()["cause"]) == ("held", expected), 60)
        wait_until(lambda: line.status()[0] == 503, 60)
        page = line.page()
        assert (page["state"], page["cause"], page["healthy"]) == ("held", cause, False)
        assert str(fault) in page["reason"]
        assert str(fault) in line.status()[1]
        assert line.metric(f'ami_normalize_held{{cause="{cause}"}}') == 1
        assert line.readings() == 10 * number
        wait_until(lambda: line.page()["lag"] == 10 and line.page()["oldest_unprocessed_seconds"] > 0, 30)
        missing.clear()
        wait_until(lambda expected=10 * number + 10: line.readings() == expected, 60)
        wait_until(lambda: line.status()[0] == 200, 30)
        assert line.page()["state"] in {"working", "idle"}

    (node,) = broker.status().nodes
    os.kill(node.pid, signal.SIGSTOP)
    try:
        line.send(10)
        wait_until(lambda: line.page()["state"] == "kafka-away", 60)
        page = line.page()
        assert (page["cause"], page["lag"]) == ("kafka", None)
        wait_until(lambda: line.status()[0] == 503, 60)
        assert line.metric("ami_normalize_kafka_away") == 1
    finally:
        os.kill(node.pid, signal.SIGCONT)
    wait_until(lambda: line.readings() == 40, 120)
    wait_until(lambda: line.status() == (200, "ok\n"), 60)
    assert line.readings() == 40
