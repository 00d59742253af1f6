"""Parked messages as raw records: from Kafka, or from files of captured ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ami_cli.captured import messages_of
from ami_cli.errors import CommandError, ExitCode
from ami_cli.verbs.decode import complete
from ami_normalize.offline import to_record
from ami_normalize.pipeline import RawRecord
from ami_schemas import headers, topics
from ami_schemas.reasons import Reason


def from_kafka(bootstrap: str, limit: int) -> list[RawRecord]:
    """Return the records that still wait for a mapping, the last `limit` of them. Raises KafkaUnavailable."""
    from ami_cli.follow import Follower

    waiting: dict[str, RawRecord] = {}
    with Follower(bootstrap, [topics.PARKED], from_beginning=True) as follower:
        while not follower.at_end:
            for record in follower.poll(0.3):
                if headers.RESOLVES in record.headers:
                    waiting.pop(record.text(headers.RESOLVES), None)
                elif record.value and record.text(headers.DLQ_REASON) == Reason.MAPPING_MISSING.value:
                    source = record.text(headers.SOURCE)
                    waiting[source] = RawRecord(
                        record.topic,
                        record.partition,
                        record.offset,
                        record.key,
                        record.value,
                        record.headers,
                        record.timestamp_ms,
                    )
                    if len(waiting) > limit:
                        del waiting[next(iter(waiting))]
    return list(waiting.values())


def from_file(source: str, keys: dict[str, dict[str, Any]]) -> Iterator[tuple[RawRecord, Mapping[str, Any] | None]]:
    """Yield the records of a file as `ami decode` takes it, or of `ami tail parked --json`, with their own keys.

    Raises CommandError for a line that is neither.
    """
    for message in messages_of(source):
        if isinstance(message.get("headers"), dict) and message.get("hex"):
            yield _tailed(message), None
            continue
        whole = complete(message, "auto", None, keys)
        try:
            yield to_record(whole), whole.get("keys")
        except (ValueError, TypeError) as error:
            raise CommandError(f"{message.get('id')}: {error}", "correct it and try again", ExitCode.DATA) from None


def _tailed(message: Mapping[str, Any]) -> RawRecord:
    """Return the record that a line of `ami tail` shows."""
    told = {name: str(value).encode() for name, value in message["headers"].items() if name not in headers.BINARY}
    return RawRecord(
        str(message.get("topic", topics.PARKED)),
        int(message.get("partition", 0)),
        int(message.get("offset", 0)),
        str(message.get("key", "")).encode(),
        bytes.fromhex(message["hex"]),
        told,
        int(message.get("timestamp_ms", 0)),
    )
