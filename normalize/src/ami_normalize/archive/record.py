"""A record as the archive keeps it: everything that Kafka says about it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

_TIMESTAMP_TYPES: Final = ("NONE", "CREATE_TIME", "LOG_APPEND_TIME")
"""By the client's number for it."""


class ArchivedRecord(NamedTuple):
    """A Kafka record; a value, a key or a header that is null stays null."""

    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    timestamp_type: int
    """0 none, 1 the producer's, 2 the broker's: the client's own numbers."""
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]

    @property
    def octets(self) -> int:
        """How much it weighs: key, value and headers."""
        weight = len(self.key or b"") + len(self.value or b"")
        return weight + sum(len(name) + len(value or b"") for name, value in self.headers)

    def to_avro(self) -> dict[str, Any]:
        """Return it as a datum of `ami_schemas.avro.RECORD`."""
        return {
            "topic": self.topic,
            "partition": self.partition,
            "offset": self.offset,
            "timestamp_ms": self.timestamp_ms,
            "timestamp_type": _TIMESTAMP_TYPES[self.timestamp_type],
            "key": self.key,
            "value": self.value,
            "headers": [{"name": name, "value": value} for name, value in self.headers],
        }

    @classmethod
    def of_avro(cls, datum: Mapping[str, Any]) -> ArchivedRecord:
        """Take it from a datum of `ami_schemas.avro.RECORD`."""
        return cls(
            datum["topic"],
            datum["partition"],
            datum["offset"],
            datum["timestamp_ms"],
            _TIMESTAMP_TYPES.index(datum["timestamp_type"]),
            datum["key"],
            datum["value"],
            tuple((header["name"], header["value"]) for header in datum["headers"]),
        )
