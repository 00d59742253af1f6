"""Keep the value in force of every reading in a database: python keep_readings.py BOOTSTRAP TOPIC DATABASE.

TOPIC holds protobuf: ami.readings.v1, or that of a route. Runs until it is stopped; started again, it goes on.
"""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Iterator
from pathlib import Path

from confluent_kafka import Consumer

from ami.readings.v1.meter_readings_pb2 import MeterReadings
from ami_schemas import json_form

TABLE = """CREATE TABLE IF NOT EXISTS readings (
  meter, obis, attribute, profile, at_us, occurrence, value, unit, revision, received_us,
  PRIMARY KEY (meter, obis, attribute, profile, at_us, occurrence))"""
UPSERT = """INSERT INTO readings VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE
  SET (value, unit, revision, received_us) = (excluded.value, excluded.unit, excluded.revision, excluded.received_us)
  WHERE (excluded.revision, excluded.received_us) >= (revision, received_us)"""
DELETE = """DELETE FROM readings WHERE (meter, obis, attribute, profile, at_us, occurrence) = (?, ?, ?, ?, ?, ?)
  AND revision < ?"""


def values(message: MeterReadings) -> Iterator[tuple[object, ...]]:
    """Yield each value under its natural key."""
    meter, since = message.meter.id, (message.revision, message.time.received_us)
    for one in message.readings:
        key = (meter, one.obis, one.attribute, one.profile_obis, one.measured_at_us, one.occurrence)
        yield *key, json_form.value(one), one.unit, *since
    for block in message.interval_blocks:
        for number, value in enumerate(json_form.values(block)):
            at_us = block.first_interval_end_us + number * block.period_s * 1_000_000
            key = (meter, block.obis, block.attribute, block.profile_obis, at_us, block.occurrence)
            yield *key, value, block.unit, *since


def withdrawn(message: MeterReadings) -> Iterator[tuple[object, ...]]:
    """Yield the key of each value that an earlier revision had and this one has not."""
    for one in message.retracted:
        key = (message.meter.id, one.obis, one.attribute, one.profile_obis, one.at_us, one.occurrence)
        yield *key, message.revision


def main(bootstrap: str, topic: str, path: str) -> None:
    """Keep readings until stopped."""
    database = sqlite3.connect(path)
    database.execute(TABLE)
    settings = {
        "bootstrap.servers": bootstrap,
        "group.id": f"keep-readings-{Path(path).stem}",  # one database, one progress
        "isolation.level": "read_committed",  # what an aborted transaction wrote was never said
        "enable.auto.commit": False,  # an offset is committed after what it stands for is kept
        "auto.offset.reset": "earliest",
    }
    consumer = Consumer(settings)
    consumer.subscribe([topic])
    while True:
        records = [record for record in consumer.consume(500, 1.0) if not record.error() and record.value()]
        messages = [MeterReadings.FromString(record.value()) for record in records]
        with database:  # one transaction: a crash leaves all or nothing, and the same records come again
            for message in messages:
                database.executemany(UPSERT, values(message))
                database.executemany(DELETE, withdrawn(message))
        if messages:
            consumer.commit(asynchronous=False)


if __name__ == "__main__":
    main(*sys.argv[1:])
