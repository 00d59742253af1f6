"""Which offsets of a partition exist."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from confluent_kafka import IsolationLevel, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._listoffsets import OffsetSpec


class Bounds(NamedTuple):
    """The offsets that exist: `low` inclusive, `high` exclusive."""

    low: int
    high: int
    """The high watermark, records of open transactions included."""


def bounds(admin: AdminClient, topic: str, partitions: Sequence[int], timeout_s: float = 10.0) -> dict[int, Bounds]:
    """Ask the leaders; raises `KafkaException` when one does not answer in time."""
    earliest: OffsetSpec = OffsetSpec.earliest()  # type: ignore[no-untyped-call]
    latest: OffsetSpec = OffsetSpec.latest()  # type: ignore[no-untyped-call]
    low = _list(admin, topic, partitions, earliest, timeout_s)
    high = _list(admin, topic, partitions, latest, timeout_s)
    return {number: Bounds(low[number], high[number]) for number in partitions}


def _list(
    admin: AdminClient, topic: str, partitions: Sequence[int], spec: OffsetSpec, timeout_s: float
) -> dict[int, int]:
    if not partitions:
        return {}
    futures = admin.list_offsets(
        {TopicPartition(topic, number): spec for number in partitions},
        isolation_level=IsolationLevel.READ_UNCOMMITTED,
        request_timeout=timeout_s,
    )
    return {where.partition: int(future.result().offset) for where, future in futures.items()}
