"""What a transactional loop tells about itself."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import NamedTuple


class EventKind(str, Enum):
    """The stable name of an event."""

    STARTED = "started"
    """Both clients are ready. Fields: transactional_id."""
    ASSIGNED = "assigned"
    """Partitions came; at first also none. Fields: starts (partition -> next offset)."""
    REVOKED = "revoked"
    """Partitions went. Fields: partitions, lost (True when taken without asking)."""
    WAITING = "waiting"
    """A predecessor's transaction is still open in the ledger, or Kafka does not answer. Fields: partitions."""
    PROGRESS_DIFFERS = "progress-differs"
    """The group's committed offset is not the ledger's; the ledger wins. Fields: partition, ledger, group."""
    COMMITTED = "committed"
    """A batch is done. Fields: records, outputs, seconds, writing (of which), next (partition -> next offset)."""
    ABORTED = "aborted"
    """A transaction was given up, its batch comes again. Fields: step, error."""
    REBUILT = "rebuilt"
    """Both clients are thrown away and made anew. Fields: reason."""
    HELD = "held"
    """The processor lacks something outside Kafka; nothing is consumed until it is back. Fields: cause, error."""
    OVERSIZE = "oversize"
    """A derived record was larger than its topic takes and was replaced. Fields: topic, size, limit."""
    KAFKA_AWAY = "kafka-away"
    """The brokers do not answer. Fields: error."""
    KAFKA_BACK = "kafka-back"
    """They answer again."""
    STOPPED = "stopped"
    """The loop ended as asked."""


class LoopEvent(NamedTuple):
    """An event: a kind for programs, a sentence for people, the figures."""

    kind: EventKind
    sentence: str
    fields: Mapping[str, object] = {}
