"""Keys and meters as an operator handles them, while a normalizer runs; and that no key is ever seen."""

import json
import subprocess

import pytest
from support.kafka_reader import headers, read_all
from support.processes import AMI, running, until

from ami.events.v1 import meter_events_pb2 as events_pb
from ami.readings.v1 import meter_readings_pb2 as pb
from ami_cli.errors import ExitCode
from ami_dlms.apdu import DataNotification
from ami_dlms.axdr import Data, Tag, structure
from ami_dlms.security import Form, Keys, Protection, protect
from ami_kafka.clients import producer
from ami_schemas import topics

pytestmark = [pytest.mark.e2e, pytest.mark.kafka, pytest.mark.timeout(400)]

TITLE = bytes.fromhex("414d490000001001")
NAME = TITLE.hex()
EK, AK, EK2 = (bytes(range(seed, seed + 16)) for seed in (32, 64, 96))
ENERGY = structure(
    Data(Tag.OCTET_STRING, bytes((1, 0, 1, 8, 0, 255))),
    Data(Tag.UINT32, 12345),
    structure(Data(Tag.INT8, 0), Data(Tag.ENUM, 30)),
)


def push(counter, encryption=EK):
    return protect(
        DataNotification(1, b"", structure(ENERGY)).to_bytes(),
        keys=Keys(encryption, AK),
        system_title=TITLE,
        invocation_counter=counter,
        protection=Protection.AUTHENTICATED_ENCRYPTED,
        suite=0,
        form=Form.GENERAL_GLO,
    )


@pytest.fixture(scope="module")
def site(own_kafka, tmp_path_factory):
    return Site(own_kafka, tmp_path_factory.mktemp("registry"))


class Site:
    """A Kafka, a KEK, and all that was ever printed."""

    def __init__(self, bootstrap, folder):
        self.bootstrap, self.folder, self.said = bootstrap, folder, ""
        self.kek = folder / "kek.json"
        assert self.ami("topics", "apply").returncode == 0
        done = subprocess.run([*AMI, "keys", "kek", self.kek, "--name", "2026-1"], capture_output=True, check=True)
        self.said += (done.stdout + done.stderr).decode()

    def ami(self, *arguments, given=None):
        done = subprocess.run(
            [*AMI, *map(str, arguments), "--bootstrap", self.bootstrap],
            input=given, capture_output=True, text=True, timeout=90, check=False,
        )  # fmt: skip
        self.said += done.stdout + done.stderr
        return done

    def lines(self, *arguments, given=None):
        done = self.ami(*arguments, "--json", given=given)
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    def send(self, apdu, at="2026-03-01T12:00:00Z"):
        client = producer(self.bootstrap)
        sent = [("ami-framing", b"none"), ("ami-exchange", b"push"), ("ce_time", at.encode())]
        client.produce(topics.RAW, apdu, f"st-{NAME}".encode(), headers=sent)
        assert client.flush(30) == 0


def told(records, name):
    return [headers(record).get(name, b"").decode() for record in records]


def test_an_operators_day(site):
    log = site.folder / "normalize.log"
    normalizer = running("normalize", "--bootstrap", site.bootstrap, "--kek", site.kek, log=log, ready="registry read")
    with normalizer:
        # a new meter, whose keys nobody has given yet
        site.send(push(1))
        until(lambda: read_all(site.bootstrap, topics.PARKED), "the record is parked", log=log)
        (waiting,) = read_all(site.bootstrap, topics.PARKED)
        parked = headers(waiting)["ami-source"].decode()
        assert headers(waiting)["dlq.reason"] == b"KEY_MISSING"

        # wrong keys: checked before they are added, and added all the same
        given = json.dumps({"guek": EK2.hex(), "gak": AK.hex()})
        wrong = site.folder / "wrong.json"
        wrong.write_text(given)
        wrong.chmod(0o600)
        done = site.ami("keys", "check", NAME, "--secrets", wrong)
        assert done.returncode == ExitCode.REFUSED
        assert "WRONG_EK" in done.stdout
        added = site.lines("keys", "add", NAME, "--secrets", "-", "--kek", site.kek, given=given)
        assert {one["kind"] for one in added} == {"guek", "gak"}

        def sent(counter, topic, count):
            site.send(push(counter))
            return len(read_all(site.bootstrap, topic)) >= count

        until(lambda: sent(2, topics.DEAD_LETTERS, 1), "a dead letter", log=log)
        dead = read_all(site.bootstrap, topics.DEAD_LETTERS)[0]
        assert headers(dead)["dlq.diagnosis"] == b"WRONG_EK"
        assert b"register the meter's encryption key" in headers(dead)["dlq.message"]

        # the right one, from a list, and the meter's entry in the inventory
        keys = site.folder / "keys.csv"
        keys.write_text(f"system_title,guek,valid_from\n{NAME},{EK.hex()},2026-02-01\n")
        keys.chmod(0o600)
        assert site.ami("keys", "import", keys, "--kek", site.kek).returncode == 0
        inventory = site.folder / "meters.yaml"
        inventory.write_text(f"- id: MP-1\n  system_title: '{NAME}'\n  group: north\n  zone: Europe/Vienna\n")
        assert site.ami("meters", "import", inventory).returncode == 0
        number = iter(range(10, 1000))
        until(lambda: sent(next(number), topics.READINGS, 1), "readings", log=log)
        reading = read_all(site.bootstrap, topics.READINGS)[-1]
        assert reading.key() == b"MP-1"
        assert pb.MeterReadings.FromString(reading.value()).meter.system_title == TITLE
        # and what waited first becomes readings by itself, under its own source
        until(
            lambda: parked in told(read_all(site.bootstrap, topics.READINGS), "ami-source"),
            "the first record's readings",
            log=log,
        )

    listed = site.lines("keys", "list", "MP-1", "--kek", site.kek)
    assert [(one["kind"], one["in_force"], one["opens"], one["kek"]) for one in listed] == [
        ("gak", "always", True, "2026-1"),
        ("guek", "always", True, "2026-1"),
        ("guek", "from 2026-02-01T00:00:00Z", True, "2026-1"),
    ]
    right = next(one["version"] for one in listed if one["valid_from_us"])
    assert site.ami("keys", "check", NAME, "--kek", site.kek, "--last", "1").returncode == 0
    captured = site.ami("keys", "check", push(5).hex(), "--kek", site.kek)
    assert captured.returncode == 0, captured.stderr

    (ended,) = site.lines("keys", "retire", "MP-1", "--kind", "guek", "--version", right, "--until", "2026-06-01")
    assert ended["in_force"] == "from 2026-02-01T00:00:00Z until 2026-06-01T00:00:00Z"
    assert site.ami("keys", "retire", "MP-1", "--version", "00000000").returncode == ExitCode.MISSING


def test_a_meter_gets_another_id_and_consumers_hear_of_it(site):
    inventory = site.folder / "more.csv"
    inventory.write_text("id,serial,group\nOLD-1,777,south\nTAKEN,778,south\n")
    assert site.ami("meters", "import", inventory).returncode == 0
    assert site.ami("meters", "rename", "OLD-1", "TAKEN").returncode == ExitCode.DATA
    assert site.lines("meters", "rename", "sn-777", "NEW-1") == [{"id": "NEW-1", "was": "OLD-1"}]

    (shown,) = site.lines("meters", "show", "OLD-1")
    assert (shown["id"], shown["aliases"], shown["group"]) == ("NEW-1", ["OLD-1"], "south")
    assert {one["id"] for one in site.lines("meters", "list", "--group", "south")} == {"NEW-1", "TAKEN"}
    (event,) = [one for one in read_all(site.bootstrap, topics.EVENTS) if one.key() == b"NEW-1"]
    message = events_pb.MeterEvents.FromString(event.value())
    assert [(one.kind, one.text) for one in message.events] == [("METER_RENAMED", "OLD-1 -> NEW-1")]
    assert headers(event)["ami-source"] == b"registry/meter/NEW-1/OLD-1"


def test_no_key_was_ever_seen(site):
    held = json.loads(site.kek.read_text())["keks"]["2026-1"]
    log = (site.folder / "normalize.log").read_text()
    octets = b"".join(
        part
        for topic in (topics.REGISTRY, topics.DEAD_LETTERS, topics.PARKED, topics.READINGS, topics.EVENTS)
        for record in read_all(site.bootstrap, topic)
        for part in (record.key() or b"", record.value() or b"", *headers(record).values())
    )
    for key in (EK, AK, EK2, bytes.fromhex(held)):
        assert key.hex() not in site.said + log
        assert key not in octets
        assert key.hex().encode() not in octets
