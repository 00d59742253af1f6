"""Dead letters on a real broker: counted, listed, explained; and asked for again where the owner will look."""

import json

import pytest
from support.kafka_reader import headers, read_all

from ami_cli.main import run as ami
from ami_dlms.framing import wrapper
from ami_kafka import clients, topics
from ami_kafka.loop import RawMessage
from ami_normalize.fast import Normalizer
from ami_normalize.pipeline import Context
from ami_normalize.stream.derived import outputs
from ami_schemas import topics as names

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(240)]

PUSH = wrapper.encode(bytes.fromhex("0f00000001000201020309060100010800ff060000303902020f00161e"), 1, 16)
METER = b"st-414d490000000001"


@pytest.fixture(scope="module")
def bootstrap(own_kafka):
    topics.apply(own_kafka)
    producer = clients.producer(own_kafka)
    normalizer = Normalizer(Context())
    told = (("ami-framing", b"wrapper"), ("ami-exchange", b"push"))
    raw = [(METER, PUSH[:-2]), (METER, PUSH + b"\x00"), (b"inventory-1", PUSH[:-4]), (b"peer-192.0.2.7", PUSH)]
    for offset, (key, value) in enumerate(raw):
        message = RawMessage(names.RAW, 3, offset, 1000, key, value, told)
        for output in outputs(message, normalizer, "g"):
            producer.produce(output.topic, output.value, output.key, output.partition, headers=output.headers)
    assert producer.flush(30) == 0
    return own_kafka


def lines(capsys):
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_listed_counted_and_chosen(bootstrap, capsys):
    assert ami(["dlq", "ls", "--bootstrap", bootstrap, "--json"]) == 0
    found = lines(capsys)
    assert {(one["source"], one["reason"]) for one in found} >= {
        ("ami.raw.v1/3/0", "FRAME_INCOMPLETE"),
        ("ami.raw.v1/3/2", "FRAME_INCOMPLETE"),
    }
    assert all(one["remedy"] and one["hex"] and one["at"].endswith("Z") for one in found)
    assert ami(["dlq", "ls", "--bootstrap", bootstrap, "--json", "--manufacturer", "ami", "--since", "1h"]) == 0
    assert {one["meter"] for one in lines(capsys)} == {METER.decode()}
    assert ami(["dlq", "ls", "--bootstrap", bootstrap, "--json", "--until", "1h"]) == 0
    assert lines(capsys) == []
    assert ami(["dlq", "ls", "--bootstrap", bootstrap, "--json", "--summary", "--reason", "FRAME_INCOMPLETE"]) == 0
    groups = lines(capsys)
    assert sum(group["letters"] for group in groups) == len(
        [one for one in found if one["reason"] == "FRAME_INCOMPLETE"]
    )
    assert ami(["dlq", "ls", "--bootstrap", bootstrap]) == 0
    assert "FRAME_INCOMPLETE" in capsys.readouterr().out
    assert ami(["parked", "ls", "--bootstrap", bootstrap, "--json"]) == 0
    assert [(one["source"], one["reason"]) for one in lines(capsys)] == [("ami.raw.v1/3/3", "UNIDENTIFIED_METER")]


def test_one_is_explained(bootstrap, capsys):
    assert ami(["dlq", "show", "3/0", "--bootstrap", bootstrap]) == 0
    said = capsys.readouterr().out
    assert "the connection closed or went idle" in said
    assert "INCOMPLETE" in said
    assert ami(["parked", "show", "ami.raw.v1/3/3", "--bootstrap", bootstrap, "--json"]) == 0
    (page,) = lines(capsys)
    assert page["explained"]["apdus"][0]["apdu"]
    assert page["reason"] == "UNIDENTIFIED_METER"
    assert ami(["dlq", "show", "3/99", "--bootstrap", bootstrap]) == 7
    assert "holds nothing of raw record 3/99" in capsys.readouterr().err


def test_asked_for_again_in_the_partition_of_the_raw_record(bootstrap, capsys):
    raw = len(read_all(bootstrap, names.RAW))
    chosen = ["--meter", "inventory-1", "--bootstrap", bootstrap, "--json"]
    assert ami(["dlq", "redrive", *chosen, "--dry-run"]) == 0
    assert lines(capsys)[0]["would_request"] == 1
    assert asked(bootstrap) == []
    assert ami(["dlq", "redrive", *chosen, "--wait", "0"]) == 0
    assert lines(capsys)[0]["requested"] == 1
    (request,) = asked(bootstrap)
    assert (request.partition(), request.key(), request.value()) == (3, b"inventory-1", None)
    letter = next(one for one in read_all(bootstrap, names.DEAD_LETTERS) if one.key() == b"inventory-1")
    told = headers(request)
    assert told["ami-redrive"] == headers(letter)["ami-source"]
    assert told["ami-redrive-at"] == f"ami.dlq.v1/{letter.offset()}".encode()
    assert len(read_all(bootstrap, names.RAW)) == raw == 0
    assert ami(["dlq", "redrive", *chosen, "--wait", "1"]) == 9


def asked(bootstrap):
    return [one for one in read_all(bootstrap, names.PARKED) if "ami-redrive" in headers(one)]
