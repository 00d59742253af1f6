"""The one place that configures Kafka clients, so that all of ours agree.

All producers use Java's partitioner (librdkafka's own default sends most keys elsewhere than Java and aiokafka do), all
consumers read only what was committed, and nobody lets the client decide where reading starts.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from confluent_kafka import Consumer, KafkaError, Producer
from confluent_kafka.admin import AdminClient

MAX_RECORD_BYTES = 2 << 20
"""Largest record of any of our topics, as `topics.yaml` declares it for raw, dead letters and parked."""

SESSION_TIMEOUT_MS = 10_000
TRANSACTION_TIMEOUT_MS = 15_000

Settings = dict[str, Any]
OnError = Callable[[KafkaError], None]

LOG = logging.getLogger("ami_kafka.client")
"""What the client libraries say about their connections; silent unless a program sets logging up."""
LOG.addHandler(logging.NullHandler())


def producer_settings(bootstrap: str, **more: Any) -> Settings:
    """Give the settings of every producer. `more` uses librdkafka's names with `_` for `.`."""
    return {
        "bootstrap.servers": bootstrap,
        "client.id": "ami",
        "partitioner": "murmur2_random",
        "enable.idempotence": True,
        "acks": "all",
        "compression.type": "zstd",
        "linger.ms": 5,
        "message.max.bytes": MAX_RECORD_BYTES,
        "queue.buffering.max.kbytes": 256 << 10,
        "socket.keepalive.enable": True,
        "reconnect.backoff.max.ms": 2000,
        **_dotted(more),
    }


def transactional_settings(bootstrap: str, transactional_id: str, **more: Any) -> Settings:
    """Give the settings of a producer whose records appear together or not at all."""
    timeout = int(more.get("transaction_timeout_ms", TRANSACTION_TIMEOUT_MS))
    settings = producer_settings(bootstrap, transactional_id=transactional_id)
    settings |= {
        "transaction.timeout.ms": timeout,
        "delivery.timeout.ms": timeout,  # a record not written by then dies with its transaction
        "request.timeout.ms": min(10_000, timeout),
        "queue.buffering.max.messages": 200_000,
    }
    return settings | _dotted(more)


def consumer_settings(bootstrap: str, group: str, **more: Any) -> Settings:
    """Give the settings of every consumer: read committed, no automatic commits, no silent reset."""
    return {
        "bootstrap.servers": bootstrap,
        "client.id": "ami",
        "group.id": group,
        "isolation.level": "read_committed",
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "auto.offset.reset": "error",
        "partition.assignment.strategy": "cooperative-sticky",
        "session.timeout.ms": SESSION_TIMEOUT_MS,
        "heartbeat.interval.ms": 2000,
        "max.poll.interval.ms": 300_000,
        "fetch.message.max.bytes": MAX_RECORD_BYTES,
        "queued.max.messages.kbytes": 32 << 10,
        "topic.metadata.refresh.interval.ms": 30_000,
        "socket.keepalive.enable": True,
        "reconnect.backoff.max.ms": 2000,
        **_dotted(more),
    }


def producer(bootstrap: str, *, on_error: OnError | None = None, **more: Any) -> Producer:
    """Make an idempotent producer, as the agent uses it."""
    return Producer(_with_callbacks(producer_settings(bootstrap, **more), on_error))


def transactional_producer(
    bootstrap: str, transactional_id: str, *, on_error: OnError | None = None, **more: Any
) -> Producer:
    """Make a transactional producer; `init_transactions` is the caller's."""
    return Producer(_with_callbacks(transactional_settings(bootstrap, transactional_id, **more), on_error))


def consumer(bootstrap: str, group: str, *, on_error: OnError | None = None, **more: Any) -> Consumer:
    """Make a consumer."""
    return Consumer(_with_callbacks(consumer_settings(bootstrap, group, **more), on_error))


def admin(bootstrap: str) -> AdminClient:
    """Make an administrator, silent about brokers that are away: its calls say so."""
    settings: Settings = {"bootstrap.servers": bootstrap, "client.id": "ami", "reconnect.backoff.max.ms": 1000}
    return AdminClient(_with_callbacks(settings, lambda _error: None))


def _dotted(settings: Settings) -> Settings:
    return {key if key.startswith("on_") else key.replace("_", "."): value for key, value in settings.items()}


def _with_callbacks(settings: Settings, on_error: OnError | None) -> Settings:
    settings["logger"] = LOG
    settings["error_cb"] = on_error or (lambda error: LOG.warning("%s", error.str()))
    return settings
