"""The normalizer on Kafka: raw records in, readings, events, dead letters and parked records out, exactly once."""

from __future__ import annotations

import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, cast

import structlog
from structlog.typing import FilteringBoundLogger

from ami_kafka.loop import BatchPolicy, LoopEvent, Output, RawMessage, TransactionalLoop
from ami_normalize.errors import KeysUnreadable, MappingInvalid
from ami_normalize.instants import zone_of
from ami_normalize.keys import KeyFile
from ami_normalize.mapping.watched import DEFAULT_MAPPING, MappingFiles
from ami_normalize.pipeline import (
    Context,
    EventsOutcome,
    Outcome,
    Parked,
    RawRecord,
    ReadingsOutcome,
    Rejected,
    normalize,
)
from ami_schemas import headers, topics

DEFAULT_GROUP = "ami-normalize"
_LOOK_EVERY_S = 1.0


@dataclass(frozen=True, slots=True)
class Settings:
    """How a normalizer runs."""

    bootstrap: str
    group: str = DEFAULT_GROUP
    keys: Path | None = None
    """The key file; None: no keys, ciphered messages are parked."""
    mappings: tuple[Path, ...] = ()
    """The user's dialects, before the built-in ones; read again when they change, and when they come into being."""
    unidentified: Literal["park", "accept"] = "park"
    default_zone: str = "UTC"
    instance_id: str | None = None
    """Static membership: a name that stays with this process over restarts."""
    batch: BatchPolicy = field(default_factory=BatchPolicy)


def run(
    settings: Settings,
    stop: threading.Event,
    on_event: Callable[[LoopEvent], None] = lambda _event: None,
    log: FilteringBoundLogger | None = None,
) -> None:
    """Normalize until `stop` is set. Raises NormalizeError for unusable settings, and the errors of ami_kafka."""
    log = log or _stderr()
    processor = Processor(settings, log)
    for path in processor.missing_mappings:
        if path != DEFAULT_MAPPING:
            log.warning("there is no such mapping yet; it takes effect as soon as it exists", mapping=str(path))
    loop = TransactionalLoop(
        bootstrap=settings.bootstrap,
        group=settings.group,
        source=topics.RAW,
        ledger=topics.LEDGER,
        process=processor,
        instance_id=settings.instance_id,
        batch=settings.batch,
        on_event=on_event,
    )
    with _attended(processor):
        loop.run(stop)


@contextmanager
def _attended(processor: Processor) -> Iterator[None]:
    """Look after changed files also while no records arrive, so that whoever changed one is told at once."""
    done = threading.Event()

    def attend() -> None:
        while not done.wait(_LOOK_EVERY_S):
            processor.refresh()

    thread = threading.Thread(target=attend, name="changed-files", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


class Processor:
    """Turns a batch of raw records into what is to be written."""

    def __init__(self, settings: Settings, log: FilteringBoundLogger | None = None) -> None:
        """Read keys and dialects; raises NormalizeError."""
        self._log = log or _stderr()
        zone_of(settings.default_zone)
        self._group = settings.group
        self._keys = KeyFile(settings.keys) if settings.keys else None
        self._mappings = MappingFiles(settings.mappings)
        self._changing = threading.Lock()
        self._context = Context(
            dialects=self._mappings.dialects,
            unidentified=settings.unidentified,
            default_zone=settings.default_zone,
        )
        if self._keys:
            self._context = replace(self._context, keys=self._keys.ring)

    def __call__(self, batch: Sequence[RawMessage]) -> Iterable[Output]:
        """Return the outputs of a batch, in its order. Changed files take effect between batches."""
        self.refresh()
        context = self._context
        return [output for message in batch for output in outputs(message, context, self._group)]

    @property
    def missing_mappings(self) -> tuple[Path, ...]:
        """The mappings that do not exist yet."""
        return self._mappings.missing

    def refresh(self) -> None:
        """Take changed keys and mappings over; what is broken is refused, and the old stays in force."""
        with self._changing:
            self._refresh_keys()
            self._refresh_mappings()

    def _refresh_mappings(self) -> None:
        try:
            changed = self._mappings.refresh()
        except MappingInvalid as error:
            self._log.warning("mapping refused, the old one stays in force", error=f"{error}")
            return
        if changed:
            self._context = replace(self._context, dialects=self._mappings.dialects)
            self._log.info("mapping in force", mapping=self._context.mapping_hash)

    def _refresh_keys(self) -> None:
        if self._keys is None:
            return
        try:
            changed = self._keys.refresh()
        except KeysUnreadable as error:
            self._log.warning("keys refused, the old ones stay in force", error=f"{error}")
            return
        if changed:
            self._context = replace(self._context, keys=self._keys.ring)
            self._log.info("keys read again", meters=len(self._keys.ring))


def outputs(message: RawMessage, context: Context, group: str) -> Iterator[Output]:
    """Yield the records that stand for a raw record: one at least."""
    record = RawRecord(
        topic=message.topic,
        partition=message.partition,
        offset=message.offset,
        key=message.key,
        value=message.value,
        headers=dict(message.headers),
        timestamp_ms=message.timestamp_ms,
    )
    made = [made for outcome in normalize(record, context) for made in _made(outcome, message, context, group)]
    several = Counter(output.topic for output in made)
    numbered: Counter[str] = Counter()
    for output in made:
        suffix = f"#{numbered[output.topic]}" if several[output.topic] > 1 else ""
        numbered[output.topic] += 1
        source = (headers.SOURCE, f"{record.source}{suffix}".encode())
        yield output._replace(headers=[*output.headers, source])


def _made(outcome: Outcome, message: RawMessage, context: Context, group: str) -> Iterator[Output]:
    if isinstance(outcome, (ReadingsOutcome, EventsOutcome)):
        topic = topics.READINGS if isinstance(outcome, ReadingsOutcome) else topics.EVENTS
        key = outcome.meter_id.encode()
        for derived in outcome.messages:
            yield Output(topic, message.partition, key, derived.SerializeToString(), [])
        return
    topic = topics.DEAD_LETTERS if isinstance(outcome, Rejected) else topics.PARKED
    found = [*message.headers, *_told(outcome, message, context, group)]
    yield Output(topic, message.partition, message.key, message.value, found)


def _told(outcome: Rejected | Parked, message: RawMessage, context: Context, group: str) -> Iterator[tuple[str, bytes]]:
    """Yield the `dlq.*` headers: where the record stands, who says so, and why."""
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


def _stderr() -> FilteringBoundLogger:
    """Return a logger of its own: nothing global is configured or relied on."""
    return cast("FilteringBoundLogger", structlog.wrap_logger(structlog.PrintLogger(sys.stderr)))
