"""The last records of one key, for whoever wants to look at what somebody said lately."""

from __future__ import annotations

import uuid
from collections import deque

from confluent_kafka import KafkaError, KafkaException, TopicPartition

from ami_kafka import clients
from ami_kafka.check import check, metadata
from ami_kafka.errors import KafkaUnavailable
from ami_kafka.offsets import bounds
from ami_kafka.records import RawMessage
from ami_kafka.table import partition_of


def lately(bootstrap: str, topic: str, key: bytes, *, most: int = 10, within: int = 50_000) -> list[RawMessage]:
    """Return the last records of a key, at most `most`, among the last `within` of its partition, oldest first.

    Raises KafkaUnavailable or TopicMissing.
    """
    check(bootstrap, topics=[topic])
    number = partition_of(key, len(metadata(bootstrap).topics[topic].partitions))
    found: deque[RawMessage] = deque(maxlen=most)
    try:
        low, high = bounds(clients.admin(bootstrap), topic, [number])[number]
    except KafkaException as error:
        raise KafkaUnavailable.at(bootstrap, error.args[0].str()) from None
    consumer = clients.consumer(
        bootstrap, f"ami-look-{uuid.uuid4()}", enable_partition_eof=True, auto_offset_reset="earliest"
    )
    try:
        consumer.assign([TopicPartition(topic, number, max(low, high - within))])
        ended = high == low
        while not ended:
            for message in consumer.consume(10_000, 1.0):
                fault = message.error()
                if fault is None:
                    if message.key() == key:
                        found.append(RawMessage.of(message))
                elif fault.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001  the client's public name for it
                    ended = True
                elif not fault.retriable():
                    raise KafkaUnavailable.at(bootstrap, fault.str())
    finally:
        consumer.close()
    return list(found)
