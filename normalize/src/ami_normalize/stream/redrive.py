"""Parked records tried again when what they wait for is there, under their original source, exactly once.

Who owns a partition follows its parked records and dead letters in the background of its work: first to their ends, so
that it knows what its predecessors have resolved, then as they come. `waiting` keeps the index. When keys, mappings or
the registry change, the affected records are read again by their place, normalized by what is in force, and the result
is written with a marker in one transaction: a record of `ami.parked.v1` without value, `ami-resolves: <source>`. What
still waits stays as it is, and nothing is written for it.

All of it happens in slices between live batches, in the loop's thread: see `ami_kafka.processor`, `due`.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from confluent_kafka import OFFSET_BEGINNING, KafkaException
from structlog.typing import FilteringBoundLogger

from ami_kafka import clients
from ami_kafka.follow import Follower, Kept, Where
from ami_kafka.loop import Output, RawMessage
from ami_kafka.offsets import bounds
from ami_kafka.topics import retention_s
from ami_normalize.ledger import ACCEPTED, Rule, Ruling, Windows
from ami_normalize.ledger.request import ResetRequest
from ami_normalize.pipeline import Context, Rejected
from ami_normalize.pipeline.freshness import Proof
from ami_normalize.stream.derived import written
from ami_normalize.stream.waiting import Entry, Need, Place, Waiting, need_of, stamp_of
from ami_schemas import headers, topics
from ami_schemas.reasons import Reason

_TOPICS: Final = (topics.DEAD_LETTERS, topics.PARKED)
"""In the order in which they are read: so a marker comes after what it resolves."""
_COUNTER_REASONS: Final = frozenset({Reason.COUNTER_REUSED.value.encode(), Reason.STALE_COUNTER.value.encode()})
_OUTCOMES: Final = {
    topics.PARKED: "parked",
    topics.READINGS: "readings",
    topics.EVENTS: "events",
    topics.DEAD_LETTERS: "rejected",
}
_HEARD: Final = frozenset({"readings", "events"})
_LATE_MS: Final = 60_000
"""What was parked so shortly after a change may have been processed before it."""
_CHECKED_AT_ONCE: Final = 2000
_CHECK_EVERY_S: Final = 1.0
_FETCH_WAIT_S: Final = 0.05
_GAP: Final = 2000
_WEEK_S: Final = 7 * 86400.0
_BEYOND: Final = 1 << 63


Process = Callable[[RawMessage, Rule], list[Output]]
"""Normalizes a raw record by what is in force, asking a rule for its pushes."""


class RedrivePolicy(NamedTuple):
    """How much is done between two batches, and how much is remembered."""

    records: int = 500
    """Read at once."""
    seconds: float = 0.1
    """Spent at once, at most."""
    entries: int = 200_000
    """Kept in the index, about 500 bytes each."""
    expire_after_s: float | None = None
    """A parked record as old as that becomes a dead letter `PARK_EXPIRED`; None: a week before its topic's retention
    ends, or a tenth of it before where that is less."""


@dataclass(slots=True)
class _Partition:
    """A partition followed."""

    waiting: Waiting
    ends: dict[str, int]
    """Where each topic ended when following began."""
    phase: int = 0
    """Which topic is being read to its end."""

    @property
    def caught_up(self) -> bool:
        """Whether all is known that was resolved before."""
        return self.phase == len(_TOPICS)


@dataclass(slots=True)
class _Job:
    """Entries to be read again, of one topic and partition."""

    where: Where
    wanted: dict[int, int]
    """Source by offset, in ascending order."""
    read: deque[Kept] = field(default_factory=deque)
    ended: bool = False


class Redrive:
    """Follows what waits in the partitions owned, and tries it again."""

    def __init__(
        self,
        bootstrap: str,
        group: str,
        windows: Windows,
        log: FilteringBoundLogger,
        *,
        policy: RedrivePolicy,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Own nothing yet. Counters of what is redriven are noted in `windows` as seen."""
        self._bootstrap = bootstrap
        self._group = group
        self._windows = windows
        self._log = log
        self._policy = policy
        self._clock = clock
        self._partitions: dict[int, _Partition] = {}
        self._follower: Follower | None = None
        self._reader: Follower | None = None
        self._job: _Job | None = None
        self._given: list[tuple[int, Entry, str]] = []  # in the transaction under way: partition, entry, outcome
        self._context: Context | None = None
        self._keys_epoch = 0
        self._changed_ms = 0.0
        self._unchecked: deque[tuple[int, Need]] = deque()
        self._check_due = False
        self._next_check = 0.0
        self._retry_at = 0.0
        self._resets: list[tuple[int, ResetRequest]] = []
        self._expire_after_s = policy.expire_after_s

    def waiting(self) -> int:
        """Return how many records of the partitions owned wait."""
        return sum(len(each.waiting) for each in list(self._partitions.values()))

    def due(self, partitions: Collection[int], context: Context, process: Process) -> list[Output]:
        """Return what is to be written for records whose time has come, by what is in force; a bounded part of it."""
        if time.monotonic() < self._retry_at:
            return []
        try:
            self._own(partitions)
            self._hear()
            self._notice(context)
            return [*self._reset(), *self._slice(context, process)]
        except KafkaException as error:
            self._retry_at = time.monotonic() + 5.0
            self._log.warning("parked records cannot be read, trying again", error=error.args[0].str())
            self.release(list(self._partitions))
            return []

    def release(self, partitions: Collection[int]) -> None:
        """Forget partitions."""
        for number in partitions:
            self._partitions.pop(number, None)
        if self._job is not None and self._job.where.partition in partitions:
            self._job = None
        self._given = [each for each in self._given if each[0] not in partitions]
        self._resets = [each for each in self._resets if each[0] not in partitions]
        self._unchecked = deque(each for each in self._unchecked if each[0] not in partitions)

    def committed(self) -> None:
        """Let what was given wait no longer."""
        for number, entry, outcome in self._given:
            if outcome == "parked":
                self._partitions[number].waiting.put(entry._replace(attempt=entry.attempt + 1, request=None))
            else:
                self._partitions[number].waiting.remove(entry.source)
        if self._given:
            self._log.info("redriven", records=len(self._given), waiting=self.waiting())
        self._given.clear()

    def aborted(self) -> None:
        """Let what was given come again."""
        for number, entry, _outcome in self._given:
            self._partitions[number].waiting.again([entry])
        self._given.clear()
        self._job = None

    def close(self) -> None:
        """Let the clients go."""
        for client in (self._follower, self._reader):
            if client is not None:
                client.close()
        self._follower = self._reader = None

    # Following

    def _own(self, partitions: Collection[int]) -> None:
        """Follow the partitions owned, and no others; again from the beginning where the index was too small."""
        new = [number for number in partitions if number not in self._partitions]
        gone = [number for number in self._partitions if number not in partitions]
        new += [number for number, each in self._partitions.items() if each.waiting.incomplete and not each.waiting]
        if not new and not gone:
            return
        self.release([*gone, *new])
        if self._expire_after_s is None:
            retention = retention_s(self._bootstrap, topics.PARKED)
            self._expire_after_s = retention - min(_WEEK_S, retention / 10)
        admin = clients.admin(self._bootstrap)
        found = {topic: bounds(admin, topic, new) for topic in _TOPICS}
        for number in new:
            ends = {topic: found[topic][number].high for topic in _TOPICS}
            self._partitions[number] = _Partition(Waiting(self._group, self._policy.entries), ends)
        self._follow({Where(_TOPICS[0], number) for number in new})
        self._pass_ends(dict.fromkeys((Where(topic, number) for topic in _TOPICS for number in new), 0))

    def _follow(self, fresh: Collection[Where]) -> None:
        """Read what is to be read of each partition; what is `fresh` from its beginning."""
        if self._follower is None:
            self._follower = Follower(self._bootstrap, f"{self._group}.waiting")
        read = [
            Where(topic, number) for number, each in self._partitions.items() for topic in _TOPICS[: each.phase + 1]
        ]
        self._follower.follow({where: OFFSET_BEGINNING if where in fresh else None for where in read})

    def _pass_ends(self, reached: Mapping[Where, int]) -> None:
        """Go on to the next topic of a partition where one is read to the end that it had when it came."""
        fresh = set()
        for number in {where.partition for where in reached}:
            each = self._partitions.get(number)
            while each is not None and not each.caught_up:
                where = Where(_TOPICS[each.phase], number)
                if reached.get(where, -1) < each.ends[where.topic]:
                    break
                each.phase += 1
                fresh.add(Where(_TOPICS[min(each.phase, len(_TOPICS) - 1)], number))
                self._check_due = self._check_due or each.caught_up
        if fresh:
            self._follow({where for where in fresh if not self._partitions[where.partition].caught_up})

    def _hear(self) -> None:
        """Take what has come, for as long as there is something and time."""
        until = time.monotonic() + self._policy.seconds / 2
        while self._follower is not None and time.monotonic() < until:
            records, ends = self._follower.take(self._policy.records)
            for kept in records:
                each = self._partitions.get(kept.where.partition)
                if each is not None:
                    place = Place(kept.where.topic, kept.offset)
                    if kept.value is None:
                        self._asked(kept)
                    each.waiting.hear(place, kept.key, kept.headers, kept.timestamp_ms)
                    if each.caught_up and kept.timestamp_ms <= self._changed_ms + _LATE_MS:
                        each.waiting.late(place)
            self._pass_ends(ends)
            if not records and not ends:
                return

    def _asked(self, kept: Kept) -> None:
        """Take a request to reset a counter, if it is one, ours and not long answered."""
        told = dict(kept.headers)
        wanted = ResetRequest.read(told.get(headers.RESET_COUNTER, b""))
        young = kept.timestamp_ms > (self._clock() - _WEEK_S) * 1000
        if wanted is not None and young and told.get(headers.DLQ_GROUP) == self._group.encode():
            self._resets.append((kept.where.partition, wanted))

    def _reset(self) -> list[Output]:
        """Reset counters as asked; a request holds until the window is another than the one it names."""
        given = [(each, self._windows.reset(each[0], each[1].key, each[1].highest)) for each in self._resets]
        self._resets = [each for each, output in given if output is not None]
        return [output for _each, output in given if output is not None]

    # What is due

    def _notice(self, context: Context) -> None:
        """Find the groups that something changed for, a bounded number at once."""
        before = self._context
        if context is not before:
            self._keys_epoch += (
                before is None or context.keys is not before.keys or context.session_keys is not before.session_keys
            )
            self._context, self._changed_ms = context, self._clock() * 1000
            self._check_due = True
        if not self._unchecked and (self._check_due or time.monotonic() > self._next_check):
            self._check_due = False
            self._next_check = time.monotonic() + _CHECK_EVERY_S
            self._unchecked.extend(
                (number, need)
                for number, each in self._partitions.items()
                if each.caught_up
                for need in each.waiting.groups()
            )
        for _ in range(min(len(self._unchecked), _CHECKED_AT_ONCE)):
            number, need = self._unchecked.popleft()
            self._partitions[number].waiting.check(need, stamp_of(need, context, self._keys_epoch))

    def _slice(self, context: Context, process: Process) -> Iterator[Output]:
        """Read and try entries that are due until the time is over."""
        until = time.monotonic() + self._policy.seconds
        while (left := until - time.monotonic()) > 0:
            job = self._job = self._job or self._next_job()
            if job is None or self._reader is None:
                return
            if not job.read:
                records, ends = self._reader.take(self._policy.records, min(left, _FETCH_WAIT_S))
                job.read.extend(records)
                job.ended = job.ended or bool(ends)
                if not records and not ends:
                    return
            while job.read and job.wanted and time.monotonic() < until:
                yield from self._read(job, job.read.popleft(), context, process)
            if not job.wanted or (job.ended and not job.read):
                self._lost(job, _BEYOND)
                self._job = None

    def _next_job(self) -> _Job | None:
        for number, each in self._partitions.items():
            if not each.caught_up:
                continue
            entries = each.waiting.next(self._policy.records) or self._expiring(each.waiting)
            if entries:
                where = Where(entries[0].place.topic, number)
                wanted: dict[int, int] = {}
                for entry in entries:  # what lies far behind is read by the next job, without what is in between
                    if wanted and entry.place.offset > next(reversed(wanted)) + _GAP:
                        break
                    wanted[entry.place.offset] = entry.source
                if self._reader is None:
                    self._reader = Follower(self._bootstrap, f"{self._group}.redrive")
                self._reader.follow({where: entries[0].place.offset})
                return _Job(where, wanted)
        return None

    def _read(self, job: _Job, kept: Kept, context: Context, process: Process) -> Iterator[Output]:
        """Try a record that was read, if it is wanted and still waits."""
        number = job.where.partition
        self._lost(job, kept.offset)
        source = job.wanted.pop(kept.offset, None)
        entry = self._partitions[number].waiting.entry(source) if source is not None else None
        if entry is None or entry.place != (kept.where.topic, kept.offset):
            return
        try:
            yield from self._try(number, entry, kept, context, process)
        except (KeyError, ValueError) as error:
            self._log.warning("a parked record is not in our form", offset=kept.offset, error=type(error).__name__)
            self._partitions[number].waiting.remove(entry.source)

    def _lost(self, job: _Job, before: int) -> None:
        """Let entries go whose records the topic does not hold any more."""
        while job.wanted and next(iter(job.wanted)) < before:
            source = job.wanted.pop(next(iter(job.wanted)))
            self._partitions[job.where.partition].waiting.remove(source)

    def _expiring(self, waiting: Waiting) -> Sequence[Entry]:
        return waiting.older_than(self._expired_ms(), self._policy.records)

    def _expired_ms(self) -> float:
        after = self._expire_after_s
        return (self._clock() - after) * 1000 if after is not None else 0

    # Trying one

    def _try(self, number: int, entry: Entry, kept: Kept, context: Context, process: Process) -> Iterator[Output]:
        """Normalize a record again; yield the result and its marker, or nothing where it still waits."""
        waiting = self._partitions[number].waiting
        expired = entry.place.topic == topics.PARKED and kept.timestamp_ms < self._expired_ms()
        if not (waiting.is_due(entry) or expired):
            return
        proofs: list[Proof] = []

        def note(proof: Proof) -> Ruling:
            proofs.append(proof)
            return ACCEPTED

        made = [] if self._turned_down(entry, kept) else process(original(kept), note)
        outcome = outcome_of(made)
        if not made or outcome == "parked" or self._same(entry, kept, made):
            if expired:
                made, outcome = [expire(kept, self._group, context)], "rejected"
            elif entry.request is None:
                self._still(waiting, entry, made, context)
                return
            else:
                made = [] if outcome == "parked" or not made else made
                outcome = outcome if made else "parked" if entry.place.topic == topics.PARKED else "rejected"
        waiting.resolved(entry)
        self._given.append((number, entry, outcome))
        attempt = (headers.ATTEMPT, str(entry.attempt + 1).encode())
        for output in made:
            yield output._replace(headers=[*output.headers, attempt])
        yield marker(kept, attempt, outcome, self._group)
        if outcome in _HEARD:
            noted = (self._windows.mark(number, proof.key, proof.counter, proof.tag) for proof in proofs)
            yield from (output for output in noted if output is not None)

    def _turned_down(self, entry: Entry, kept: Kept) -> bool:
        """Tell whether replay protection turned the record down, and nobody says to take it nevertheless."""
        accepted = entry.request is not None and entry.request.accept_counter
        return dict(kept.headers).get(headers.DLQ_REASON) in _COUNTER_REASONS and not accepted

    def _same(self, entry: Entry, kept: Kept, made: Sequence[Output]) -> bool:
        """Tell whether a dead letter would be one again for the same reason."""
        if entry.place.topic != topics.DEAD_LETTERS or outcome_of(made) != "rejected":
            return False
        reasons = {dict(output.headers).get(headers.DLQ_REASON) for output in made}
        return reasons == {dict(kept.headers).get(headers.DLQ_REASON)}

    def _still(self, waiting: Waiting, entry: Entry, made: Sequence[Output], context: Context) -> None:
        """Note that a record still waits, for the same or for something else."""
        parked = next((output for output in made if output.topic == topics.PARKED), None)
        if parked is not None and entry.place.topic == topics.PARKED:
            told = dict(parked.headers)
            need = need_of(told[headers.DLQ_REASON].decode(), parked.key, told, entry.place)
            if need != entry.need:
                waiting.moved(entry, need, stamp_of(need, context, self._keys_epoch))
                return
        waiting.unresolved(entry)


def original(kept: Kept) -> RawMessage:
    """Return the raw record that a parked record or a dead letter stands for."""
    told = dict(kept.headers)
    added = max(at for at, (name, _value) in enumerate(kept.headers) if name == headers.DLQ_TOPIC)
    return RawMessage(
        told[headers.DLQ_TOPIC].decode(),
        int(told[headers.DLQ_PARTITION]),
        int(told[headers.DLQ_OFFSET]),
        int(told[headers.DLQ_TIMESTAMP]),
        kept.key,
        kept.value or b"",
        tuple(kept.headers[:added]),
    )


def outcome_of(made: Sequence[Output]) -> str:
    """Name how a raw record ended: `parked` while any of it waits, else its best outcome."""
    ended = {output.topic for output in made}
    for topic, name in _OUTCOMES.items():
        if topic in ended:
            return name
    return "rejected"


def marker(kept: Kept, attempt: tuple[str, bytes], outcome: str, group: str) -> Output:
    """Return the record that resolves another."""
    source = dict(kept.headers)[headers.SOURCE]
    found = [
        (headers.RESOLVES, source),
        attempt,
        (headers.OUTCOME, outcome.encode()),
        (headers.DLQ_GROUP, group.encode()),
    ]
    return Output(topics.PARKED, kept.where.partition, kept.key, None, found)


def expire(kept: Kept, group: str, context: Context) -> Output:
    """Return the dead letter of a record that waited in vain."""
    told = dict(kept.headers)
    waited = told.get(headers.DLQ_REASON, b"").decode()
    message = original(kept)
    rejected = Rejected(Reason.PARK_EXPIRED, told.get(headers.DLQ_STAGE, b"").decode(), f"it waited as {waited}")
    (output,) = written(message, [rejected], context, group)
    return output
