"""One record of any of our topics: as lines for a person, as one object for a program.

Whatever cannot be read is shown as what it is (hex); a strange record never ends a `tail`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timezone
from typing import Any, Final, NamedTuple

from google.protobuf.message import DecodeError
from rich.text import Text

from ami.events.v1 import meter_events_pb2 as events_pb
from ami.ledger.v1 import progress_pb2 as ledger_pb
from ami_cli.console import visible
from ami_cli.view.readings import from_us, instant, protection_name, rows
from ami_cli.view.routed import message_of
from ami_schemas import headers as names
from ami_schemas import topics

SHORT: Final = {
    "raw": topics.RAW,
    "readings": topics.READINGS,
    "events": topics.EVENTS,
    "dlq": topics.DEAD_LETTERS,
    "parked": topics.PARKED,
    "ledger": topics.LEDGER,
}
"""Topic by the short name a person types."""

_HEX_SHOWN: Final = 24
_UNREADABLE: Final = (DecodeError, OverflowError)
_REQUESTS: Final = {names.REDRIVE: "redrive", names.RESET_COUNTER: "reset the counter"}
_BINARY: Final = names.BINARY | {"__value_schema_id"}


class Record(NamedTuple):
    """A record as consumed."""

    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None
    headers: Mapping[str, bytes]

    @classmethod
    def of(cls, message: Any) -> Record:
        """Take over what the client gives."""
        return cls(
            message.topic(),
            message.partition(),
            message.offset(),
            message.timestamp()[1],
            message.key(),
            message.value(),
            {name: value or b"" for name, value in message.headers() or []},
        )

    @property
    def at(self) -> str:
        """The record's time, local to the terminal's reader in UTC, to the second."""
        return datetime.fromtimestamp(self.timestamp_ms / 1000, timezone.utc).strftime("%H:%M:%S")

    def text(self, header: str) -> str:
        """Return a header as text, empty where it is absent."""
        return self.headers.get(header, b"").decode("utf-8", "replace")

    @property
    def key_text(self) -> str:
        """The key as text."""
        return (self.key or b"").decode("utf-8", "replace")


def lines(record: Record) -> Iterator[Text]:
    """Yield the lines a person sees: one a record, one a value for readings."""
    shape = _LINES.get(_form(record.topic), _other)
    try:
        yield from shape(record)
    except _UNREADABLE:
        yield from _other(record)


def as_json(record: Record) -> dict[str, Any]:
    """Return the record as one object: coordinates, key, headers as text, and the decoded or hex value."""
    made: dict[str, Any] = {
        "topic": record.topic,
        "partition": record.partition,
        "offset": record.offset,
        "timestamp_ms": record.timestamp_ms,
        "key": record.key_text,
        "headers": {name: _header(name, value) for name, value in record.headers.items()},
    }
    decode = _JSON.get(_form(record.topic))
    try:
        if decode is not None and record.value is not None:
            return made | decode(record)
    except _UNREADABLE:
        pass
    return made | {"hex": None if record.value is None else record.value.hex()}


def _form(topic: str) -> str:
    """Return the topic whose records look the same: what routes write is readings."""
    return topics.READINGS if topic.startswith(topics.ROUTES) else topic


def _header(name: str, value: bytes) -> str:
    return value.hex() if name in _BINARY else value.decode("utf-8", "replace")


def _line(*parts: tuple[str, int, str]) -> Text:
    """Join columns: text, width (negative: right-aligned, 0: as it is), style."""
    made = Text(no_wrap=True, overflow="ellipsis")
    for text, width, style in parts:
        text = visible(text)  # noqa: PLW2901
        cell = text.rjust(-width) if width < 0 else text.ljust(width)
        made.append(cell, style=style)
        made.append("  ")
    return made


def _readings(record: Record) -> Iterator[Text]:
    message = message_of(record.value or b"")
    for row in rows(message):
        yield _line(
            (row.at.strftime("%Y-%m-%d %H:%M:%SZ"), 20, "dim"),
            (row.meter, 20, "cyan"),
            (row.obis, 16, ""),
            ("-" if row.value is None else row.value, -14, "bold"),
            (row.unit or "", 5, ""),
            (row.meaning, 34, "dim"),
            (row.protection, 23, "green" if row.protection not in {"", "none"} else "dim"),
            (" ".join(row.quality), 0, "yellow"),
        )


def _raw(record: Record) -> Iterator[Text]:
    yield _line(
        (record.at, 8, "dim"),
        (record.key_text, 22, "cyan"),
        (record.text(names.EXCHANGE), 4, ""),
        (record.text(names.TRANSPORT), 6, ""),
        (record.text(names.FRAMING), 7, ""),
        (f"{len(record.value or b'')} B", -8, "bold"),
        ("incomplete" if names.INCOMPLETE in record.headers else "", 10, "yellow"),
        (_hex(record.value), 0, "dim"),
    )


def _failed(record: Record) -> Iterator[Text]:
    if names.RESOLVES in record.headers:
        yield _line(
            (record.at, 8, "dim"),
            (record.key_text, 22, "cyan"),
            (f"resolved {record.text(names.RESOLVES)}: {record.text(names.OUTCOME)}", 0, "green"),
        )
        return
    for name, what in _REQUESTS.items():
        if name in record.headers:
            told = (f"asked to {what} {record.text(name)}", 0, "magenta")
            yield _line((record.at, 8, "dim"), (record.key_text, 22, "cyan"), told)
            return
    yield _line(
        (record.at, 8, "dim"),
        (record.key_text, 22, "cyan"),
        (record.text(names.DLQ_STAGE), 9, ""),
        (record.text(names.DLQ_REASON), 20, "bold yellow"),
        (record.text(names.SOURCE), 20, "dim"),
        (record.text(names.DLQ_MESSAGE), 0, ""),
    )


def _events(record: Record) -> Iterator[Text]:
    message = events_pb.MeterEvents.FromString(record.value or b"")
    for event in message.events:
        yield _line(
            (from_us(event.at_us).strftime("%Y-%m-%d %H:%M:%SZ"), 20, "dim"),
            (message.meter.id, 20, "cyan"),
            (event.kind, 20, "bold"),
            (event.obis, 16, ""),
            (event.text or (str(event.code) if event.HasField("code") else event.octets.hex()), 0, ""),
        )


def _ledger(record: Record) -> Iterator[Text]:
    value = "" if record.value is None else record.value.hex()
    if record.key_text.startswith("progress/") and record.value is not None:
        value = f"next offset {ledger_pb.Progress.FromString(record.value).next_offset}"
    yield _line((record.at, 8, "dim"), (record.key_text, 48, "cyan"), (value, 0, ""))


def _other(record: Record) -> Iterator[Text]:
    yield _line(
        (record.at, 8, "dim"),
        (f"{record.partition}/{record.offset}", 10, "dim"),
        (record.key_text, 22, "cyan"),
        (f"{len(record.value or b'')} B", -8, "bold"),
        (_hex(record.value), 0, "dim"),
    )


def _hex(value: bytes | None) -> str:
    if value is None:
        return "(null)"
    return value[:_HEX_SHOWN].hex() + ("…" if len(value) > _HEX_SHOWN else "")


def _readings_json(record: Record) -> dict[str, Any]:
    message = message_of(record.value or b"")
    provenance = message.provenance
    return {
        "meter": message.meter.id,
        "logical_device_name": message.meter.logical_device_name,
        "manufacturer": message.meter.manufacturer,
        "system_title": message.meter.system_title.hex(),
        "meter_time": instant(from_us(message.time.meter_time_us)) if message.time.meter_time_us else None,
        "received": instant(from_us(message.time.received_us)),
        "protection": protection_name(provenance.protection),
        "source": f"{provenance.topic}/{provenance.partition}/{provenance.offset}",
        "sha256": provenance.raw_sha256.hex(),
        "revision": message.revision,
        "readings": [row.as_json() for row in rows(message)],
    }


def _events_json(record: Record) -> dict[str, Any]:
    message = events_pb.MeterEvents.FromString(record.value or b"")
    return {
        "meter": message.meter.id,
        "events": [
            {
                "kind": event.kind,
                "obis": event.obis or None,
                "at": instant(from_us(event.at_us)),
                "code": event.code if event.HasField("code") else None,
                "text": event.text,
                "octets": event.octets.hex(),
            }
            for event in message.events
        ],
    }


def _ledger_json(record: Record) -> dict[str, Any]:
    if not record.key_text.startswith("progress/"):
        return {"hex": (record.value or b"").hex()}
    return {"next_offset": ledger_pb.Progress.FromString(record.value or b"").next_offset}


_LINES: Final[Mapping[str, Callable[[Record], Iterator[Text]]]] = {
    topics.RAW: _raw,
    topics.READINGS: _readings,
    topics.EVENTS: _events,
    topics.DEAD_LETTERS: _failed,
    topics.PARKED: _failed,
    topics.LEDGER: _ledger,
}
_JSON: Final[Mapping[str, Callable[[Record], dict[str, Any]]]] = {
    topics.READINGS: _readings_json,
    topics.EVENTS: _events_json,
    topics.LEDGER: _ledger_json,
}
