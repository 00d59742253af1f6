"""The raw record: what the agent promises to everybody downstream.

The value is the bytes as received. The key routes: `st-<system title>` where the bytes, the association or the
inventory give a title, else the inventory id, else `peer-<address>`. Headers are CloudEvents in binary mode plus our
own. `ce_id` is added by the spool, which owns the sequence.
"""

from __future__ import annotations

import time
from datetime import datetime, timezone
from enum import Enum
from functools import lru_cache
from typing import Final, NamedTuple

from ami_dlms.framing import Framing, Message
from ami_ingest import system_title
from ami_schemas import headers as names

MAX_VALUE: Final = 1 << 20
"""Octets of a value. A larger assembly is cut into incomplete records."""

Header = tuple[str, bytes]


class Transport(str, Enum):
    """What carried the bytes (`ami-transport`)."""

    TCP = "tcp"
    UDP = "udp"
    SERIAL = "serial"
    FILE = "file"


class ExchangeKind(str, Enum):
    """Who began (`ami-exchange`)."""

    PUSH = "push"
    POLL = "poll"
    FILE = "file"


class Origin(NamedTuple):
    """Where bytes came from, as far as the agent knows without looking into them."""

    agent: str
    transport: Transport
    exchange: ExchangeKind
    address: str
    """Host without port: it becomes the key where nothing better is known."""
    subject: str
    """`HOST:PORT` of the peer, or the inventory id: `ce_subject`, for people."""
    meter: str | None = None
    """Inventory id."""
    system_title: bytes | None = None
    """From the association or the inventory; what the bytes state goes before."""


class RawRecord(NamedTuple):
    """One raw record, ready for the spool."""

    key: bytes
    value: bytes
    headers: tuple[Header, ...]
    """All headers but `ce_id`."""
    timestamp_us: int
    """Reception, microseconds since 1970 in UTC."""


def now_us() -> int:
    """Reception time: microseconds since 1970 in UTC."""
    return time.time_ns() // 1000


def from_message(message: Message, origin: Origin, received_us: int, context: bytes | None = None) -> list[RawRecord]:
    """Make the record of a message; several, all incomplete, where its bytes exceed MAX_VALUE."""
    title = system_title.find(message.apdus) or origin.system_title
    raw = message.raw
    if len(raw) <= MAX_VALUE:
        whole = message.complete and bool(message.apdus)
        return [make(raw, message.framing, origin, received_us, title=title, complete=whole, context=context)]
    return [
        make(raw[start : start + MAX_VALUE], message.framing, origin, received_us, title=title, complete=False)
        for start in range(0, len(raw), MAX_VALUE)
    ]


def make(
    value: bytes,
    framing: Framing,
    origin: Origin,
    received_us: int,
    *,
    title: bytes | None,
    complete: bool,
    context: bytes | None = None,
) -> RawRecord:
    """Make one record. `context` is a serialized `ami.raw.v1.Exchange` (polls only)."""
    headers = [*_headers_of(origin, framing), (names.CE_TIME, _rfc3339(received_us))]
    if title is not None:
        headers.append((names.SYSTEM_TITLE, title.hex().encode()))
    if context is not None:
        headers.append((names.CONTEXT, context))
    if not complete:
        headers.append((names.INCOMPLETE, b"1"))
    return RawRecord(_key(title, origin), value, tuple(headers), received_us)


@lru_cache(maxsize=4096)
def _headers_of(origin: Origin, framing: Framing) -> tuple[Header, ...]:
    """Make the headers that all records of one peer have in common, once: a peer pushes often."""
    return (
        (names.CE_SPECVERSION, b"1.0"),
        (names.CE_TYPE, names.RAW_TYPE.encode()),
        (names.CE_SOURCE, f"/ami/agents/{origin.agent}".encode()),
        (names.CE_SUBJECT, origin.subject.encode()),
        (names.FRAMING, framing.value.encode()),
        (names.TRANSPORT, origin.transport.value.encode()),
        (names.EXCHANGE, origin.exchange.value.encode()),
        (names.AGENT, origin.agent.encode()),
    )


def _key(title: bytes | None, origin: Origin) -> bytes:
    if title is not None:
        return b"st-" + title.hex().encode()
    if origin.meter is not None:
        return origin.meter.encode()
    return f"peer-{origin.address}".encode()


def _rfc3339(microseconds: int) -> bytes:
    seconds, fraction = divmod(microseconds, 1_000_000)
    return b"%s.%06dZ" % (_second(seconds), fraction)


@lru_cache(maxsize=16)
def _second(seconds: int) -> bytes:
    moment = datetime.fromtimestamp(seconds, tz=timezone.utc)
    return f"{moment:%Y-%m-%dT%H:%M:%S}".encode()
