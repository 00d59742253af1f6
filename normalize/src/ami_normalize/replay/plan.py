"""What a replay reads, by what, and how far it is: one record of the ledger, written in each of its transactions."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import Final

from google.protobuf.message import DecodeError

from ami.ledger.v1 import replay_pb2 as pb
from ami_kafka import clients
from ami_kafka.loop import Output
from ami_kafka.offsets import bounds
from ami_kafka.span import Span, SpanReader
from ami_normalize.replay.errors import ReplayError, ReplayUnknown
from ami_schemas import topics

GROUP: Final = "normalize.replay."
"""Begins the group of a replay, and its transactional id; the id follows."""
_KEY: Final = b"replay/"
_PARTITION: Final = 0
_ID: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


@dataclass(frozen=True, slots=True)
class Plan:
    """A replay. Its range never changes once it was begun."""

    id: str
    begun_us: int
    topic: str
    spans: dict[int, Span]
    """By partition of the raw topic."""
    mapping: str
    decoder: str
    start_ms: int | None = None
    """The time its range was asked from; None: from the first record there was."""
    meters: frozenset[str] = frozenset()
    """None: all."""
    next: dict[int, int] = field(default_factory=dict)
    """By partition, the next offset to read."""
    records: int = 0
    written: Counter[str] = field(default_factory=Counter)
    """Records written, by the live topic they stand for."""
    upheld: int = 0
    """Raw records that stayed rejected because replay protection had rejected them."""
    complete: bool = False

    def __post_init__(self) -> None:
        if not _ID.fullmatch(self.id):
            raise ReplayError(f"'{self.id}' is no id of a replay; take lower-case letters, digits and . _ -")

    @property
    def group(self) -> str:
        """The consumer group, and the transactional id: a second process with it puts the first one out."""
        return f"{GROUP}{self.id}"

    @property
    def length(self) -> int:
        """Offsets of the range."""
        return sum(span.length for span in self.spans.values())

    @property
    def left(self) -> int:
        """Offsets still to read."""
        return sum(max(0, (span.end or 0) - self.next.get(number, span.start)) for number, span in self.spans.items())

    def contains(self, topic: str, partition: int, offset: int) -> bool:
        """Tell whether a raw record is of the range."""
        span = self.spans.get(partition)
        return span is not None and topic == self.topic and span.start <= offset < (span.end or 0)

    def finished(self) -> Plan:
        """Return the plan with all spans read."""
        return replace(self, next={n: span.end or span.start for n, span in self.spans.items()}, complete=True)

    def to_output(self) -> Output:
        """Return the record of the ledger."""
        message = pb.Replay(
            begun_us=self.begun_us,
            topic=self.topic,
            spans=[
                pb.ReplaySpan(partition=n, start=span.start, end=span.end or 0, next=self.next.get(n, span.start))
                for n, span in sorted(self.spans.items())
            ],
            mapping=self.mapping,
            decoder=self.decoder,
            start_ms=self.start_ms or 0,
            meters=sorted(self.meters),
            records=self.records,
            written=dict(self.written),
            upheld=self.upheld,
            complete=self.complete,
        )
        return Output(topics.LEDGER, _PARTITION, _KEY + self.id.encode(), message.SerializeToString(), [])

    def forgotten(self) -> Output:
        """Return the record that takes it from the ledger."""
        return self.to_output()._replace(value=None)

    @classmethod
    def of(cls, key: bytes, value: bytes) -> Plan:
        """Read a record of the ledger. Raises DecodeError."""
        message = pb.Replay.FromString(value)
        return cls(
            id=key.removeprefix(_KEY).decode(),
            begun_us=message.begun_us,
            topic=message.topic,
            spans={span.partition: Span(span.start, span.end) for span in message.spans},
            mapping=message.mapping,
            decoder=message.decoder,
            start_ms=message.start_ms or None,
            meters=frozenset(message.meters),
            next={span.partition: span.next for span in message.spans},
            records=message.records,
            written=Counter(dict(message.written)),
            upheld=message.upheld,
            complete=message.complete,
        )


def plans(bootstrap: str) -> dict[str, Plan]:
    """Return the replays that the ledger knows, by id. Raises the errors of ami_kafka."""
    existing = bounds(clients.admin(bootstrap), topics.LEDGER, [_PARTITION])[_PARTITION]
    found: dict[bytes, bytes | None] = {}
    place = (topics.LEDGER, _PARTITION)
    with SpanReader(bootstrap, "ami-look", {place: Span(existing.low, existing.high)}) as reader:
        while not reader.finished:
            for message in reader.read():
                key = message.key() or b""
                if key.startswith(_KEY):
                    found[key] = message.value()
    known = {}
    for key, value in found.items():
        if value:
            try:
                plan = Plan.of(key, value)
            except (DecodeError, UnicodeDecodeError, ReplayError):
                continue  # not written by us: nothing to go on with
            known[plan.id] = plan
    return known


def plan_of(bootstrap: str, replay: str) -> Plan:
    """Return a replay. Raises ReplayUnknown, and the errors of ami_kafka."""
    known = plans(bootstrap)
    if replay not in known:
        told = ", ".join(sorted(known)[:10]) or "none"
        raise ReplayUnknown(f"there is no replay '{replay}'; known are: {told}")
    return known[replay]
