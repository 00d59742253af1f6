"""The normalizer killed in mid-stream: no reading lost, none twice."""

import collections
import struct
import subprocess
from datetime import datetime, timedelta, timezone

import pytest
from support.kafka_reader import headers, read_all
from support.processes import AMI, start, stop, until

from ami.readings.v1 import meter_readings_pb2 as pb
from ami_kafka import clients
from ami_schemas import topics

pytestmark = [pytest.mark.e2e, pytest.mark.kafka, pytest.mark.timeout(300)]

METERS = 40
MESSAGES = 1000
EPOCH = datetime(2026, 1, 1, tzinfo=timezone.utc)


def push(meter, number):
    """A plain wrapper push: +A and +P, inline scaler and unit, at one second after the one before."""
    at = EPOCH + timedelta(seconds=number)
    moment = struct.pack(
        ">HBBBBBBBhB", at.year, at.month, at.day, at.isoweekday(), at.hour, at.minute, at.second, 0, 0, 0
    )
    energy = bytes.fromhex("0203 0906 0100010800ff 06") + struct.pack(">I", meter * 100_000 + number)
    power = bytes.fromhex("0203 0906 0100010700ff 06") + struct.pack(">I", number % 5000)
    body = b"\x01\x02" + energy + bytes.fromhex("02020f00161e") + power + bytes.fromhex("02020f00161b")
    apdu = b"\x0f\x40" + number.to_bytes(3, "big") + b"\x0c" + moment + body
    return struct.pack(">HHHH", 1, 1, 16, len(apdu)) + apdu


def fill(bootstrap):
    """Preload the raw topic by the contract."""
    producer = clients.producer(bootstrap)
    sequence = 0
    for number in range(MESSAGES):
        for meter in range(METERS):
            title = b"AMI" + meter.to_bytes(5, "big")
            producer.produce(
                topics.RAW,
                key=b"st-" + title.hex().encode(),
                value=push(meter, number),
                headers=[
                    ("ce_specversion", b"1.0"),
                    ("ce_id", b"loader/0/%d" % sequence),
                    ("ce_type", b"ami.raw.apdu.v1"),
                    ("ce_source", b"/agents/loader"),
                    ("ce_time", b"2026-01-02T00:00:00.000000Z"),
                    ("ami-framing", b"wrapper"),
                    ("ami-transport", b"tcp"),
                    ("ami-exchange", b"push"),
                    ("ami-agent", b"loader"),
                    ("ami-system-title", title.hex().encode()),
                ],
            )
            sequence += 1
            if sequence % 5000 == 0:
                producer.flush()
    assert producer.flush(30) == 0


def test_three_kills_in_mid_stream_lose_and_double_nothing(own_kafka, tmp_path):
    subprocess.run([*AMI, "topics", "apply", "--bootstrap", own_kafka], check=True, capture_output=True)
    fill(own_kafka)
    total = METERS * MESSAGES
    log = tmp_path / "normalize.log"
    for kill in range(3):
        before = len(read_all(own_kafka, topics.READINGS))
        process = start("normalize", "--bootstrap", own_kafka, log=log)
        until(
            lambda before=before: len(read_all(own_kafka, topics.READINGS)) > before,
            "the first committed readings of this run",
            process=process,
            log=log,
        )
        process.kill()
        process.wait()
        done = len(read_all(own_kafka, topics.READINGS))
        assert kill == 2 or done < total, "the stream ended before it was killed: preload more"
    process = start("normalize", "--bootstrap", own_kafka, log=log)
    try:
        until(
            lambda: len({headers(r)["ami-source"] for r in read_all(own_kafka, topics.READINGS)}) >= total,
            f"readings of {total} raw records",
            within=120,
            process=process,
            log=log,
        )
    finally:
        stop(process)

    seen = collections.Counter()
    for record in read_all(own_kafka, topics.READINGS):
        message = pb.MeterReadings.FromString(record.value())
        for reading in message.readings:
            seen[message.meter.id, reading.obis, reading.measured_at_us] += 1
    start_us = int(EPOCH.timestamp()) * 1_000_000
    expected = {
        (f"st-{(b'AMI' + meter.to_bytes(5, 'big')).hex()}", obis, start_us + number * 1_000_000)
        for meter in range(METERS)
        for number in range(MESSAGES)
        for obis in ("1.0.1.8.0.255", "1.0.1.7.0.255")
    }
    assert {key for key, count in seen.items() if count > 1} == set()
    assert set(seen) == expected
    assert read_all(own_kafka, topics.DEAD_LETTERS) == []
    assert read_all(own_kafka, topics.PARKED) == []
