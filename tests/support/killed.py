"""A known stream of plain pushes, a normalizer killed over and over in the middle of it, and what must come out."""

import collections
import struct
import subprocess
from datetime import datetime, timedelta, timezone

from ami.readings.v1 import meter_readings_pb2 as pb
from ami_kafka import clients
from ami_schemas import topics
from support.kafka_reader import headers, read_all
from support.processes import AMI, start, stop, until

EPOCH = datetime(2026, 1, 1, tzinfo=timezone.utc)
OBIS = ("1.0.1.8.0.255", "1.0.1.7.0.255")


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


def fill(bootstrap, meters, messages):
    """Preload the raw topic by the contract."""
    producer = clients.producer(bootstrap)
    sequence = 0
    for number in range(messages):
        for meter in range(meters):
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


def survive(bootstrap, log, *, kills, meters, messages):
    """Kill a normalizer that often after its first commits of a run; assert that every reading is there once."""
    subprocess.run([*AMI, "topics", "apply", "--bootstrap", bootstrap], check=True, capture_output=True)
    fill(bootstrap, meters, messages)
    total = meters * messages
    done = 0
    for kill in range(1, kills + 1):
        process = start("normalize", "--bootstrap", bootstrap, log=log)
        until(
            lambda before=done: len(read_all(bootstrap, topics.READINGS)) > before,
            "the first committed readings of this run",
            process=process,
            log=log,
        )
        process.kill()
        process.wait()
        done = len(read_all(bootstrap, topics.READINGS))
        assert kill == kills or done < total, "the stream ended before it was killed: preload more"
    process = start("normalize", "--bootstrap", bootstrap, log=log)
    try:
        until(
            lambda: len({headers(r)["ami-source"] for r in read_all(bootstrap, topics.READINGS)}) >= total,
            f"readings of {total} raw records",
            within=120 + total / 500,
            process=process,
            log=log,
        )
    finally:
        stop(process)
    check(bootstrap, meters, messages)


def check(bootstrap, meters, messages):
    seen = collections.Counter()
    for record in read_all(bootstrap, topics.READINGS):
        message = pb.MeterReadings.FromString(record.value())
        for reading in message.readings:
            seen[message.meter.id, reading.obis, reading.measured_at_us] += 1
    start_us = int(EPOCH.timestamp()) * 1_000_000
    expected = {
        (f"st-{(b'AMI' + meter.to_bytes(5, 'big')).hex()}", obis, start_us + number * 1_000_000)
        for meter in range(meters)
        for number in range(messages)
        for obis in OBIS
    }
    assert {key for key, count in seen.items() if count > 1} == set()
    assert set(seen) == expected
    assert read_all(bootstrap, topics.DEAD_LETTERS) == []
    assert read_all(bootstrap, topics.PARKED) == []
