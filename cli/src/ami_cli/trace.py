"""From a reading back to its raw record, and from a raw record to what became of it: on Kafka, without a group."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple

from confluent_kafka import KafkaError, KafkaException, TopicPartition

from ami.readings.v1 import meter_readings_pb2 as pb
from ami_cli.errors import CommandError, ExitCode
from ami_cli.view.readings import Row, rows
from ami_cli.view.records import Record
from ami_kafka.check import check, metadata
from ami_kafka.clients import admin, consumer
from ami_kafka.errors import KafkaUnavailable
from ami_kafka.offsets import bounds
from ami_normalize.explanation.made import DERIVED
from ami_normalize.pipeline import RawRecord
from ami_schemas import headers, topics

COORDINATES: Final = re.compile(r"([A-Za-z0-9._-]+)/(\d{1,9})/(\d{1,19})(?:#\d+)?")
"""`<topic>/<partition>/<offset>`, as `ami-source` writes it."""

_TIMEOUT_S: Final = 10.0
_POLL_S: Final = 0.1
_FIRST_LOOK: Final = 2_000
"""Records of each partition that are looked at first, from its end; then ten times as many, and so on."""
_MOST_AFTER: Final = 200_000
"""Records that are looked at for what became of a raw record."""
_EARLIER_MS: Final = 3_600_000
"""What was measured at a time came at most so much earlier: a clock may be ahead."""

Ends = dict[tuple[str, int], tuple[int, int]]


class Found(NamedTuple):
    """A value on Kafka."""

    record: Record
    row: Row


class Trace:
    """Looks things up. Use as a context manager."""

    def __init__(self, bootstrap: str) -> None:
        """See that Kafka is there; raises KafkaUnavailable."""
        self._bootstrap = bootstrap
        self._admin = admin(bootstrap)
        self._known = metadata(bootstrap).topics
        self._consumer: Any = consumer(
            bootstrap, f"ami-look-{uuid.uuid4()}", enable_partition_eof=True, fetch_wait_max_ms=100
        )

    def record(self, topic: str, partition: int, offset: int) -> Record:
        """Return one record. Raises CommandError where there is none, and KafkaUnavailable."""
        where = f"{topic}/{partition}/{offset}"
        known = self._bounds(topic)
        if partition not in known:
            raise CommandError(f"{where}: {topic} has no such partition", "look at the coordinates", ExitCode.MISSING)
        low, high = known[partition]
        if offset < low:
            raise CommandError(
                f"{where} is no longer on Kafka: retention deleted what is before {low}",
                "look for it in the archive (`ami archive`)",
                ExitCode.MISSING,
            )
        if offset < high:
            for record in self._read({(topic, partition): (offset, offset + 1)}):
                if record.offset == offset:
                    return record
        raise CommandError(f"There is no record {where}", f"the next one written is {high}", ExitCode.MISSING)

    def latest(self, meter: str, obis: str | None, at: datetime | None) -> Found | None:
        """Return the last value of a meter (of a code, that holds for an instant); None where there is none."""

        def of_meter(record: Record) -> Row | None:
            if record.key_text != meter or record.value is None:
                return None
            matching = [row for row in rows(pb.MeterReadings.FromString(record.value)) if _fits(row, obis, at)]
            return matching[-1] if matching else None

        found = [Found(record, row) for record, row in self._latest(topics.READINGS, of_meter, at)]
        return max(found, key=lambda one: one.record.timestamp_ms, default=None)

    def latest_failed(self, key: str) -> Record | None:
        """Return the last dead letter or parked record whose raw key is this meter's; None where there is none."""

        def of_key(record: Record) -> Record | None:
            return record if record.key_text == key and record.value is not None else None

        found = [
            record for topic in (topics.DEAD_LETTERS, topics.PARKED) for record, _ in self._latest(topic, of_key, None)
        ]
        return max(found, key=lambda record: record.timestamp_ms, default=None)

    def became(self, raw: RawRecord) -> Record | None:
        """Return what the normalizer made of a raw record, the last of it; None where nothing is found.

        Derived records stand on the raw record's partition, and are written after it.
        """
        spans: Ends = {}
        for topic in DERIVED:
            known = self._bounds(topic, missing_ok=True)
            if raw.partition in known:
                low, high = known[raw.partition]
                begin = self._offset_at(topic, raw.partition, raw.timestamp_ms) if raw.timestamp_ms > 0 else low
                if begin is not None and begin < high:
                    spans[topic, raw.partition] = (max(low, begin), min(high, begin + _MOST_AFTER))
        found = None
        for record in self._read(spans):
            if record.text(headers.SOURCE).partition("#")[0] == raw.source and record.value is not None:
                found = record if found is None or record.timestamp_ms >= found.timestamp_ms else found
        return found

    def _latest(self, topic: str, wanted: Callable[[Record], Any], at: datetime | None) -> Iterator[tuple[Record, Any]]:
        """Yield the last match of each partition in the nearest look back that has any, or all from a time on."""
        known = self._bounds(topic)
        if at is not None:
            since = int(at.timestamp() * 1000) - _EARLIER_MS
            begins = {number: self._offset_at(topic, number, since) for number in known}
            yield from self._last({(topic, n): (b, known[n][1]) for n, b in begins.items() if b is not None}, wanted)
            return
        look, ends = _FIRST_LOOK, {number: high for number, (_, high) in known.items()}
        while any(ends[number] > low for number, (low, _) in known.items()):
            spans = {
                (topic, number): (max(low, ends[number] - look), ends[number])
                for number, (low, _) in known.items()
                if ends[number] > low
            }
            found = list(self._last(spans, wanted))
            if found:
                yield from found
                return
            ends |= {number: begin for (_, number), (begin, _) in spans.items()}
            look *= 10

    def _last(self, spans: Ends, wanted: Callable[[Record], Any]) -> Iterator[tuple[Record, Any]]:
        matches: dict[int, tuple[Record, Any]] = {}
        for record in self._read(spans):
            match = wanted(record)
            if match is not None:
                matches[record.partition] = (record, match)
        yield from matches.values()

    def _bounds(self, topic: str, *, missing_ok: bool = False) -> dict[int, tuple[int, int]]:
        known = self._known
        if topic not in known or known[topic].error is not None:
            if missing_ok:
                return {}
            raise CommandError(f"Kafka has no topic {topic}", "look at the coordinates", ExitCode.MISSING)
        try:
            found = bounds(self._admin, topic, sorted(known[topic].partitions), _TIMEOUT_S)
        except KafkaException as error:
            raise KafkaUnavailable.at(self._bootstrap, error.args[0].str()) from None
        return {number: (each.low, each.high) for number, each in found.items()}

    def _offset_at(self, topic: str, partition: int, timestamp_ms: int) -> int | None:
        """Return the first offset written at a time or later; None where there is none."""
        try:
            (found,) = self._consumer.offsets_for_times([TopicPartition(topic, partition, timestamp_ms)], _TIMEOUT_S)
        except KafkaException as error:
            raise KafkaUnavailable.at(self._bootstrap, error.args[0].str()) from None
        return int(found.offset) if found.offset >= 0 else None

    def _read(self, spans: Ends) -> Iterator[Record]:
        """Yield the committed records of ranges of offsets."""
        left = {where: end for where, (begin, end) in spans.items() if begin < end}
        if not left:
            return
        self._consumer.assign([TopicPartition(*where, spans[where][0]) for where in left])
        idle = 0.0
        while left:
            messages = self._consumer.consume(1000, _POLL_S)  # waits until it has so many, or so long
            idle = 0.0 if messages else idle + _POLL_S
            if idle >= _TIMEOUT_S:
                check(self._bootstrap)
                idle = 0.0
            for message in messages:
                where = (message.topic(), message.partition())
                error = message.error()
                if error is not None:
                    if error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - the client's public name for it
                        left.pop(where, None)
                    elif not error.retriable():
                        raise KafkaException(error)
                    continue
                if where in left:
                    if message.offset() < left[where]:
                        yield Record.of(message)
                    if message.offset() + 1 >= left[where]:
                        left.pop(where)
        self._consumer.unassign()

    def __enter__(self) -> Trace:
        return self

    def __exit__(self, *_: object) -> None:
        self._consumer.close()


def raw_of(trace: Trace, derived: Record) -> RawRecord:
    """Return the raw record that a derived one was made from: its copy, or else as the raw topic has it.

    Raises CommandError where it is gone.
    """
    if derived.topic in {topics.DEAD_LETTERS, topics.PARKED} and derived.headers.get(headers.DLQ_TOPIC):
        own = {name: value for name, value in derived.headers.items() if not name.startswith("dlq.")}
        return RawRecord(
            derived.text(headers.DLQ_TOPIC),
            int(derived.text(headers.DLQ_PARTITION) or 0),
            int(derived.text(headers.DLQ_OFFSET) or 0),
            derived.key,
            derived.value or b"",
            {name: value for name, value in own.items() if name not in {headers.SOURCE, headers.FINGERPRINT}},
            int(derived.text(headers.DLQ_TIMESTAMP) or 0),
        )
    found = COORDINATES.fullmatch(derived.text(headers.SOURCE))
    if found is None:
        raise CommandError(
            f"{derived.topic}/{derived.partition}/{derived.offset} does not say what it was made from",
            "name a record of one of our topics",
            ExitCode.DATA,
        )
    return raw_record(trace.record(found[1], int(found[2]), int(found[3])))


def raw_record(record: Record) -> RawRecord:
    """Return a record of a raw topic as the pipeline sees it."""
    found: Mapping[str, bytes] = record.headers
    return RawRecord(
        record.topic, record.partition, record.offset, record.key, record.value or b"", dict(found), record.timestamp_ms
    )


def _fits(row: Row, obis: str | None, at: datetime | None) -> bool:
    return obis in {None, row.obis} and at in {None, row.at}
