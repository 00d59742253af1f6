"""The replay's values in place of the live ones: written to the live topic with the next revision.

1. Both sides are compared; of the meters that differ, all live records are read: values may come from elsewhere too.
2. The registry gets the next revision, and live readings carry it from then on.
3. What `promotion` says is written, a batch a transaction.
4. Live records that came meanwhile under the old revision are written again under the new one, or they would be hidden.

A promotion that was interrupted is simply done again: what is right already is not written a second time.
"""

from __future__ import annotations

import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from confluent_kafka import Message

from ami.events.v1 import meter_events_pb2 as events_pb
from ami.readings.v1 import meter_readings_pb2 as pb
from ami_kafka.loop import Output
from ami_kafka.records import headers_of
from ami_kafka.span import Place, Span, SpanReader
from ami_kafka.table import Row, write
from ami_keys.keystore import NoKeyStore
from ami_normalize.meter import Registry
from ami_normalize.registry.records import promotion_record
from ami_normalize.replay.diff import LIVE, REPLAYED, Comparison, finished, live_spans, stated, whole
from ami_normalize.replay.differences import Difference
from ami_normalize.replay.expired import refuse_expired
from ami_normalize.replay.plan import Plan
from ami_normalize.replay.promoter import Promoter
from ami_normalize.replay.promotion import Live, Promoted, again, promotion
from ami_normalize.replay.shadow import shadow
from ami_normalize.replay.source import Source
from ami_normalize.replay.spill import Spill, Spilled
from ami_normalize.routes.outputs import NO_ROUTES, Routes
from ami_normalize.stream.registry_reader import snapshot
from ami_normalize.stream.routing import routed
from ami_schemas import headers, topics

RENAMED: Final = "METER_RENAMED"
"""The event that tells consumers that a meter's readings now stand under another id."""

_ELSEWHERE: Final = 2
_GROUP: Final = "ami-replay-promote"
_WRITER: Final = "normalize.promote"
"""One transactional id for all promotions: two at once would give one revision to both."""
_BATCH: Final = 1000
_PROBED: Final = 1000
_TRIES: Final = 10


@dataclass(slots=True)
class Promotion:
    """What was done."""

    revision: int
    """The one written; the old one where there was nothing to do."""
    meters: int = 0
    records: int = 0
    values: int = 0
    withdrawn: int = 0
    again: int = 0
    """Live records that came meanwhile, written again under the new revision."""
    renamed: dict[str, str] = field(default_factory=dict)
    """New meter id by the old one."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What to promote."""

    bootstrap: str
    id: str
    meters: frozenset[str] = frozenset()
    """Only these, and the meters they were or became; none: all."""
    accept_expired: bool = False
    """Go on though live readings of the range have left Kafka: then what vanished with them is not withdrawn."""
    settle_s: float = 5.0
    """How long live normalizers may take to take the new revision over."""
    routes: Routes = NO_ROUTES
    """Those of the live normalizers: what goes to `ami.readings.v1` goes to their topics as well."""
    scratch: Path | None = None


def promote(
    settings: Settings,
    on_progress: Callable[[str, int, int], None] = lambda _what, _done, _of: None,
) -> Promotion:
    """Promote a finished replay; return what was done.

    Raises ReplayUnknown, ReplayUnfinished, LiveExpired, ReplayTaken and the errors of ami_kafka.
    """
    plan = finished(settings.bootstrap, settings.id)
    if not settings.accept_expired:
        refuse_expired(settings.bootstrap, plan)
    with tempfile.TemporaryDirectory(prefix="ami-promote-", dir=settings.scratch) as name:
        return _Work(settings, plan, Spill(Path(name), 2 * plan.records), on_progress).run()


class _Work:
    def __init__(
        self, settings: Settings, plan: Plan, spill: Spill, on_progress: Callable[[str, int, int], None]
    ) -> None:
        self._settings = settings
        self._plan = plan
        self._spill = spill
        self._on_progress = on_progress
        self._replay = (headers.REPLAY, plan.id.encode())

    def run(self) -> Promotion:
        kafka = self._settings.bootstrap
        live = live_spans(kafka, self._plan, [topics.READINGS])
        differing = self._differing(live)
        renamed = self._renamed(differing)
        differing = self._asked_for(differing, renamed)
        registry = snapshot(kafka, NoKeyStore())
        before = registry.revision
        done = Promotion(before, meters=len(differing))
        if not differing:
            return done
        done.renamed = {old: new for old, new in renamed.items() if {old.encode(), new.encode()} & differing}
        everything = whole(kafka, [topics.READINGS])
        self._read_elsewhere(everything, differing)
        done.revision = before + 1
        write(kafka, topics.REGISTRY, [Row(*promotion_record(done.revision, time.time_ns() // 1000, self._text()))])
        writer = Promoter(kafka, self._plan)
        try:
            writer.write(self._routed(self._outputs(differing, done), registry))
            writer.write(self._events(done))
            writer.write(self._routed(self._late(everything, differing, done), registry))
        finally:
            writer.close()
        return done

    def _text(self) -> str:
        return f"replay {self._plan.id} by mapping {self._plan.mapping}, decoder {self._plan.decoder}"

    def _differing(self, live: dict[Place, Span]) -> set[bytes]:
        """Compare both sides; return the meters that differ."""
        kafka = self._settings.bootstrap
        comparison = Comparison(kafka, self._spill, self._plan, self._on_progress)
        comparison.read(live, whole(kafka, [shadow(topics.READINGS, self._plan.id)]))
        found: set[bytes] = set()

        def note(difference: Difference) -> None:
            found.add(difference.meter.encode())

        comparison.compare(note)
        return found

    def _renamed(self, differing: set[bytes]) -> dict[str, str]:
        """Return the new id of each meter that has none of its raw records any more, by the old one."""
        gone: dict[Source, bytes] = {}
        come: dict[Source, bytes] = {}
        for meter, records in self._spill.meters():
            sides = {record.side for record in records}
            if meter in differing and len(sides) == 1:
                known = come if REPLAYED in sides else gone
                known.update((source, meter) for source in map(_source, records) if source is not None)
        moved = Counter((gone[source], come[source]) for source in gone.keys() & come.keys())
        return {old.decode(): new.decode() for (old, new), _count in reversed(moved.most_common())}

    def _asked_for(self, differing: set[bytes], renamed: dict[str, str]) -> set[bytes]:
        asked = self._settings.meters
        if not asked:
            return differing
        partners = {side for pair in renamed.items() if asked & set(pair) for side in pair}
        return {meter for meter in differing if meter.decode() in asked | partners}

    def _read_elsewhere(self, spans: dict[Place, Span], differing: set[bytes]) -> None:
        """Add live records of other raw records to what is known of the meters that differ."""
        for message in _records(self._settings.bootstrap, spans):
            meter, body, source = _parts(message)
            if meter in differing and body is not None and not self._inside(source):
                self._spill.add(meter, Spilled(_ELSEWHERE, source, body))

    def _inside(self, name: bytes) -> bool:
        source = Source.of(name)
        return source is not None and self._plan.contains(*source)

    def _outputs(self, differing: set[bytes], done: Promotion) -> Iterator[Output]:
        finished_ = 0
        for meter, records in self._spill.meters():
            if meter not in differing:
                continue
            live = [Live(stated(each), each.side == LIVE) for each in records if each.side != REPLAYED]
            replayed = [stated(each) for each in records if each.side == REPLAYED]
            for each in sorted(promotion(live, replayed, done.revision), key=_raw_record):
                message = each.message
                done.records += 1
                done.withdrawn += len(message.retracted)
                done.values += len(message.readings) + sum(
                    max(len(block.mantissas), len(block.reals), len(block.texts)) for block in message.interval_blocks
                )
                yield self._output(meter, each)
            finished_ += 1
            self._on_progress("writing", finished_, len(differing))

    def _routed(self, outputs: Iterable[Output], registry: Registry) -> Iterable[Output]:
        routes = self._settings.routes
        return routed(outputs, routes, registry) if routes else outputs

    def _output(self, meter: bytes, promoted: Promoted) -> Output:
        source = Source.of(promoted.name)
        partition = source.partition if source is not None else promoted.message.provenance.partition
        told = [(headers.SOURCE, promoted.name), self._replay]
        return Output(topics.READINGS, partition, meter, promoted.message.SerializeToString(), told)

    def _events(self, done: Promotion) -> Iterator[Output]:
        for old, new in done.renamed.items():
            sources = [source for record in self._spill.of(new.encode()) if (source := _source(record)) is not None]
            now = time.time_ns() // 1000
            event = events_pb.Event(kind=RENAMED, at_us=now, text=f"readings of {old} stand under {new} now")
            message = events_pb.MeterEvents(meter=pb.Meter(id=new), events=[event])
            told = [(headers.SOURCE, f"replay/{self._plan.id}/{old}".encode()), self._replay]
            partition = sources[0].partition if sources else 0
            yield Output(topics.EVENTS, partition, new.encode(), message.SerializeToString(), told)

    def _late(self, read: dict[Place, Span], differing: set[bytes], done: Promotion) -> Iterator[Output]:
        """Wait until live readings carry the new revision, and lift those that did not yet."""
        time.sleep(self._settings.settle_s)
        kafka = self._settings.bootstrap
        now = whole(kafka, [topics.READINGS])
        since = {place: Span(read[place].end or 0, span.end) for place, span in now.items()}
        for message in _records(kafka, since):
            meter, body, name = _parts(message)
            if meter not in differing or body is None or self._inside(name):
                continue
            known = stated(Spilled(LIVE, name, body))
            if known.message.revision < done.revision:
                done.again += 1
                yield self._output(meter, again(known, done.revision))


def _raw_record(promoted: Promoted) -> bytes:
    return promoted.name.partition(b"#")[0]


def _records(bootstrap: str, spans: dict[Place, Span]) -> Iterator[Message]:
    with SpanReader(bootstrap, _GROUP, spans) as reader:
        while not reader.finished:
            yield from reader.read(10_000)


def _parts(message: Message) -> tuple[bytes, bytes | None, bytes]:
    told = dict(headers_of(message))
    return message.key() or b"", message.value(), told.get(headers.SOURCE) or b""


def _source(record: Spilled) -> Source | None:
    return Source.of(record.source)
