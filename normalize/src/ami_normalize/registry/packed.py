"""What is registered, in memory: an unchanging view, and the state that makes the next one from records.

A million meters must fit beside everything else, so what is registered stays packed until it is asked for, and what
was asked for of late is kept as objects within a bound. A view is never changed: the next one has other shards where
something changed and shares all the rest, so that whoever holds a view sees one state for as long as he likes, without
a lock.

    names   hash of a name -> slot        12 octets a name, shards of packed octets
    slots   slot -> packed meter          traits are stored once for all meters that share them
    keys    system title -> packed keys   each version still wrapped
"""

from __future__ import annotations

import struct
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from google.protobuf.message import DecodeError

from ami.registry.v1 import registry_pb2 as pb
from ami_keys.keystore import KeyStore, KeyUnavailable, Wrapped
from ami_keys.names import key_name
from ami_normalize.errors import RegistryInvalid
from ami_normalize.keys import BEGIN, END, KeyKind
from ami_normalize.meter import NO_ACCESS, MeterFacts, surest, title_name, title_of
from ami_normalize.recent import Recent
from ami_normalize.registry import records
from ami_normalize.registry.records import Record, Traits
from ami_normalize.registry.timeline import KeyVersion, WrappedTimeline

_NAME_SHARDS: Final = 1 << 14
_KEY_SHARDS: Final = 1 << 12
_CHUNK: Final = 512
"""Slots that are copied together."""
_WORD: Final = (1 << 64) - 1
_NAME: Final = struct.Struct(">QI")
_VERSION: Final = struct.Struct(">B4sHB")
"""Kind and flags, version, number of the KEK, length of the ciphertext; then what instants the flags tell of."""
_INSTANT: Final = struct.Struct(">q")
_HAS_FROM, _HAS_UNTIL, _KIND = 0x40, 0x80, 0x0F
_TRAITS: Final = struct.Struct(">IH")
"""The number of the traits, and the length of the access, which follows."""
_MOST_ACCESS: Final = 0xFFFF
_NONCE: Final = 12
_KINDS: Final = tuple(KeyKind)
_KIND_NUMBERS: Final = {kind: number for number, kind in enumerate(KeyKind)}
_MOST_RECENT: Final = 65_536
_ABSENT: Final = MeterFacts("")
"""Stands in the cache for a name that nobody has."""


@dataclass(slots=True)
class Changes:
    """What differs between two views."""

    titles: set[bytes]
    """System titles whose keys or meter changed."""
    names: set[str]
    """Names that mean another meter now, or one whose facts changed."""
    mappings: set[str]
    """Hashes of mappings that came."""
    problems: list[str]
    """Records that nobody can read, in a sentence each."""
    everything: bool = False
    """More may have changed than is named."""

    @classmethod
    def none(cls) -> Changes:
        """Return no changes."""
        return cls(set(), set(), set(), [])

    def __bool__(self) -> bool:
        return bool(self.everything or self.titles or self.names or self.mappings)

    def add(self, later: Changes) -> None:
        """Take in what changed after this."""
        self.titles |= later.titles
        self.names |= later.names
        self.mappings |= later.mappings
        self.problems += later.problems
        self.everything |= later.everything


class _Tables(NamedTuple):
    names: tuple[bytes, ...]
    slots: tuple[tuple[bytes | None, ...], ...]
    keys: tuple[Mapping[bytes, bytes], ...]
    registered: int
    mappings: frozenset[str]
    revision: int


class _Interned:
    """Values that many share, by number. Only ever added to, so that every view may use it."""

    def __init__(self) -> None:
        self.values: list[bytes] = []
        self._numbers: dict[bytes, int] = {}
        self.traits: dict[int, Traits] = {}

    def number(self, value: bytes) -> int:
        """Return the number of a value."""
        number = self._numbers.setdefault(value, len(self.values))
        if number == len(self.values):
            self.values.append(value)
        return number


class RegistryView:
    """What is registered at one moment: a Registry of meters, and the Timelines of their keys."""

    def __init__(self, tables: _Tables, interned: _Interned, store: KeyStore) -> None:
        """Look at `tables`; nothing is unpacked yet."""
        self._tables = tables
        self._interned = interned
        self._store = store
        self._by_title: Recent[bytes, MeterFacts] = Recent(_MOST_RECENT)
        self._by_name: Recent[str, MeterFacts] = Recent(_MOST_RECENT)
        self._timelines: Recent[bytes, WrappedTimeline] = Recent(_MOST_RECENT // 4)

    def __len__(self) -> int:
        return self._tables.registered

    @property
    def revision(self) -> int:
        """The highest promoted revision of readings."""
        return self._tables.revision

    @property
    def mappings(self) -> frozenset[str]:
        """The hashes of the mappings whose content the registry holds."""
        return self._tables.mappings

    @property
    def keyed(self) -> int:
        """How many system titles have keys."""
        return sum(map(len, self._tables.keys))

    def by_title(self, system_title: bytes) -> MeterFacts | None:
        """Return the meter that a system title means."""
        found = self._by_title.young.get(system_title)
        if found is None:
            found = self._by_title.get(system_title)
            if found is None:
                found = self._resolved(title_name(system_title)) or _ABSENT
                self._by_title.put(system_title, found)
        return None if found is _ABSENT else found

    def by_name(self, name: str) -> MeterFacts | None:
        """Return the meter that a name means."""
        found = self._by_name.get(name)
        if found is None:
            found = self._resolved(name) or _ABSENT
            self._by_name.put(name, found)
        return None if found is _ABSENT else found

    def timeline(self, system_title: bytes) -> WrappedTimeline | None:
        """Return the keys of a system title over time."""
        found = self._timelines.get(system_title)
        if found is None:
            packed = self._tables.keys[hash(system_title) % _KEY_SHARDS].get(system_title)
            if packed is None:
                return None
            found = WrappedTimeline(system_title, list(self._versions(packed)), self._store)
            self._timelines.put(system_title, found)
        return found

    def versions(self, system_title: bytes) -> list[KeyVersion]:
        """Return every version of every key of a system title, still wrapped."""
        packed = self._tables.keys[hash(system_title) % _KEY_SHARDS].get(system_title, b"")
        return list(self._versions(packed))

    def opens(self, system_title: bytes, version: KeyVersion) -> bool | str:
        """Tell whether the key store opens a version, or why not."""
        try:
            self._store.unwrap(version.wrapped, key_name(system_title, version.kind, version.version))
        except KeyUnavailable as error:
            return str(error)
        return True

    def meters(self) -> Iterator[MeterFacts]:
        """Yield every registered meter."""
        for chunk in self._tables.slots:
            for packed in chunk:
                if packed is not None:
                    yield self._facts(packed)

    def titles(self) -> Iterator[bytes]:
        """Yield every system title that has keys."""
        for shard in self._tables.keys:
            yield from shard

    def following(self, tables: _Tables, changes: Changes) -> RegistryView:
        """Return the next view; what was looked up stays known where it did not change."""
        later = RegistryView(tables, self._interned, self._store)
        later._by_title = self._by_title.without(changes.titles)
        later._by_name = self._by_name.without(changes.names)
        later._timelines = self._timelines.without(changes.titles)
        return later

    def reopened(self) -> RegistryView:
        """Return the same view with nothing looked up yet, after the key store has changed."""
        return RegistryView(self._tables, self._interned, self._store)

    def _resolved(self, name: str) -> MeterFacts | None:
        return surest(name, (facts for _, facts in self.claimants(name)))

    def claimants(self, name: str) -> Iterator[tuple[int, MeterFacts]]:
        """Yield slot and facts of every meter that may have a name."""
        word = hash(name) & _WORD
        needle, shard = word.to_bytes(8, "big"), self._tables.names[word % _NAME_SHARDS]
        at = shard.find(needle)
        while at >= 0:
            if at % _NAME.size == 0:
                slot = int.from_bytes(shard[at + 8 : at + 12], "big")
                packed = self._tables.slots[slot // _CHUNK][slot % _CHUNK]
                if packed is not None:
                    yield slot, self._facts(packed)
            at = shard.find(needle, at + 1)

    def _facts(self, packed: bytes) -> MeterFacts:
        number, reached = _TRAITS.unpack_from(packed)
        parts, at = [], _TRAITS.size + reached
        access = packed[_TRAITS.size : at]
        while at < len(packed):
            end = at + 1 + packed[at]
            parts.append(packed[at + 1 : end])
            at = end
        meter_id, title, device, serial, inventory = parts[:5]
        return MeterFacts(
            meter_id.decode(),
            tuple(alias.decode() for alias in parts[5:]),
            title,
            device.decode(),
            serial.decode(),
            inventory.decode(),
            *self._traits(number),
            records.access_of(pb.Access.FromString(access)) if access else NO_ACCESS,
        )

    def _traits(self, number: int) -> Traits:
        found = self._interned.traits.get(number)
        if found is None:
            found = records.traits_of(pb.Traits.FromString(self._interned.values[number]))
            self._interned.traits[number] = found
        return found

    def _versions(self, packed: bytes) -> Iterator[KeyVersion]:
        at = 0
        while at < len(packed):
            flags, version, kek, length = _VERSION.unpack_from(packed, at)
            at += _VERSION.size
            from_us, until_us = BEGIN, END
            if flags & _HAS_FROM:
                (from_us,) = _INSTANT.unpack_from(packed, at)
                at += _INSTANT.size
            if flags & _HAS_UNTIL:
                (until_us,) = _INSTANT.unpack_from(packed, at)
                at += _INSTANT.size
            nonce, at = packed[at : at + _NONCE], at + _NONCE + length
            wrapped = Wrapped(self._interned.values[kek].decode(), nonce, packed[at - length : at])
            yield KeyVersion(_KINDS[flags & _KIND], version.hex(), from_us, until_us, wrapped)


class RegistryState:
    """Makes views from records. One thread writes; views may be used in any."""

    def __init__(self, store: KeyStore) -> None:
        """Begin with nothing registered."""
        self._interned = _Interned()
        nothing: Mapping[bytes, bytes] = {}
        tables = _Tables((b"",) * _NAME_SHARDS, (), (nothing,) * _KEY_SHARDS, 0, frozenset(), 0)
        self.view = RegistryView(tables, self._interned, store)
        self._free: list[int] = []

    def apply(self, batch: Iterable[Record]) -> Changes:
        """Take in records in the order of their offsets; `view` is the next one afterwards.

        A record that cannot be read is left out, and what stood under its key stays.
        """
        latest = {record.key: record for record in batch}
        change = _Change(self.view, self._interned, self._free)
        for record in latest.values():
            change.attempt(record)
        self.view = self.view.following(change.tables(), change.changes)
        return change.changes

    def reopen(self) -> None:
        """Forget which keys were unwrapped, after the key store has changed."""
        self.view = self.view.reopened()


class _Change:
    """One step from view to view: what a batch adds to and takes from each shard."""

    def __init__(self, view: RegistryView, interned: _Interned, free: list[int]) -> None:
        self._view = view
        self._before = view._tables  # noqa: SLF001  a view and its maker are one
        self._interned = interned
        self._free = free
        self._count = self._before.registered
        self._next = len(self._before.slots) * _CHUNK
        self._slots: dict[int, bytes | None] = {}
        self._names_gone: defaultdict[int, set[bytes]] = defaultdict(set)
        self._names_new: defaultdict[int, list[bytes]] = defaultdict(list)
        self._keys: defaultdict[int, dict[bytes, bytes]] = defaultdict(dict)
        self._mappings = set(self._before.mappings)
        self._revision = self._before.revision
        self.changes = Changes.none()

    def attempt(self, record: Record) -> None:
        """Take in one record, or say what is wrong with it."""
        try:
            self._take(record)
        except (RegistryInvalid, DecodeError, ValueError) as error:
            self.changes.problems.append(f"left out: {record.key[:80]!r}: {error}")

    def _take(self, record: Record) -> None:
        kind, _, rest = record.key.decode().partition("/")
        if kind == "key":
            self._take_key(record)
        elif kind == "meter":
            self._take_meter(rest, record.value)
        elif kind == "mapping":
            self._take_mapping(rest, record.value)
        elif kind == "promotion":
            self._revision = max(self._revision, int(rest))
        else:
            raise RegistryInvalid("no kind of record that this version knows")

    def tables(self) -> _Tables:
        """Return the tables as they are after all that was taken in."""
        names = list(self._before.names)
        for number, gone in self._names_gone.items():
            shard = names[number]
            kept = (shard[at : at + _NAME.size] for at in range(0, len(shard), _NAME.size))
            names[number] = b"".join(one for one in kept if one not in gone)
        for number, new in self._names_new.items():
            names[number] = b"".join((names[number], *new))
        slots = list(self._before.slots)
        chunks: dict[int, list[bytes | None]] = {}
        for slot, packed in self._slots.items():
            number, inside = divmod(slot, _CHUNK)
            if number not in chunks:
                chunks[number] = list(slots[number]) if number < len(slots) else [None] * _CHUNK
            chunks[number][inside] = packed
        slots += [()] * (max(chunks, default=-1) + 1 - len(slots))
        for number, chunk in chunks.items():
            slots[number] = tuple(chunk)
        keys = list(self._before.keys)
        for number, changed in self._keys.items():
            keys[number] = {title: packed for title, packed in {**keys[number], **changed}.items() if packed}
        return _Tables(tuple(names), tuple(slots), tuple(keys), self._count, frozenset(self._mappings), self._revision)

    def _take_meter(self, meter_id: str, value: bytes | None) -> None:
        packed, facts = (None, None) if value is None else self._packed(meter_id, pb.Meter.FromString(value))
        for slot, before in self._view.claimants(meter_id):
            if before.meter_id == meter_id:
                self._forget(slot, before)
                break
        if packed is not None and facts is not None:
            self._remember(packed, facts)

    def _packed(self, meter_id: str, message: pb.Meter) -> tuple[bytes, MeterFacts]:
        if len(message.system_title) not in (0, 8):
            raise RegistryInvalid("its system title does not have 8 octets")
        number = self._interned.number(message.traits.SerializeToString(deterministic=True))
        texts = (meter_id, message.logical_device_name, message.serial, message.inventory_id, *message.aliases)
        parts = [text.encode() for text in texts]
        parts.insert(1, message.system_title)
        if not parts[0] or any(len(part) > records.MOST_NAME for part in parts):
            raise RegistryInvalid("a name is too long, or its id is empty")
        access = message.access.SerializeToString() if message.HasField("access") else b""
        if len(access) > _MOST_ACCESS:
            raise RegistryInvalid(f"how it is reached takes more than {_MOST_ACCESS} octets")
        packed = _TRAITS.pack(number, len(access)) + access
        packed += b"".join(bytes((len(part),)) + part for part in parts)
        facts = MeterFacts(
            meter_id,
            tuple(message.aliases),
            message.system_title,
            message.logical_device_name,
            message.serial,
            message.inventory_id,
        )
        return packed, facts

    def _forget(self, slot: int, facts: MeterFacts) -> None:
        self._slots[slot] = None
        self._free.append(slot)
        self._count -= 1
        for name in self._marked(facts):
            word = hash(name) & _WORD
            self._names_gone[word % _NAME_SHARDS].add(_NAME.pack(word, slot))

    def _remember(self, packed: bytes, facts: MeterFacts) -> None:
        if self._free:
            slot = self._free.pop()
        else:
            slot, self._next = self._next, self._next + 1
        self._slots[slot] = packed
        self._count += 1
        for name in self._marked(facts):
            word = hash(name) & _WORD
            self._names_new[word % _NAME_SHARDS].append(_NAME.pack(word, slot))

    def _marked(self, facts: MeterFacts) -> dict[str, None]:
        """Return the names of a meter, each once, and note that they may mean something else now."""
        names = dict.fromkeys(facts.names())
        self.changes.names.update(names)
        self.changes.titles.update(title for title in map(title_of, names) if title is not None)
        return names

    def _take_key(self, record: Record) -> None:
        name = records.name_of(record.key)
        version = None if record.value is None else records.version_of_record(record, name)
        title, shard = name.system_title, hash(name.system_title) % _KEY_SHARDS
        before = self._keys[shard].get(title)
        if before is None:
            before = self._before.keys[shard].get(title, b"")
        self._keys[shard][title] = _without(before, name) + (b"" if version is None else self._packed_key(version))
        self.changes.titles.add(title)

    def _packed_key(self, version: KeyVersion) -> bytes:
        wrapped = version.wrapped
        if len(wrapped.nonce) != _NONCE or len(wrapped.ciphertext) > 255:
            raise RegistryInvalid("its wrapped key has another length than wrapped keys have")
        if not BEGIN <= version.from_us < version.until_us <= END:
            raise RegistryInvalid("its validity ends before it begins")
        flags, instants = _KIND_NUMBERS[version.kind], b""
        if version.from_us != BEGIN:
            flags, instants = flags | _HAS_FROM, _INSTANT.pack(version.from_us)
        if version.until_us != END:
            flags, instants = flags | _HAS_UNTIL, instants + _INSTANT.pack(version.until_us)
        kek = self._interned.number(wrapped.kek_id.encode())
        head = _VERSION.pack(flags, bytes.fromhex(version.version), kek, len(wrapped.ciphertext))
        return head + instants + wrapped.nonce + wrapped.ciphertext

    def _take_mapping(self, content_hash: str, value: bytes | None) -> None:
        if value is None:
            self._mappings.discard(content_hash)
        elif content_hash not in self._mappings:
            self._mappings.add(content_hash)
            self.changes.mappings.add(content_hash)


def _without(packed: bytes, name: records.KeyName) -> bytes:
    """Return packed versions without one of them."""
    wanted, at = (_KIND_NUMBERS[name.kind], bytes.fromhex(name.version)), 0
    while at < len(packed):
        flags, version, _, length = _VERSION.unpack_from(packed, at)
        instants = bool(flags & _HAS_FROM) + bool(flags & _HAS_UNTIL)
        end = at + _VERSION.size + instants * _INSTANT.size + _NONCE + length
        if (flags & _KIND, version) == wanted:
            return packed[:at] + packed[end:]
        at = end
    return packed
