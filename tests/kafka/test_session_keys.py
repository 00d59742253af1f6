"""A meter read under a dedicated key, from agent to readings: parked until the KEK comes, then at once, and again."""

import json
import subprocess
import sys

import pytest
from support.kafka_reader import headers, read_all
from support.processes import AMI, running, until

from ami.readings.v1 import meter_readings_pb2 as pb
from ami_keys.keystore import add_kek
from ami_schemas import topics as names

pytestmark = [pytest.mark.kafka, pytest.mark.e2e, pytest.mark.timeout(300)]

TITLE, OURS = "414d490000000007", "414d490000000001"
KEYS = {"guek": bytes(range(16)).hex(), "gak": bytes(range(16, 32)).hex()}


def private(path, content):
    path.touch(mode=0o600)
    path.write_text(json.dumps(content))
    return path


def run(*arguments):
    done = subprocess.run([*AMI, *map(str, arguments)], check=False, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    return done


def ami(*arguments):
    return run(*arguments).stdout


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("session-keys")


@pytest.fixture(scope="module")
def meter(folder):
    """A virtual meter of ours with keys; where it listens."""
    keys = private(folder / "meter.json", {**KEYS, "system_title": TITLE})
    options = ("--auth", "hls-gmac", "--keys", keys, "--serial", "7")
    command = [sys.executable, "-m", "ami_simulator", "--listen", "127.0.0.1:0", *map(str, options)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield json.loads(process.stdout.readline())["listening"]
        finally:
            process.terminate()


def ended(bootstrap, topic):
    return {headers(each)["ami-source"]: each for each in read_all(bootstrap, topic) if "ami-source" in headers(each)}


def at_once(bootstrap):
    return [each for each in ended(bootstrap, names.READINGS).values() if "ami-attempt" not in headers(each)]


def test_from_the_meter_to_readings(own_kafka, folder, meter):
    ami("topics", "apply", "--bootstrap", own_kafka)
    edge, central = folder / "edge.json", folder / "central.json"
    add_kek(edge, "edge")
    add_kek(central, "central")
    registered = private(folder / "keys.json", {TITLE: KEYS})
    ami("keys", "import", registered, "--kek", central, "--bootstrap", own_kafka)
    secrets = private(folder / "secrets.json", {**KEYS, "client_system_title": OURS})
    config, agent_log, log = folder / "agent.yaml", folder / "agent.log", folder / "normalize.log"
    config.write_text(
        f"""
agent: edge-1
kafka: {{bootstrap: "{own_kafka}"}}
state_dir: {folder / "state"}
key_store: {edge}
listen: []
schedules: {{often: {{every: 2s, read: ["3:1.0.1.8.0.255"]}}}}
meters:
  - {{id: m-7, address: "tcp://{meter}", client_address: 1, authentication_level: hls, dedicated_key: true,
     secrets: {secrets}, schedules: [often]}}
"""
    )
    with running("normalize", "--bootstrap", own_kafka, "--kek", central, log=log, ready="normalizing"):
        with running("collect", "--config", config, log=agent_log):
            until(lambda: len(ended(own_kafka, names.PARKED)) >= 2, "the first are parked", log=agent_log)
            parked = ended(own_kafka, names.PARKED)
            for record in parked.values():
                told = headers(record)
                assert told["dlq.reason"] == b"KEY_MISSING"
                assert b"does not hold the KEK edge" in told["dlq.message"]
                assert "dlq.diagnosis" not in told
            assert not ended(own_kafka, names.READINGS)

            both = json.loads(central.read_text())
            both["keks"] |= json.loads(edge.read_text())["keks"]
            central.write_text(json.dumps(both))
            until(lambda: parked.keys() <= ended(own_kafka, names.READINGS).keys(), "they are redriven", log=log)
            until(lambda: len(at_once(own_kafka)) >= 2, "others are readings at once", log=log)
        raw = read_all(own_kafka, names.RAW)
        until(lambda: len(ended(own_kafka, names.READINGS)) == len(raw), "all are readings", log=log)

    raw = {f"{each.topic()}/{each.partition()}/{each.offset()}".encode(): each for each in raw}
    readings = ended(own_kafka, names.READINGS)
    assert raw.keys() == readings.keys()
    carried = [headers(each)["ami-session-key"] for each in raw.values()]
    assert len(set(carried)) == len(carried), "an association each, a key each"
    for source, record in readings.items():
        message = pb.MeterReadings.FromString(record.value())
        assert message.provenance.protection == pb.PROTECTION_AUTHENTICATED_ENCRYPTED
        assert [reading.obis for reading in message.readings] == ["1.0.1.8.0.255"]
        assert message.meter.system_title.hex() == TITLE
        assert raw[source].key() == f"st-{TITLE}".encode()
        assert raw[source].value()[8] == 0xD4
    windows = [each.key() for each in read_all(own_kafka, names.LEDGER) if each.key().startswith(b"window/")]
    assert not windows, "no window is kept for the counters of an association's own key"

    source = next(iter(parked)).decode()
    shown = run("parked", "show", source, "--keys", registered, "--bootstrap", own_kafka)
    assert f"`ami explain {source} --kek FILE` opens it" in " ".join(shown.stderr.split())
    by = ("--kek", central, "--bootstrap", own_kafka, "--json")
    checked = json.loads(ami("keys", "check", TITLE, "--last", 1, *by))
    assert checked["opens"]
    page = json.loads(ami("explain", source, *by))
    assert page["apdus"][0]["security"][0]["tag"] == "verified"
    add_kek(central, "central-2027")  # the others are retired, and still open
    replayed = ("replay", "--from", "beginning", *by)
    told = json.loads(ami(*replayed, "--id", "kafka"))
    assert (told["readings"], told["diff"]["values"]) == (len(raw), {"added": 0, "removed": 0, "changed": 0})
    ami("archive", folder / "archive", "--bootstrap", own_kafka)
    told = json.loads(ami(*replayed, "--id", "archive", "--from-archive", folder / "archive"))
    assert (told["readings"], told["diff"]["values"]) == (len(raw), {"added": 0, "removed": 0, "changed": 0})

    kept = "".join(path.read_text() for path in (agent_log, log))
    assert not any(key in kept for key in KEYS.values())
