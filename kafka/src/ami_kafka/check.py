"""Ask a Kafka whether it is there, quickly, and say in one sentence when it is not."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._metadata import ClusterMetadata

from ami_kafka.errors import KafkaUnavailable, NotAuthorized, TopicDiffers, TopicMissing

_QUIET = logging.getLogger("ami_kafka.check")
_QUIET.addHandler(logging.NullHandler())
_QUIET.propagate = False


def check(bootstrap: str, timeout_s: float = 5.0, topics: Iterable[str] = ()) -> None:
    """Return when a Kafka answers and has the topics; raise `KafkaUnavailable` or `TopicMissing` within the time."""
    known = metadata(bootstrap, timeout_s).topics
    missing = [name for name in topics if name not in known or known[name].error is not None]
    if missing:
        raise TopicMissing.named(*missing)


def check_alike(bootstrap: str, source: str, others: Iterable[str]) -> None:
    """Return when all topics are there and the others have as many partitions as the source.

    What is derived from a record goes to the partition of the record's own number. Raises `TopicMissing`,
    `TopicDiffers` or `KafkaUnavailable`.
    """
    known = metadata(bootstrap).topics
    names = (source, *others)
    missing = [name for name in names if name not in known or known[name].error is not None]
    if missing:
        raise TopicMissing.named(*missing)
    counts = {name: len(known[name].partitions) for name in names}
    differing = [f"{name} has {counts[name]}" for name in names if counts[name] != counts[source]]
    if differing:
        raise TopicDiffers(
            f"{', '.join(differing)} partitions, {source} has {counts[source]}",
            "they must have the same number: create all from one declaration with `ami topics apply`",
        )


def broker_count(bootstrap: str, timeout_s: float = 5.0) -> int:
    """Give the number of brokers in the cluster; raise `KafkaUnavailable`."""
    return len(metadata(bootstrap, timeout_s).brokers)


def metadata(bootstrap: str, timeout_s: float = 5.0) -> ClusterMetadata:
    """Ask for the brokers and topics; raise `KafkaUnavailable`, with the client's own reason."""
    reasons: list[str] = []
    settings: dict[str, Any] = {
        "bootstrap.servers": bootstrap,
        "socket.connection.setup.timeout.ms": 3000,
        "reconnect.backoff.max.ms": 500,
        "error_cb": lambda error: reasons.append(error.str()),
        "logger": _QUIET,
    }
    admin = AdminClient(settings)
    try:
        return admin.list_topics(timeout=timeout_s)
    except KafkaException as error:
        admin.poll(0)
        cause = error.args[0]
        if cause.code() == KafkaError.CLUSTER_AUTHORIZATION_FAILED:
            raise NotAuthorized(f"Kafka at {bootstrap} refuses us", "check the credentials") from None
        raise KafkaUnavailable.at(bootstrap, why(reasons)) from None


def why(reasons: Iterable[str]) -> str:
    """Shorten the client's messages to the one that helps: `Connection refused`, `Failed to resolve …`."""
    for reason in reasons:
        for sign in ("Connection refused", "Failed to resolve", "timed out", "SSL handshake", "Authentication"):
            if sign in reason:
                if sign == "Failed to resolve":
                    return "the host name cannot be resolved"
                return sign[0].lower() + sign[1:]
    return ""
