"""The replay: raw records of a frozen range through the pure pipeline, into topics of its own, exactly once.

Each transaction holds the records of a batch, how far it is, and what it came to. A process that was killed is followed
by another with the same id, which puts it out, reads that from the ledger and goes on. Live topics, offsets and memory
are not touched.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from confluent_kafka import KafkaError, TopicPartition

from ami_kafka import clients
from ami_kafka.check import check
from ami_kafka.errors import NotAuthorized
from ami_kafka.loop import Output, RawMessage
from ami_kafka.oversize import fit
from ami_kafka.span import Span
from ami_kafka.topics import limits
from ami_kafka.transaction import Aborted, Rebuild, Writer
from ami_kafka.triage import Verdict
from ami_normalize.fast import Normalizer
from ami_normalize.pipeline import Context
from ami_normalize.replay.errors import ReplayDiffers, ReplayTaken
from ami_normalize.replay.plan import Plan, plans
from ami_normalize.replay.raw import ArchiveSource, KafkaSource, RawSource
from ami_normalize.replay.shadow import DERIVED, create, shadow
from ami_normalize.replay.source import Source
from ami_normalize.replay.verdicts import Verdicts
from ami_normalize.stream.derived import outputs, written
from ami_schemas import headers, topics

_REFUSED: Final = frozenset({topics.DEAD_LETTERS, topics.PARKED})
_PAUSE_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Settings:
    """What to replay."""

    bootstrap: str
    id: str
    start_ms: int | None = None
    """None: from the first record there is."""
    until_ms: int | None = None
    """None: up to the last as of now."""
    meters: frozenset[str] = frozenset()
    archive: Path | None = None
    """Read its files instead of Kafka's raw topic."""
    rate: float | None = None
    """Raw records a second at most."""
    batch: int = 2000
    """Raw records a transaction."""


def replay(
    settings: Settings,
    context: Context,
    stop: threading.Event,
    on_progress: Callable[[Plan], None] = lambda _plan: None,
) -> Plan:
    """Replay until the end of the range or until `stop` is set; return how far it is.

    A replay of that id that was begun before goes on where it is. Raises NormalizeError, OSError and the errors of
    ami_kafka; what was written until then stays, and the same call goes on with it.
    """
    _fresh(settings, context)  # refuses an id that cannot be one, before Kafka is asked
    check(settings.bootstrap, topics=[topics.RAW, topics.LEDGER, *DERIVED])
    source: RawSource = (
        ArchiveSource(settings.archive, settings.bootstrap) if settings.archive else KafkaSource(settings.bootstrap)
    )
    begun = plans(settings.bootstrap).get(settings.id)
    verdicts = source.verdicts(begun.start_ms if begun else settings.start_ms)
    create(settings.bootstrap, settings.id)
    while True:
        work = _Work(settings, context, verdicts, source, on_progress)
        try:
            return work.run(stop)
        except Rebuild as rebuild:
            if rebuild.verdict is Verdict.REFUSED:
                raise NotAuthorized(
                    f"Kafka refuses us: {rebuild.reason}", "check the credentials and the rights of this client"
                ) from None
            stop.wait(_PAUSE_S)
            if work.is_taken():
                raise ReplayTaken(
                    f"another process runs replay '{settings.id}'; let it, or stop it and run this again"
                ) from None
        finally:
            work.close()


class _Work:
    """One producer, from its registration on."""

    def __init__(
        self,
        settings: Settings,
        context: Context,
        verdicts: Verdicts,
        source: RawSource,
        on_progress: Callable[[Plan], None],
    ) -> None:
        self._settings = settings
        self._context = context
        self._normalizer = Normalizer(context)
        self._verdicts = verdicts
        self._source = source
        self._on_progress = on_progress
        self._plan = self._tried = _fresh(settings, context)
        group = self._plan.group
        shadows = [shadow(topic, settings.id) for topic in DERIVED]
        self._limits = limits(settings.bootstrap, shadows)
        self._writer = Writer(
            settings.bootstrap,
            group,
            timeout_ms=clients.TRANSACTION_TIMEOUT_MS,
            on_error=_quiet,
            on_wait=lambda _why: None,
        )
        self._member = clients.consumer(settings.bootstrap, group)

    def run(self, stop: threading.Event) -> Plan:
        if not self._writer.init(stop):
            return self._plan
        self._plan = self._agreed(plans(self._settings.bootstrap).get(self._settings.id))
        self._on_progress(self._plan)
        left = {
            number: Span(self._plan.next.get(number, span.start), span.end) for number, span in self._plan.spans.items()
        }
        begun, done = time.monotonic(), 0
        most = min(self._settings.batch, max(1, int(self._settings.rate or self._settings.batch)))
        with self._source.reader(left, f"{self._plan.group}.read") as reader:
            while not reader.finished and not stop.is_set():
                batch = reader.read(most)
                if not batch:
                    continue
                self._commit(batch, stop)
                done += len(batch)
                if self._settings.rate:
                    stop.wait(max(0.0, begun + done / self._settings.rate - time.monotonic()))
            if reader.finished and not self._plan.complete:
                self._write([], self._plan.finished(), stop)
        return self._plan

    def close(self) -> None:
        self._writer.close()
        with contextlib.suppress(RuntimeError):
            self._member.close()

    def is_taken(self) -> bool:
        """Tell whether the ledger holds what is not from here: we were put out, and whoever did it went on."""
        known = plans(self._settings.bootstrap).get(self._settings.id)
        return known is not None and known.to_output() not in (self._plan.to_output(), self._tried.to_output())

    def _agreed(self, known: Plan | None) -> Plan:
        """Return the plan to follow: the one that was begun, if it is the same work."""
        if known is None:
            settings = self._settings
            spans = self._source.spans(settings.start_ms, settings.until_ms)
            self._plan = replace(self._plan, spans=spans, next={number: span.start for number, span in spans.items()})
            self._write([], self._plan, threading.Event())
            return self._plan
        for what, before, now in (
            ("the mapping", known.mapping, self._plan.mapping),
            ("the decoder", known.decoder, self._plan.decoder),
            ("the meters", sorted(known.meters), sorted(self._plan.meters)),
        ):
            if before != now:
                raise ReplayDiffers(
                    f"replay '{known.id}' was begun with {what} {before}, this is {now}; take another --id"
                )
        return known

    def _commit(self, batch: Sequence[RawMessage], stop: threading.Event) -> None:
        made: list[Output] = []
        upheld = 0
        for message in batch:
            verdict = self._verdicts.of(Source(message.topic, message.partition, message.offset))
            upheld += verdict is not None
            made += self._wanted(
                message,
                outputs(message, self._normalizer, self._plan.group)
                if verdict is None
                else written(message, [verdict], self._context, self._plan.group),
            )
        counted = Counter(output.topic for output in made)
        following = {message.partition: message.offset + 1 for message in batch}
        after = replace(
            self._plan,
            next={**self._plan.next, **following},
            records=self._plan.records + len(batch),
            written=self._plan.written + counted,
            upheld=self._plan.upheld + upheld,
        )
        replay = (headers.REPLAY, self._plan.id.encode())
        shadowed = [
            output._replace(topic=shadow(output.topic, self._plan.id), headers=[*output.headers, replay])
            for output in made
        ]
        self._write(shadowed, after, stop)

    def _limit(self, topic: str) -> int:
        return min(self._limits.get(topic, clients.MAX_RECORD_BYTES), clients.MAX_RECORD_BYTES)

    def _wanted(self, message: RawMessage, made: Iterable[Output]) -> Iterable[Output]:
        """Return what is of the meters asked for; of what was refused, the key of the raw record tells."""
        meters = self._plan.meters
        if not meters:
            return made
        key = (message.key or b"").decode("utf-8", "replace")
        known = self._context.registry.by_name(key)
        named = key in meters or (known is not None and known.meter_id in meters)
        return [
            output for output in made if (named if output.topic in _REFUSED else (output.key or b"").decode() in meters)
        ]

    def _write(self, made: Sequence[Output], after: Plan, stop: threading.Event) -> None:
        """Write records and the plan in one transaction, as often as it takes."""
        self._tried = after
        offsets = [TopicPartition(after.topic, number, offset) for number, offset in after.next.items()]
        fitting = [*fit(made, self._limit, None, lambda _output, _size, _limit: None), after.to_output()]
        trouble = 0
        while True:
            try:
                self._writer.write(fitting, offsets, self._member.consumer_group_metadata())
            except Aborted as aborted:  # noqa: PERF203
                trouble += 1
                if aborted.too_large or trouble > 20:
                    raise Rebuild(aborted.step, aborted.reason) from None
                stop.wait(min(0.1 * 2**trouble, 5.0))
            else:
                break
        self._plan = after
        self._on_progress(after)


def _fresh(settings: Settings, context: Context) -> Plan:
    return Plan(
        id=settings.id,
        begun_us=time.time_ns() // 1000,
        topic=topics.RAW,
        spans={},
        mapping=context.mapping_hash,
        decoder=context.decoder_version,
        start_ms=settings.start_ms,
        meters=frozenset(_all_names(settings.meters, context)),
    )


def _all_names(meters: Iterable[str], context: Context) -> Iterator[str]:
    """Yield meters and every other name under which their readings may stand."""
    for meter in meters:
        yield meter
        known = context.registry.by_name(meter)
        if known is not None:
            yield from known.names()


def _quiet(_error: KafkaError) -> None:
    """Say nothing: what matters comes as errors of the calls as well."""
