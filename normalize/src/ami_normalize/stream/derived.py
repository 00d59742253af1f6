"""How a raw record ends, as records: topic, partition, key, headers; and `ami-source` in each of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from ami_kafka.loop import Output, RawMessage
from ami_normalize.fast import Normalizer
from ami_normalize.ledger import Rule
from ami_normalize.pipeline import (
    Context,
    EventsOutcome,
    Outcome,
    Parked,
    RawRecord,
    ReadingsOutcome,
    Rejected,
)
from ami_schemas import headers, topics

_new: Final = tuple.__new__
"""Makes a named tuple at half the price of calling its class."""
_READINGS, _SOURCE = topics.READINGS, headers.SOURCE

Diagnose = Callable[[Outcome, RawRecord, Context], Outcome]


def outputs(
    message: RawMessage,
    normalizer: Normalizer,
    group: str,
    rule: Rule | None = None,
    diagnose: Diagnose | None = None,
) -> list[Output]:
    """Return the records that stand for a raw record: one at least.

    `rule` rules on the freshness of a push, `diagnose` says what is wrong with the keys of what could not be opened.
    """
    record = raw_record(message)
    outcomes = normalizer.normalize(record, rule)
    first = outcomes[0]
    if type(first) is ReadingsOutcome and len(outcomes) == 1:
        meter_id, made = first
        if len(made) == 1:
            topic, partition, offset = message[:3]
            source = f"{topic}/{partition}/{offset}".encode()
            return [_new(Output, (_READINGS, partition, meter_id.encode(), made[0], [(_SOURCE, source)]))]
    context = normalizer.context
    if diagnose:
        outcomes = tuple(diagnose(outcome, record, context) for outcome in outcomes)
    return list(written(message, outcomes, context, group))


def raw_record(message: RawMessage) -> RawRecord:
    """Return a message as the pipeline sees it."""
    topic, partition, offset, timestamp_ms, key, value, told = message
    return _new(RawRecord, (topic, partition, offset, key, value, dict(told), timestamp_ms))


def written(message: RawMessage, outcomes: Iterable[Outcome], context: Context, group: str) -> Iterator[Output]:
    """Yield the records that say how a raw record ended."""
    made = [made for outcome in outcomes for made in _made(outcome, message, context, group)]
    several = Counter(output.topic for output in made)
    numbered: Counter[str] = Counter()
    for output in made:
        suffix = f"#{numbered[output.topic]}" if several[output.topic] > 1 else ""
        numbered[output.topic] += 1
        source = (headers.SOURCE, f"{message.topic}/{message.partition}/{message.offset}{suffix}".encode())
        yield output._replace(headers=[*output.headers, source])


def _made(outcome: Outcome, message: RawMessage, context: Context, group: str) -> Iterator[Output]:
    if isinstance(outcome, (ReadingsOutcome, EventsOutcome)):
        topic = topics.READINGS if isinstance(outcome, ReadingsOutcome) else topics.EVENTS
        key = outcome.meter_id.encode()
        for derived in outcome.messages:
            yield Output(topic, message.partition, key, derived, [])
        return
    topic = topics.DEAD_LETTERS if isinstance(outcome, Rejected) else topics.PARKED
    found = [*message.headers, *_told(outcome, message, context, group)]
    yield Output(topic, message.partition, message.key, message.value, found)


def _told(outcome: Rejected | Parked, message: RawMessage, context: Context, group: str) -> Iterator[tuple[str, bytes]]:
    """Yield the `dlq.*` headers: where the record stands, who says so, and why; and the fingerprint of its layout."""
    for name, value in (
        (headers.DLQ_TOPIC, message.topic),
        (headers.DLQ_PARTITION, str(message.partition)),
        (headers.DLQ_OFFSET, str(message.offset)),
        (headers.DLQ_TIMESTAMP, str(message.timestamp_ms)),
        (headers.DLQ_GROUP, group),
        (headers.DLQ_STAGE, outcome.stage),
        (headers.DLQ_REASON, outcome.reason.value),
        (headers.DLQ_MESSAGE, outcome.message),
        (headers.DLQ_DECODER, context.decoder_version),
    ):
        yield name, value.encode()
    if outcome.diagnosis:
        yield headers.DLQ_DIAGNOSIS, outcome.diagnosis.encode()
    if isinstance(outcome, Parked) and outcome.fingerprint:
        yield headers.FINGERPRINT, outcome.fingerprint.encode()
