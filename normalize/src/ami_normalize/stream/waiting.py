"""What waits in a partition, and for what: an index of places and small keys, never of messages. Pure.

Parked records wait for a key, a mapping, an identity or a context, dead letters `TAG_MISMATCH` for another key. Those
of one meter that wait for the same form a group, and what one of them still waits for all of them do. A group is due
when what it waits for is not what it was when it was last tried: a stamp tells, made of the context in force.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Final, NamedTuple

from ami_keys.session_key import SessionKeyMalformed, kek_of
from ami_normalize.keys import KeyRing
from ami_normalize.meter import MeterFacts, title_of
from ami_normalize.pipeline import Context
from ami_schemas import headers, topics
from ami_schemas.reasons import Reason

MOST_ATTEMPTS: Final = 3
"""A record that was redriven so often waits for a person."""

_REDRIVEN_DEAD_LETTERS: Final = frozenset({Reason.TAG_MISMATCH.value})
_PEER: Final = b"peer-"
_UNTRIED: Final = object()

Stamp = object
"""What is in force for a group; equal as long as nothing changed that it waits for."""


class Place(NamedTuple):
    """Where a record lies in the partition."""

    topic: str
    offset: int


class Need(NamedTuple):
    """What a group waits for."""

    reason: str
    subject: bytes
    """The system title, or the fingerprint of the layout; empty where none is known."""
    whose: bytes
    """The key of the raw record; its place too where the key names a peer only, behind which may be many meters."""
    kek: str = ""
    """What wraps the session key that the record brings; empty where it brings none."""


class Request(NamedTuple):
    """Somebody wants a record redriven."""

    accept_counter: bool
    """Although replay protection turned it down."""


class Entry(NamedTuple):
    """A record that waits."""

    source: int
    """The offset of the raw record."""
    place: Place
    need: Need
    attempt: int
    """How often it was redriven."""
    timestamp_ms: int
    """When it was written where it lies."""
    request: Request | None = None


@dataclass(slots=True)
class Group:
    """Entries that wait for the same."""

    sources: dict[int, None] = field(default_factory=dict)
    left: set[int] = field(default_factory=set)
    """Those still to be tried under the stamp."""
    tried: Stamp = _UNTRIED
    probing: bool = False
    """Only one is tried, since it may well be that nothing changed for them."""


class Waiting:
    """The records of one partition that wait."""

    def __init__(self, group: str, most: int) -> None:
        """Index the records of a consumer group, at most so many."""
        self._group = group.encode()
        self._most = most
        self._entries: dict[int, Entry] = {}
        self._groups: dict[Need, Group] = {}
        self._ready: dict[Need, Group] = {}
        self.incomplete = False
        """There are more than it holds: read the partition again when there is room."""

    def __len__(self) -> int:
        return len(self._entries)

    # What the topics tell

    def hear(self, place: Place, key: bytes | None, found: Sequence[tuple[str, bytes]], timestamp_ms: int) -> None:
        """Take the headers of a parked record, a dead letter, a marker or a request, in the order of their topic."""
        told = dict(found)
        if told.get(headers.DLQ_GROUP) != self._group:
            return
        attempt = _number(told.get(headers.ATTEMPT))
        if headers.RESOLVES in told:
            self._marked(told[headers.RESOLVES], attempt, told.get(headers.OUTCOME))
        elif headers.REDRIVE in told:
            self._requested(told, timestamp_ms)
        elif headers.SOURCE in told:
            reason = told.get(headers.DLQ_REASON, b"").decode("utf-8", "replace")
            if place.topic == topics.PARKED or reason in _REDRIVEN_DEAD_LETTERS:
                need = need_of(reason, key, told, place)
                self.put(Entry(_offset(told[headers.SOURCE]), place, need, attempt, timestamp_ms))

    def put(self, entry: Entry) -> None:
        """Let a record wait, in the place of an earlier attempt at it."""
        known = self._entries.get(entry.source)
        if known is not None:
            if known.attempt > entry.attempt:
                return
            self.remove(entry.source)
        if len(self._entries) >= self._most and entry.request is None:
            self.incomplete = True
            return
        self._entries[entry.source] = entry
        if entry.attempt >= MOST_ATTEMPTS and entry.request is None:
            return
        group = self._groups.setdefault(entry.need, Group())
        group.sources[entry.source] = None
        if entry.request is not None:
            group.left.add(entry.source)
            self._ready[entry.need] = group

    def remove(self, source: int) -> None:
        """Let a record wait no longer."""
        entry = self._entries.pop(source, None)
        group = self._groups.get(entry.need) if entry else None
        if entry is None or group is None:
            return
        group.sources.pop(source, None)
        self._done(entry.need, group, source)
        if not group.sources:
            del self._groups[entry.need]

    def _marked(self, source: bytes, attempt: int, outcome: bytes | None) -> None:
        entry = self._entries.get(_offset(source))
        if entry is None or entry.attempt >= attempt:
            return
        self.remove(entry.source)
        if outcome == b"parked":
            self.put(entry._replace(attempt=attempt, request=None))

    def _requested(self, told: dict[str, bytes], timestamp_ms: int) -> None:
        source, attempt = _offset(told[headers.REDRIVE]), _number(told.get(headers.ATTEMPT))
        known = self._entries.get(source)
        request = Request(headers.ACCEPT_COUNTER in told)
        if known is not None:
            self.put(known._replace(request=request))
            return
        topic, _, offset = told.get(headers.REDRIVE_AT, b"").decode("utf-8", "replace").rpartition("/")
        place = Place(topic, _number(offset.encode(), -1))
        self.put(Entry(source, place, Need("", b"", f"{place}".encode()), attempt, timestamp_ms, request))

    # What is due

    def groups(self) -> list[Need]:
        """Return what is waited for."""
        return list(self._groups)

    def check(self, need: Need, stamp: Stamp) -> None:
        """Make a group due if its stamp is another than when it was last tried."""
        group = self._groups.get(need)
        if group is None or stamp == group.tried:
            return
        group.probing = group.tried is _UNTRIED
        group.tried = stamp
        group.left.update([next(reversed(group.sources))] if group.probing else group.sources)
        self._ready[need] = group

    def late(self, place: Place) -> None:
        """Make the record heard last due, which may have been parked by what was in force before."""
        entry = next(reversed(self._entries.values()), None)
        group = self._groups.get(entry.need) if entry is not None and entry.place == place else None
        if entry is not None and group is not None and group.tried is not _UNTRIED:
            group.left.add(entry.source)
            self._ready[entry.need] = group

    def next(self, most: int) -> list[Entry]:
        """Return entries that are due, of one topic, in the order in which they lie."""
        found: list[Entry] = []
        for group in self._ready.values():
            entries = [self._entries[source] for source in islice(group.left, most)]
            found += [entry for entry in entries if not found or entry.place.topic == found[0].place.topic]
            if len(found) >= most:
                break
        return sorted(found[:most], key=lambda entry: entry.place)

    def entry(self, source: int) -> Entry | None:
        """Return the entry of a source, None where it waits no longer."""
        return self._entries.get(source)

    def is_due(self, entry: Entry) -> bool:
        """Tell whether an entry is still to be tried."""
        group = self._ready.get(entry.need)
        return group is not None and entry.source in group.left

    def resolved(self, entry: Entry) -> None:
        """Note that a try had another outcome: what it waited for is there, so it may be there for all of its group."""
        group = self._groups[entry.need]
        if group.probing:
            group.probing = False
            group.left.update(group.sources)
            self._ready[entry.need] = group
        self._done(entry.need, group, entry.source)

    def unresolved(self, entry: Entry) -> None:
        """Note that a try had no other outcome: the parked ones of its group need not be tried either."""
        group = self._groups[entry.need]
        if entry.place.topic == topics.PARKED:
            group.left = {source for source in group.left if self._entries[source].request is not None}
        self._done(entry.need, group, entry.source)

    def moved(self, entry: Entry, need: Need, stamp: Stamp) -> None:
        """Let a record wait for something else, which is known not to be there."""
        self.resolved(entry)
        self.remove(entry.source)
        self.put(entry._replace(need=need, request=None))
        group = self._groups.get(need)
        if group is not None and group.tried is _UNTRIED:
            group.tried = stamp

    def again(self, entries: Sequence[Entry]) -> None:
        """Make entries due that were tried in vain, since their transaction was aborted."""
        for entry in entries:
            group = self._groups.get(entry.need)
            if group is not None and entry.source in group.sources:
                group.left.add(entry.source)
                self._ready[entry.need] = group

    def older_than(self, timestamp_ms: float, most: int) -> list[Entry]:
        """Return parked entries written before an instant, the first heard first."""
        found: list[Entry] = []
        for entry in self._entries.values():
            if entry.timestamp_ms >= timestamp_ms or len(found) == most:
                break
            if entry.place.topic == topics.PARKED:
                found.append(entry)
        return found

    def _done(self, need: Need, group: Group, source: int) -> None:
        group.left.discard(source)
        if not group.left:
            self._ready.pop(need, None)


def stamp_of(need: Need, context: Context, keys_epoch: int) -> Stamp:
    """Return what is in force for a group.

    `keys_epoch` counts the changes of any keys, for those of whom no system title is known.
    """
    if need.reason in (Reason.KEY_MISSING.value, Reason.TAG_MISMATCH.value, Reason.KEY_WRONG.value):
        if not need.subject:
            return keys_epoch
        return _versions(context.keys, need.subject), context.keys.trouble(need.subject), context.session_keys
    facts = _facts(need, context)
    if need.reason == Reason.MAPPING_MISSING.value:
        return context.mapping_hash, facts.dialect if facts else ""
    return context.unidentified, facts


def need_of(reason: str, key: bytes | None, told: dict[str, bytes], place: Place) -> Need:
    """Return what a record waits for, by its headers."""
    key = key or b""
    if reason == Reason.MAPPING_MISSING.value:
        subject = told.get(headers.FINGERPRINT, b"")
    else:
        stated = f"st-{told.get(headers.SYSTEM_TITLE, b'').decode('utf-8', 'replace')}"
        subject = title_of(stated) or title_of(key.decode("utf-8", "replace")) or b""
    whose = key if key and not key.startswith(_PEER) else key + b"@" + str(place.offset).encode()
    return Need(reason, subject, whose, _kek(told.get(headers.SESSION_KEY)))


def _kek(session_key: bytes | None) -> str:
    try:
        return kek_of(session_key) if session_key is not None else ""
    except SessionKeyMalformed:
        return ""


def _versions(keys: KeyRing, title: bytes) -> int:
    """Return what changes with any key of a meter, and with the validity of one."""
    found = keys.find(title)
    known = (*((found,) if found else ()), *keys.others(title))
    return hash(tuple((each.version, each.versions, each.from_us, each.until_us) for each in known))


def _facts(need: Need, context: Context) -> MeterFacts | None:
    return context.registry.by_name(need.whose.partition(b"@")[0].decode("utf-8", "replace"))


def _offset(source: bytes) -> int:
    """Return the offset in `<topic>/<partition>/<offset>#<k>`; -1 where there is none."""
    return _number(source.partition(b"#")[0].rpartition(b"/")[2], -1)


def _number(text: bytes | None, otherwise: int = 0) -> int:
    return int(text) if text and text.isdigit() else otherwise
