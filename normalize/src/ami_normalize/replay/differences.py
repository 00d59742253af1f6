"""Two states of a meter compared by natural key: value, unit, time and quality, not provenance. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from enum import Enum
from typing import NamedTuple

from ami.readings.v1 import meter_readings_pb2 as pb
from ami_normalize.replay.source import Source
from ami_normalize.replay.values import Content, Held, Key, State, consume, present


class Kind(str, Enum):
    """What became of a value."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


class Stated(NamedTuple):
    """A record of readings, and its `ami-source`."""

    name: bytes
    message: pb.MeterReadings

    @property
    def source(self) -> Source | None:
        """The raw record it comes from."""
        return Source.of(self.name)


class Difference(NamedTuple):
    """A value that is not the same on both sides."""

    kind: Kind
    meter: str
    manufacturer: str
    before: tuple[Key, Content] | None
    """Live; None where it was added."""
    after: tuple[Key, Content] | None
    """As replayed; None where it was removed."""
    fields: tuple[str, ...] = ()
    """Of a changed one: what of `value`, `unit`, `time`, `quality`."""

    @property
    def key(self) -> Key:
        """The natural key: the new one, where there is one."""
        found = self.after or self.before
        if found is None:
            raise ValueError("a difference has a side")
        return found[0]


def unchanged(before: Sequence[bytes], after: Sequence[bytes]) -> bool:
    """Tell whether two sets of serialized records of a meter say the same, without looking at each value."""
    if len(before) != len(after):
        return False
    if sorted(before) == sorted(after):
        return True
    return sorted(map(_bare, before)) == sorted(map(_bare, after))


def differences(meter: str, before: Sequence[Stated], after: Sequence[Stated]) -> Iterator[Difference]:
    """Yield what differs between two sets of records of a meter, in the order of the keys.

    A value of one raw record that only stands at another instant is changed (`time`), not removed and added.
    """
    old, new = (present(consume(stated.message for stated in side)) for side in (before, after))
    gone = {key: held for key, held in old.items() if key not in new}
    come = {key: held for key, held in new.items() if key not in old}
    moved = dict(_moved(gone, come, before, after))
    found = [_moved_to(meter, (key, gone[key]), (to, come[to])) for key, to in moved.items()]
    arrived = set(moved.values())
    for key, held in old.items():
        there = new.get(key)
        if there is None:
            if key not in moved:
                found.append(Difference(Kind.REMOVED, meter, held.manufacturer, _said(key, held), None))
            continue
        fields = _fields(held, there)
        if fields:
            found.append(
                Difference(Kind.CHANGED, meter, there.manufacturer, _said(key, held), _said(key, there), fields)
            )
    found += [
        Difference(Kind.ADDED, meter, held.manufacturer, None, _said(key, held))
        for key, held in come.items()
        if key not in arrived
    ]
    yield from sorted(found, key=lambda difference: difference.key)


def _said(key: Key, held: Held) -> tuple[Key, Content]:
    if held.content is None:
        raise ValueError("retracted values were left out")
    return key, held.content


def _fields(before: Held, after: Held) -> tuple[str, ...]:
    old, new = before.content, after.content
    if old is None or new is None or old == new:
        return ()
    return tuple(
        name
        for name, differs in (
            ("value", (old.kind, old.value) != (new.kind, new.value)),
            ("unit", old.unit != new.unit),
            ("time", old.origin != new.origin),
            ("quality", old.quality != new.quality),
        )
        if differs
    )


def _moved_to(meter: str, before: tuple[Key, Held], after: tuple[Key, Held]) -> Difference:
    fields = [name for name in _fields(before[1], after[1]) if name != "time"]
    return Difference(Kind.CHANGED, meter, after[1].manufacturer, _said(*before), _said(*after), ("time", *fields))


def _moved(gone: State, come: State, before: Sequence[Stated], after: Sequence[Stated]) -> Iterator[tuple[Key, Key]]:
    """Pair values of one raw record, object and occurrence that differ in nothing of the key but the instant."""
    left, arrived = _by_object(gone, before), _by_object(come, after)
    for which, keys in left.items():
        others = arrived.get(which, [])
        if which[0] is not None and len(others) == len(keys):
            yield from zip(sorted(keys), sorted(others), strict=True)


_Object = tuple[Source | None, str, int, str, int]


def _by_object(state: State, stated: Sequence[Stated]) -> dict[_Object, list[Key]]:
    found: dict[_Object, list[Key]] = defaultdict(list)
    for key, held in state.items():
        found[stated[held.place].source, key.obis, key.attribute, key.profile, key.occurrence].append(key)
    return found


def _bare(body: bytes) -> bytes:
    """Return a record without what two runs may say differently of the same values."""
    message = pb.MeterReadings.FromString(body)
    message.ClearField("provenance")
    message.ClearField("revision")
    return message.SerializeToString(deterministic=True)
