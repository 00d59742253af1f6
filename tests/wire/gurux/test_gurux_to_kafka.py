"""The whole path with independent meters at its start: agent and normalizer as processes, a real Kafka between them."""

import json
from datetime import datetime
from decimal import Decimal

import pytest
from support.kafka_reader import headers, read_all
from support.processes import AMI, running, until

from ami.readings.v1 import meter_readings_pb2 as pb
from ami_schemas import topics

pytestmark = [pytest.mark.e2e, pytest.mark.kafka, pytest.mark.timeout(300)]

POLLED = {"none": 16, "lls": 16, "hls-gmac": 1}
"""Meters to read: authentication and client address."""

HLS_TITLE = "4752580000000200"
"""System title of the one whose answers are ciphered."""

PUSHES = {
    "plain over TCP": ("--framing", "wrapper"),
    "plain over UDP": ("--framing", "wrapper", "--transport", "udp"),
    "plain in HDLC segments": ("--framing", "hdlc"),
    "authenticated and encrypted": ("--framing", "wrapper", "--security", "authentication-encryption"),
    "encrypted in HDLC segments": ("--framing", "hdlc", "--security", "encryption"),
    "authenticated, in blocks": ("--framing", "wrapper", "--max-pdu", "160", "--security", "authentication"),
}


@pytest.fixture(scope="module")
def outcome(own_kafka, gurux_push, gurux_meter_jar, secrets_file, meter_secrets, private, serving, tmp_path_factory):
    """Poll three Java meters and take six kinds of pushes; give what each said and all messages of readings."""
    import contextlib
    import subprocess

    folder = tmp_path_factory.mktemp("gurux-stack")
    subprocess.run([*AMI, "topics", "apply", "--bootstrap", own_kafka], check=True, capture_output=True)
    titles = {name: f"4752580000{number:06x}" for number, name in enumerate(PUSHES, 0x100)}
    meter_keys = {name: {**meter_secrets, "system_title": title} for name, title in titles.items()}
    ring = {
        title: {
            "guek": meter_secrets["guek"],
            # a key for authentication would demand it of the meter that does without
            "gak": None if "encrypted in" in name else meter_secrets["gak"],
        }
        for name, title in titles.items()
        if "--security" in PUSHES[name]
    }
    ring[HLS_TITLE] = {"guek": meter_secrets["guek"], "gak": meter_secrets["gak"]}
    keys = private(folder / "keys.json", ring)
    with contextlib.ExitStack() as stack:
        meters = {}
        for number, (auth, client) in enumerate(POLLED.items(), 21):
            title = HLS_TITLE if auth == "hls-gmac" else f"475258000000{number:04x}"
            own = private(folder / f"{auth}.json", {**meter_secrets, "system_title": title})
            command = ["java", "-jar", gurux_meter_jar, "--auth", auth, "--client", client, "--secrets", own]
            meters[auth] = stack.enter_context(serving([*command, "--serial", number], folder / f"{auth}.log"))
        config = folder / "agent.yaml"
        inventory = "".join(
            f"""
  - id: {auth}
    address: tcp://{meters[auth]["listening"]}
    client_address: {client}
    authentication_level: {auth.partition("-")[0]}
    secrets: {secrets_file}
    schedules: [{auth}]"""
            for auth, client in POLLED.items()
        )
        schedules = "".join(
            f"""
  {auth}:
    every: 1h
    read: [{", ".join(f'"3:{each["obis"]}"' for each in meter["registers"])}]"""
            for auth, meter in meters.items()
        )
        config.write_text(
            f"""
agent: gurux
kafka: {{bootstrap: "{own_kafka}"}}
state_dir: {folder / "state"}
listen:
  - {{transport: tcp, host: 127.0.0.1, port: 0}}
  - {{transport: udp, host: 127.0.0.1, port: 0}}
schedules:{schedules}
meters:{inventory}
"""
        )
        agent_log, normalize_log = folder / "agent.log", folder / "normalize.log"
        normalize = ("normalize", "--bootstrap", own_kafka, "--keys", keys, "--unidentified", "accept")
        stack.enter_context(running(*normalize, log=normalize_log))
        stack.enter_context(running("collect", "--config", config, log=agent_log))
        until(lambda: len(_ports(agent_log)) == 2, "two open ports", log=agent_log)
        ports = _ports(agent_log)
        pushed = {}
        for number, (name, options) in enumerate(PUSHES.items(), 31):
            transport = "udp" if "udp" in options else "tcp"
            own = ()
            if "--security" in options:
                own = ("--keys", private(folder / f"{number}.json", meter_keys[name]))
            said = gurux_push(
                *("--to", f"127.0.0.1:{ports[transport]}", *options, *own, "--serial", number, "--count", 2),
                *("--every", "0.01", "--start", "2026-07-01T12:00:00+02:00"),
            )
            pushed[name] = (number, said)
        wanted = len(PUSHES) * 2 + sum(len(meter["registers"]) for meter in meters.values())
        until(lambda: len(read_all(own_kafka, topics.RAW)) >= wanted, "all raw records", log=agent_log)
        raw = read_all(own_kafka, topics.RAW)
        until(lambda: len(_sources(own_kafka)) >= len(raw), "an outcome of every raw record", log=normalize_log)
        return meters, pushed, read_all(own_kafka, topics.READINGS), raw


def _sources(bootstrap):
    derived = (topics.READINGS, topics.EVENTS, topics.DEAD_LETTERS, topics.PARKED)
    return {_source(record) for topic in derived for record in read_all(bootstrap, topic)}


def _source(record):
    return headers(record)["ami-source"].decode().partition("#")[0]


def _ports(log):
    lines = [json.loads(line) for line in log.read_text().splitlines() if '"listening"' in line]
    return {line["transport"]: line["address"].rpartition(":")[2] for line in lines}


@pytest.mark.parametrize("name", PUSHES)
def test_a_push_is_a_record_and_a_reading(outcome, name):
    _, pushed, readings, raw = outcome
    _, said = pushed[name]
    protection = {
        "none": pb.PROTECTION_NONE,
        "authentication": pb.PROTECTION_AUTHENTICATED,
        "encryption": pb.PROTECTION_ENCRYPTED,
        "authentication-encryption": pb.PROTECTION_AUTHENTICATED_ENCRYPTED,
    }
    for truth in said:
        (record,) = [each for each in raw if each.value() == bytes.fromhex(truth["hex"])]
        source = f"{record.topic()}/{record.partition()}/{record.offset()}"
        (message,) = [pb.MeterReadings.FromString(each.value()) for each in readings if _source(each) == source]
        assert message.provenance.protection == protection[truth["security"]]
        numbers = {reading.obis: _number(reading) for reading in message.readings if reading.HasField("mantissa")}
        assert numbers == {each["obis"]: Decimal(each["value"]) for each in truth["readings"]}
        texts = {reading.text for reading in message.readings if reading.HasField("text")}
        assert truth["serial"] in texts
        stamp = datetime.fromisoformat(truth["meter_time"]).timestamp() * 1_000_000
        assert abs(message.time.meter_time_us - stamp) < 10_000  # the meter's clock has hundredths of a second


@pytest.mark.parametrize("auth", POLLED)
def test_a_polled_meter_is_read_register_by_register(outcome, auth):
    meters, _, readings, _ = outcome
    found = {}
    for record in readings:
        message = pb.MeterReadings.FromString(record.value())
        if message.meter.logical_device_name == meters[auth]["logical_device_name"]:
            found |= {reading.obis: (_number(reading), reading.unit) for reading in message.readings}
    assert found == {
        each["obis"]: (Decimal(each["raw"]).scaleb(each["scaler"]), each["unit"]) for each in meters[auth]["registers"]
    }


def _number(reading):
    return Decimal(reading.mantissa).scaleb(reading.scale)
