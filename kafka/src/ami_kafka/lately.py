"""The last records of one key, for whoever wants to look at what somebody said lately."""

from __future__ import annotations

import uuid
from collections import deque

from confluent_kafka import KafkaException

from ami_kafka import clients
from ami_kafka.errors import KafkaUnavailable
from ami_kafka.offsets import bounds
from ami_kafka.records import RawMessage
from ami_kafka.span import Span, SpanReader, partitions
from ami_kafka.table import partition_of


def lately(bootstrap: str, topic: str, key: bytes, *, most: int = 10, within: int = 50_000) -> list[RawMessage]:
    """Return the last records of a key, at most `most`, among the last `within` of its partition, oldest first.

    Raises KafkaUnavailable, TopicMissing, OffsetVanished or TransactionHangs.
    """
    number = partition_of(key, len(partitions(bootstrap, topic)))
    found: deque[RawMessage] = deque(maxlen=most)
    try:
        low, high = bounds(clients.admin(bootstrap), topic, [number])[number]
        last = Span(max(low, high - within), high)
        with SpanReader(bootstrap, f"ami-look-{uuid.uuid4()}", {(topic, number): last}) as reader:
            while not reader.finished:
                found.extend(RawMessage.of(message) for message in reader.read(10_000) if message.key() == key)
    except KafkaException as error:
        raise KafkaUnavailable.at(bootstrap, error.args[0].str()) from None
    return list(found)
