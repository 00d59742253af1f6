"""Live against replay: what a consumer would hold otherwise, and which raw records ended otherwise.

Both sides are read once, put on disk by meter and compared a bucket at a time; a meter whose records say the same is
passed over without looking at its values.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from confluent_kafka import Message

from ami.readings.v1 import meter_readings_pb2 as pb
from ami_kafka import clients
from ami_kafka.offsets import bounds
from ami_kafka.records import headers_of
from ami_kafka.span import Place, Span, SpanReader, partitions
from ami_normalize.replay.differences import Difference, Stated, differences, unchanged
from ami_normalize.replay.errors import ReplayUnfinished
from ami_normalize.replay.outcomes import Outcomes, transitions
from ami_normalize.replay.plan import Plan, plan_of
from ami_normalize.replay.raw import since
from ami_normalize.replay.shadow import DERIVED, shadow
from ami_normalize.replay.source import Source
from ami_normalize.replay.spill import Spill, Spilled
from ami_schemas import headers, topics

LIVE: Final = 0
REPLAYED: Final = 1

_GROUP: Final = "ami-replay-diff"

OnDifference = Callable[[Difference], None]
OnProgress = Callable[[str, int, int], None]
"""What is done, how much of it, of how much."""


@dataclass(slots=True)
class Report:
    """What differs."""

    records: Counter[str] = field(default_factory=Counter)
    """Records of readings compared: `live` and `replayed`."""
    meters: int = 0
    differing: int = 0
    """Meters with a difference."""
    kinds: Counter[str] = field(default_factory=Counter)
    """Values `added`, `removed`, `changed`."""
    fields: Counter[str] = field(default_factory=Counter)
    """Of the changed ones: `value`, `unit`, `time`, `quality`."""
    groups: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    """By manufacturer, OBIS code and kind."""
    outcomes: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Raw records that ended otherwise, by both outcomes."""

    def add(self, difference: Difference) -> None:
        """Count a difference."""
        self.kinds[difference.kind.value] += 1
        self.fields.update(difference.fields)
        self.groups[difference.manufacturer, difference.key.obis, difference.kind.value] += 1


def diff(
    bootstrap: str,
    replay: str,
    on_difference: OnDifference = lambda _difference: None,
    on_progress: OnProgress = lambda _what, _done, _of: None,
    scratch: Path | None = None,
) -> Report:
    """Compare a finished replay with what the live run wrote for the same raw records.

    `scratch` is where the files go meanwhile, by default the directory for temporary ones. Raises ReplayUnknown,
    ReplayUnfinished and the errors of ami_kafka.
    """
    plan = finished(bootstrap, replay)
    with tempfile.TemporaryDirectory(prefix="ami-replay-", dir=scratch) as name:
        sides = live_spans(bootstrap, plan, DERIVED), whole(bootstrap, [shadow(topic, plan.id) for topic in DERIVED])
        work = Comparison(bootstrap, Spill(Path(name), 2 * plan.records), plan, on_progress)
        work.read(*sides)
        return work.compare(on_difference)


def diff_topics(
    bootstrap: str,
    topics_: tuple[str, str],
    on_difference: OnDifference = lambda _difference: None,
    on_progress: OnProgress = lambda _what, _done, _of: None,
    scratch: Path | None = None,
) -> Report:
    """Compare all readings of one topic with all of another. Raises the errors of ami_kafka."""
    with tempfile.TemporaryDirectory(prefix="ami-replay-", dir=scratch) as name:
        before, after = (whole(bootstrap, [topic]) for topic in topics_)
        expected = sum(span.length for span in (*before.values(), *after.values()))
        work = Comparison(bootstrap, Spill(Path(name), expected), None, on_progress)
        work.read(before, after)
        return work.compare(on_difference)


class Comparison:
    """Two sides, read to the disk and then compared."""

    def __init__(self, bootstrap: str, spill: Spill, plan: Plan | None, on_progress: OnProgress) -> None:
        """Compare what is derived from the range of a replay; without `plan` all that the topics hold."""
        self._bootstrap = bootstrap
        self._spill = spill
        self._plan = plan
        self._on_progress = on_progress
        self._ended = [Outcomes(plan.spans if plan else {}) for _ in (LIVE, REPLAYED)]
        self._names = {shadow(topic, plan.id): topic for topic in DERIVED} if plan else {}
        self.report = Report()

    def read(self, live: Mapping[Place, Span], replayed: Mapping[Place, Span]) -> None:
        """Put both sides on disk, and note how raw records ended."""
        of = sum(span.length for span in (*live.values(), *replayed.values()))
        done = 0
        for side, spans in ((LIVE, live), (REPLAYED, replayed)):
            with SpanReader(self._bootstrap, _GROUP, spans) as reader:
                while not reader.finished:
                    for message in reader.read(10_000):
                        self._take(side, message)
                    read = sum(reader.position(place) - span.start for place, span in spans.items())
                    self._on_progress("reading", done + read, of)
            done += sum(span.length for span in spans.values())

    def compare(self, on_difference: OnDifference) -> Report:
        """Compare what was read, meter by meter."""
        if self._plan and not self._plan.meters:
            self.report.outcomes = transitions(*self._ended)
        of, done = self.report.records.total(), 0
        for meter, records in self._spill.meters():
            done += len(records)
            self.report.meters += 1
            found = False
            for difference in differing(meter, records):
                found = True
                self.report.add(difference)
                on_difference(difference)
            self.report.differing += found
            self._on_progress("comparing", done, of)
        return self.report

    def _take(self, side: int, message: Message) -> None:
        plan = self._plan
        found = dict(headers_of(message))
        name = found.get(headers.SOURCE) or b""
        if plan is not None:
            source = Source.of(name)
            mine = source is not None and plan.contains(*source)
            topic = self._names.get(str(message.topic()), str(message.topic()))
            self._note(self._ended[side], topic, source if mine else None, found)
            if topic != topics.READINGS or not mine:
                return
        meter, body = message.key() or b"", message.value()
        if body is None or (plan is not None and plan.meters and meter.decode() not in plan.meters):
            return
        self._spill.add(meter, Spilled(side, name, body))
        self.report.records["replayed" if side else "live"] += 1

    def _note(self, ended: Outcomes, topic: str, source: Source | None, found: Mapping[str, bytes | None]) -> None:
        if source is not None:
            ended.add(topic, source, (found.get(headers.DLQ_REASON) or b"").decode("utf-8", "replace"))
        resolved = Source.of(found.get(headers.RESOLVES))
        if resolved is not None and self._plan is not None and self._plan.contains(*resolved):
            ended.resolve(resolved)


def finished(bootstrap: str, replay: str) -> Plan:
    """Return the plan of a replay that read all of its range. Raises ReplayUnknown, ReplayUnfinished."""
    plan = plan_of(bootstrap, replay)
    if not plan.complete:
        raise ReplayUnfinished(f"replay '{replay}' has {plan.left} offsets left; run `ami replay --id {replay}` again")
    return plan


def live_spans(bootstrap: str, plan: Plan, live: Sequence[str]) -> dict[Place, Span]:
    """Return where live topics may hold what is derived from the range: from its time on, as redrives come later."""
    return {place: span for topic in live for place, span in since(bootstrap, topic, plan.start_ms).items()}


def whole(bootstrap: str, names: Sequence[str]) -> dict[Place, Span]:
    """Return all that topics hold as of now."""
    admin = clients.admin(bootstrap)
    return {
        (topic, number): Span(*there)
        for topic in names
        for number, there in bounds(admin, topic, partitions(bootstrap, topic)).items()
    }


def differing(meter: bytes, records: Sequence[Spilled]) -> Iterator[Difference]:
    """Yield what differs in a meter's records."""
    sides = [[record for record in records if record.side == side] for side in (LIVE, REPLAYED)]
    if unchanged(*([record.body for record in side] for side in sides)):
        return
    before, after = ([stated(record) for record in side] for side in sides)
    yield from differences(meter.decode("utf-8", "replace"), before, after)


def stated(record: Spilled) -> Stated:
    """Return a record with its values."""
    return Stated(record.source, pb.MeterReadings.FromString(record.body))
