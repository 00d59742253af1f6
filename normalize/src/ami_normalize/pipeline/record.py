"""The raw record, as the pipeline sees it: what Kafka holds, without Kafka."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class RawRecord:
    """One record of `ami.raw.v1`."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes
    headers: Mapping[str, bytes] = field(default_factory=dict)
    timestamp_ms: int = 0
    """The record's own timestamp, used where `ce_time` is absent."""

    @property
    def source(self) -> str:
        """The coordinates as `ami-source` names them."""
        return f"{self.topic}/{self.partition}/{self.offset}"
