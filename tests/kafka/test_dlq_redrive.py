"""`ami dlq redrive` goes the whole way: asked for by a command, done by the owner of the partition, answered once."""

import json
import threading

import pytest
from support.kafka_reader import headers, read_all
from support.pushes import HEADERS, TITLE, key_file, sealed

from ami.readings.v1 import meter_readings_pb2 as pb
from ami_cli.main import run as ami
from ami_kafka import clients, topics
from ami_normalize.stream.run import run
from ami_normalize.stream.settings import Settings
from ami_schemas import topics as names

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(300)]

KEY = f"st-{TITLE.hex()}".encode()


@pytest.fixture
def bootstrap(own_kafka, tmp_path):
    topics.apply(own_kafka)
    stop = threading.Event()
    normalizer = threading.Thread(
        target=run, args=(Settings(own_kafka, keys=key_file(tmp_path / "keys.json", TITLE)), stop)
    )
    normalizer.start()
    yield own_kafka
    stop.set()
    normalizer.join()


def told(capsys):
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def values(bootstrap):
    found = {}
    for record in read_all(bootstrap, names.READINGS):
        source = headers(record)["ami-source"].decode().partition("#")[0]
        found.setdefault(source, []).extend(
            each.mantissa for each in pb.MeterReadings.FromString(record.value()).readings
        )
    return found


def test_what_the_ledger_turned_down_is_read_when_a_person_accepts_it(bootstrap, capsys, wait_until):
    producer = clients.producer(bootstrap)
    for push in (sealed(1, 10), sealed(1, 20)):
        producer.produce(names.RAW, push, KEY, 5, headers=list(HEADERS))
    assert producer.flush(30) == 0
    wait_until(lambda: len(read_all(bootstrap, names.DEAD_LETTERS)) == 1, 90)
    assert values(bootstrap) == {"ami.raw.v1/5/0": [10]}
    chosen = ["--reason", "COUNTER_REUSED", "--bootstrap", bootstrap, "--json"]

    assert ami(["dlq", "redrive", *chosen]) == 9
    assert told(capsys)[0]["counter_rejected"] == 1
    assert ami(["dlq", "redrive", *chosen, "--accept-counter", "--wait", "90"]) == 0
    (report,) = told(capsys)
    assert (report["requested"], report["answered"], report["outcomes"]) == (1, 1, {"readings": 1})
    assert values(bootstrap) == {"ami.raw.v1/5/0": [10], "ami.raw.v1/5/1": [20]}

    assert ami(["dlq", "ls", *chosen]) == 0
    assert told(capsys) == []
    assert ami(["dlq", "ls", *chosen, "--resolved"]) == 0
    assert [one["source"] for one in told(capsys)] == ["ami.raw.v1/5/1"]
    assert ami(["dlq", "redrive", *chosen, "--accept-counter", "--wait", "0"]) == 0
    assert told(capsys)[0]["requested"] == 0
