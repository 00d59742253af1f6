"""The raw record, as the pipeline sees it: what Kafka holds, without Kafka."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

_NO_HEADERS: Final[Mapping[str, bytes]] = MappingProxyType({})


class RawRecord(NamedTuple):
    """One record of `ami.raw.v1`."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes
    headers: Mapping[str, bytes] = _NO_HEADERS
    timestamp_ms: int = 0
    """The record's own timestamp, used where `ce_time` is absent."""

    @property
    def source(self) -> str:
        """The coordinates as `ami-source` names them."""
        return f"{self.topic}/{self.partition}/{self.offset}"
