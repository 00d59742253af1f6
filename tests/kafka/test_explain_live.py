"""`ami explain` on a real broker: from a reading back to its octets, by the mapping that made it."""

import json
import threading
import time
from datetime import datetime, timezone

import pytest
from confluent_kafka import TopicPartition
from support.households import date_time, records, states
from support.kafka_reader import headers, read_all
from support.layouts import NORDIC

from ami_cli.errors import ExitCode
from ami_cli.main import run as ami
from ami_dlms.framing import wrapper
from ami_kafka import clients, topics
from ami_kafka.loop import EventKind
from ami_normalize.dialects import Dialects
from ami_normalize.registry.records import MAPPING
from ami_normalize.stream.registry_reader import record_of
from ami_normalize.stream.run import run
from ami_normalize.stream.settings import Settings
from ami_schemas import topics as names

pytestmark = pytest.mark.kafka

POWER = bytes.fromhex("0f40000000000101020309060100010700ff060000011802020f00161b")
NOON = bytes.fromhex("07ea0601010c000000000000")
PAIR = b"\x0f" + bytes(4) + b"\x0c" + NOON + bytes.fromhex("0202" + "06000004d2" + "0600000007")
UNKNOWN = b"\x0f" + bytes(5) + bytes.fromhex("0203" + "0600000001" * 3)
COLUMNS = [{"type": "number", "obis": f"1.0.{group}.8.0.255", "unit": "Wh"} for group in (1, 2)]
OLD = [{"name": "pair-maker", "layouts": [{"name": "pair", "columns": COLUMNS}]}]
PARTITION = 4


def framed(apdu):
    return wrapper.encode(apdu, 1, 16)


SENT = {
    "power": (b"meter-power", framed(POWER)),
    "pair": (b"meter-pair", framed(PAIR)),
    "cut": (b"meter-cut", framed(POWER)[:-3]),
    "unknown": (b"meter-unknown", framed(UNKNOWN)),
    "twice": (b"meter-twice", framed(POWER) * 2),
}


def patient(condition, seconds):
    """Wait until a condition holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.fixture(scope="module")
def bootstrap(own_kafka, tmp_path_factory):
    """A Kafka on which a normalizer has worked, with a mapping of its own."""
    topics.apply(own_kafka)
    mapping = tmp_path_factory.mktemp("mapping") / "mapping.json"
    mapping.write_text(json.dumps(OLD))
    producer = clients.producer(own_kafka)
    stamp = datetime.now(timezone.utc).isoformat().replace("+00:00", "Z").encode()
    told = [("ami-framing", b"wrapper"), ("ami-exchange", b"push"), ("ce_time", stamp), ("ami-agent", b"edge-1")]
    for key, value in SENT.values():
        producer.produce(names.RAW, value, key, PARTITION, headers=told)
    raw = records(NORDIC, [(n, states(n, days=1, every_s=900, sun=n < 2)) for n in range(4)], header=date_time)
    for record in raw:
        producer.produce(names.RAW, record.value, record.key, PARTITION + 1, headers=list(record.headers.items()))
    assert producer.flush(90) == 0
    stop, worked = threading.Event(), [0]

    def on_event(event):
        if event.kind is EventKind.COMMITTED:
            worked[0] += event.fields["records"]

    worker = threading.Thread(target=lambda: run(Settings(own_kafka, mappings=(mapping,)), stop, on_event))
    worker.start()
    version = f"{MAPPING}{Dialects.load(mapping).content_hash}".encode()
    try:
        patient(lambda: worked[0] >= len(SENT) + len(raw) or not worker.is_alive(), 120)
        patient(lambda: record_of(own_kafka, version) is not None, 120)
    finally:
        stop.set()
        worker.join()
    return own_kafka


@pytest.fixture
def page(bootstrap, capsys):
    """Explain, as JSON."""

    def explained(*arguments):
        code = ami(["explain", *arguments, "--bootstrap", bootstrap, "--json"])
        said = capsys.readouterr()
        assert code == 0, said.err
        return json.loads(said.out)

    return explained


def source(name):
    return f"{names.RAW}/{PARTITION}/{list(SENT).index(name)}"


def test_a_raw_record_leads_to_what_became_of_it(page):
    found = page(source("power"))
    assert found["record"]["source"] == source("power")
    assert (found["record"]["agent"], found["record"]["key"]) == ("edge-1", "meter-power")
    made = found["made"]
    assert (made["outcome"], made["meter"], made["source"]) == ("readings", "meter-power", source("power"))
    assert made["record"].startswith(f"{names.READINGS}/{PARTITION}/")
    assert made["sha256"] == found["record"]["sha256"]
    (reading,) = made["readings"]
    assert (reading["obis"], reading["value"], reading["unit"]) == ("1.0.1.7.0.255", "280", "W")
    (apdu,) = found["apdus"]
    assert apdu["readings"][0]["path"] == "body[0][1]"


def test_a_derived_record_leads_to_the_raw_one(bootstrap, page):
    for topic, name in ((names.READINGS, "power"), (names.DEAD_LETTERS, "cut"), (names.PARKED, "unknown")):
        (message,) = [m for m in read_all(bootstrap, topic) if headers(m).get("ami-source") == source(name).encode()]
        found = page(f"{topic}/{message.partition()}/{message.offset()}")
        assert found["record"]["source"] == source(name)
        assert found["made"]["record"] == f"{topic}/{message.partition()}/{message.offset()}"


def test_the_last_value_of_a_meter_is_explained_by_the_mapping_that_made_it(page, bootstrap, capsys, monkeypatch):
    found = page("--meter", "meter-pair", "--obis", "1.0.1.8.0.255")
    assert found["record"]["source"] == source("pair")
    assert (found["asked"]["value"], found["asked"]["unit"]) == ("1234", "Wh")
    assert found["made"]["mapping"] == found["mapping"] != found["in_force"]
    (apdu,) = found["apdus"]
    assert (apdu["dialect"], apdu["readings"][0]["path"]) == ("pair-maker", "body[0]")
    (told, ended) = found["differences"]
    assert found["in_force"] in told
    assert "readings" in ended
    assert "MAPPING_MISSING" in ended
    monkeypatch.setenv("COLUMNS", "100")
    assert ami(["explain", "--meter", "meter-pair", "--obis", "1.0.1.8.0.255", "--bootstrap", bootstrap]) == 0
    said = capsys.readouterr().out
    assert max(map(len, said.splitlines())) <= 100
    assert "06 00 00 04 d2" in said
    assert "All below is by the mapping that made it." in said


def test_a_mapping_of_ones_own_shows_what_would_be_otherwise(page, tmp_path):
    path = tmp_path / "mapping.json"
    path.write_text(json.dumps(OLD).replace('"unit": "Wh"', '"scaler": 1, "unit": "Wh"'))
    found = page("--meter", "meter-pair", "--mapping", str(path))
    assert "in_force" not in found
    assert "1.0.1.8.0.255 was 1234 Wh, and is 12340 Wh here" in found["differences"]


def test_the_value_of_an_instant_is_found(page, bootstrap, capsys):
    found = page("--meter", "meter-pair", "--at", "2026-06-01T14:00:00+02:00", "--obis", "1.0.2.8.0.255")
    assert (found["asked"]["value"], found["asked"]["measured_at"]) == ("7", "2026-06-01T12:00:00Z")
    later = ["explain", "--meter", "meter-pair", "--at", "2026-06-01T14:00:00Z", "--bootstrap", bootstrap]
    assert ami(later) == ExitCode.MISSING
    assert "no reading of 2026-06-01T14:00:00+00:00" in capsys.readouterr().err


def test_a_meter_without_readings_shows_why(page):
    assert page("--meter", "meter-cut")["made"]["reason"] == "FRAME_INCOMPLETE"
    parked = page("--meter", "meter-unknown")
    assert (parked["made"]["outcome"], parked["made"]["reason"]) == ("parked", "MAPPING_MISSING")
    assert parked["apdus"][0]["refused"]["fingerprint"]


def test_one_of_several_readings_of_a_record_is_traced(page, bootstrap):
    made = [headers(m)["ami-source"].decode() for m in read_all(bootstrap, names.READINGS)]
    assert {f"{source('twice')}#0", f"{source('twice')}#1"} <= set(made)
    found = page(f"{source('twice')}#1")
    assert (found["record"]["source"], len(found["apdus"])) == (source("twice"), 2)
    assert found["differences"][2:] == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--meter", "nobody"], "no reading of meter nobody"),
        ([f"{names.RAW}/{PARTITION}/999"], "There is no record"),
        ([f"{names.RAW}/99/0"], "no such partition"),
        (["no.such.topic/0/0"], "no topic no.such.topic"),
    ],
)
def test_what_is_not_there_is_a_sentence(bootstrap, capsys, arguments, words):
    assert ami(["explain", *arguments, "--bootstrap", bootstrap]) == ExitCode.MISSING
    said = capsys.readouterr()
    assert said.out == ""
    assert words in said.err


def test_what_is_parked_on_kafka_is_learnt(bootstrap, tmp_path, capsys):
    path = tmp_path / "learnt.json"
    assert ami(["mapping", "learn", "--bootstrap", bootstrap, "--json", "--out", str(path)]) == 0
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [each["meters"] for each in found] == [4, 1]
    assert [column["obis"] or "" for column in found[0]["columns"]] == [place.obis for place in NORDIC]
    assert [entry["name"] for entry in json.loads(path.read_text())] == [found[0]["dialect"]["name"]]


def test_a_raw_record_that_retention_took_is_named(bootstrap, capsys):
    made = next(m for m in read_all(bootstrap, names.READINGS) if headers(m)["ami-source"] == source("power").encode())
    admin = clients.admin(bootstrap)
    gone = TopicPartition(names.RAW, PARTITION, 1)
    for future in admin.delete_records([gone]).values():
        future.result()
    assert (
        ami(["explain", f"{names.READINGS}/{PARTITION}/{made.offset()}", "--bootstrap", bootstrap]) == ExitCode.MISSING
    )
    said = capsys.readouterr().err
    assert f"{source('power')} is no longer on Kafka" in said
    assert "archive" in said
