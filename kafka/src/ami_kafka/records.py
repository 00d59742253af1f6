"""What goes into the processor of a transactional loop, and what comes out."""

from __future__ import annotations

from operator import itemgetter
from typing import NamedTuple, cast

from confluent_kafka import Message


class RawMessage(NamedTuple):
    """A record as consumed."""

    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    """Milliseconds since 1970 UTC, as the producer or the broker set it."""
    key: bytes | None
    value: bytes
    """Empty where the record has none."""
    headers: tuple[tuple[str, bytes], ...]

    @classmethod
    def of(cls, message: Message) -> RawMessage:
        """Take over what the client gives; not for a message that is an error."""
        return cls(
            str(message.topic()),
            int(message.partition() or 0),
            int(message.offset() or 0),
            message.timestamp()[1],
            message.key(),
            message.value() or b"",
            headers_of(message),
        )


class Output(NamedTuple):
    """A record to produce in the batch's transaction."""

    topic: str
    partition: int
    """The partition number of the record it comes from."""
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes]]


class LedgerRecord(NamedTuple):
    """A record of the ledger that a processor keeps there."""

    key: bytes
    value: bytes | None
    """None: the key is given up."""


_value = itemgetter(1)


def headers_of(message: Message) -> tuple[tuple[str, bytes], ...]:
    """Return the headers of a message as consumed."""
    headers = cast("list[tuple[str, bytes]] | None", message.headers())
    if not headers:
        return ()
    if None in map(_value, headers):
        return tuple([(name, value or b"") for name, value in headers])
    return tuple(headers)
