"""A meter gets another id: the registry and the event that tells consumers of it, in one transaction."""

from __future__ import annotations

import time
import uuid

from confluent_kafka import KafkaException

from ami.events.v1 import meter_events_pb2 as events_pb
from ami.readings.v1 import meter_readings_pb2 as pb
from ami_kafka import clients
from ami_kafka.errors import KafkaUnavailable
from ami_normalize.meter import MeterFacts
from ami_normalize.registry.records import METER, meter_record
from ami_schemas import headers, topics

RENAMED = "METER_RENAMED"
"""The kind of the event: its text is `<old id> -> <new id>`, its meter and key are the new one."""


def rename(bootstrap: str, before: MeterFacts, after: MeterFacts, timeout_s: float = 30.0) -> None:
    """Register a meter under its new id, withdraw the old one, and tell. Raises KafkaUnavailable."""
    event = events_pb.MeterEvents(
        meter=pb.Meter(
            id=after.meter_id,
            logical_device_name=after.logical_device_name,
            system_title=after.system_title,
        ),
        events=[
            events_pb.Event(
                kind=RENAMED,
                at_us=time.time_ns() // 1000,
                time_origin=pb.TIME_ORIGIN_UTC,
                text=f"{before.meter_id} -> {after.meter_id}",
            )
        ],
    )
    source = f"registry/meter/{after.meter_id}/{before.meter_id}".encode()
    key = after.meter_id.encode()
    registered = meter_record(after)
    producer = clients.transactional_producer(bootstrap, f"ami-rename-{uuid.uuid4()}")
    try:
        producer.init_transactions(timeout_s)
        producer.begin_transaction()
        producer.produce(topics.REGISTRY, registered.value, registered.key)
        producer.produce(topics.REGISTRY, None, f"{METER}{before.meter_id}".encode())
        producer.produce(topics.EVENTS, event.SerializeToString(), key, headers=[(headers.SOURCE, source)])
        producer.commit_transaction(timeout_s)
    except KafkaException as error:
        raise KafkaUnavailable.at(bootstrap, error.args[0].str()) from None
