"""The raw record: what the agent promises to everybody downstream.

The value is the bytes as received. The key routes: `st-<system title>` where the bytes, the association or the
inventory give a title, else the inventory id, else `peer-<address>`. Headers are CloudEvents in binary mode plus our
own. `ce_id` is added by the spool, which owns the sequence.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from datetime import datetime, timezone
from enum import Enum
from functools import lru_cache
from typing import Final, NamedTuple

from ami_dlms.framing import Framing, Message
from ami_ingest import system_title
from ami_schemas import headers as names

MAX_VALUE: Final = 1 << 20
"""Octets of a value. A larger assembly is cut into incomplete records."""

_MAX_SHAPES: Final = 256

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


class _Shape(NamedTuple):
    """What the records of one peer, framing, title and completeness have in common."""

    key: bytes
    before: tuple[Header, ...]
    after: tuple[Header, ...]


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


class Recorder:
    """Makes the records of one peer. What its records have in common is made once: a peer pushes often."""

    __slots__ = ("_origin", "_shapes")

    def __init__(self, origin: Origin) -> None:
        self._origin = origin
        self._shapes: dict[tuple[Framing, bytes | None, bool], _Shape] = {}

    def records(
        self,
        messages: Iterable[Message],
        received_us: int,
        context: bytes | None = None,
        session_key: bytes | None = None,
    ) -> list[RawRecord]:
        """Make the records of messages received together.

        Each message is one record; several, all incomplete, where its bytes exceed MAX_VALUE. `context` is a
        serialized `ami.raw.v1.Exchange` (polls only), `session_key` the association's own key, wrapped.
        """
        made: list[RawRecord] = []
        time_header = (names.CE_TIME, _rfc3339(received_us))
        for message in messages:
            raw = message.raw
            title = system_title.find(message.apdus) or self._origin.system_title
            whole = message.complete and bool(message.apdus) and len(raw) <= MAX_VALUE
            shape = self._shape(message.framing, title, whole=whole)
            headers = (*shape.before, time_header, *shape.after)
            if len(raw) <= MAX_VALUE:
                if context is not None:
                    headers = (*headers, (names.CONTEXT, context))
                if session_key is not None:
                    headers = (*headers, (names.SESSION_KEY, session_key))
                made.append(RawRecord(shape.key, raw, headers, received_us))
            else:
                made += [
                    RawRecord(shape.key, raw[start : start + MAX_VALUE], headers, received_us)
                    for start in range(0, len(raw), MAX_VALUE)
                ]
        return made

    def _shape(self, framing: Framing, title: bytes | None, *, whole: bool) -> _Shape:
        kind = (framing, title, whole)
        shape = self._shapes.get(kind)
        if shape is None:
            if len(self._shapes) >= _MAX_SHAPES:
                self._shapes.clear()  # an address that speaks for more meters than fit
            shape = self._shapes[kind] = _shape_of(self._origin, framing, title, whole=whole)
        return shape


def from_message(
    message: Message,
    origin: Origin,
    received_us: int,
    context: bytes | None = None,
    session_key: bytes | None = None,
) -> list[RawRecord]:
    """Make the records of one message; see Recorder."""
    return Recorder(origin).records([message], received_us, context, session_key)


def _shape_of(origin: Origin, framing: Framing, title: bytes | None, *, whole: bool) -> _Shape:
    after: tuple[Header, ...] = () if title is None else ((names.SYSTEM_TITLE, title.hex().encode()),)
    if not whole:
        after = (*after, (names.INCOMPLETE, b"1"))
    return _Shape(_key(title, origin), _headers_of(origin, framing), after)


@lru_cache(maxsize=4096)
def _headers_of(origin: Origin, framing: Framing) -> tuple[Header, ...]:
    """Make the headers that all records of one peer have in common."""
    return (
        *_headers_of_agent(origin.agent, framing, origin.transport, origin.exchange),
        (names.CE_SUBJECT, origin.subject.encode()),
    )


@lru_cache(maxsize=256)
def _headers_of_agent(agent: str, framing: Framing, transport: Transport, exchange: ExchangeKind) -> tuple[Header, ...]:
    """Make the headers that differ by peer in nothing: one tuple for thousands of connections."""
    return (
        (names.CE_SPECVERSION, b"1.0"),
        (names.CE_TYPE, names.RAW_TYPE.encode()),
        (names.CE_SOURCE, f"/ami/agents/{agent}".encode()),
        (names.FRAMING, framing.value.encode()),
        (names.TRANSPORT, transport.value.encode()),
        (names.EXCHANGE, exchange.value.encode()),
        (names.AGENT, agent.encode()),
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
