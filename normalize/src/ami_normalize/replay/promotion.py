"""What must be written so that a consumer holds the replay's values: as little as that, and no more. Pure.

A consumer keeps, per natural key, the value of the highest (revision, received time). What a promotion writes has a
revision above all others, so whatever it says wins: it must say nothing of values that are right already, nor of such
as came from elsewhere later than the range.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

from ami.readings.v1 import meter_readings_pb2 as pb
from ami_normalize.pipeline.split import part, piece, split
from ami_normalize.replay.differences import Stated
from ami_normalize.replay.values import Key, block_keys, consume, keys, present, reading_key


class Live(NamedTuple):
    """A live record."""

    stated: Stated
    inside: bool
    """It comes from a raw record of the range that was replayed."""


class Promoted(NamedTuple):
    """A record to write."""

    name: bytes
    """Its `ami-source`."""
    message: pb.MeterReadings


def promotion(live: Sequence[Live], replayed: Sequence[Stated], revision: int) -> Iterator[Promoted]:
    """Yield what to write of a meter, whose records are given in the order of their topics.

    `revision` is above that of all records. The values of the range become the replay's; those that vanished are
    withdrawn. Of a value that another raw record gives as well, the one received later stands.
    """
    standing = [each.stated for each in live]
    outside = [each.stated for each in live if not each.inside]
    holds = present(consume(each.message for each in standing))
    others, new = (consume(each.message for each in side) for side in (outside, replayed))
    touched = {key for each in live if each.inside for key in keys(each.stated.message)} | set(new)

    give: dict[int, set[Key]] = defaultdict(set)
    withdraw: dict[int, list[Key]] = defaultdict(list)
    for key in sorted(touched):
        before, other, after = holds.get(key), others.get(key), new.get(key)
        from_elsewhere = other is not None and (after is None or other.received_us > after.received_us)
        shall = other if from_elsewhere else after
        if shall is not None and shall.content is not None:
            if before is None or before.content != shall.content:
                give[shall.place + (0 if from_elsewhere else len(outside))].add(key)
        elif before is not None:
            withdraw[before.place].append(key)
    for place, wanted in sorted(give.items()):
        name, message = [*outside, *replayed][place]
        yield from _numbered(name, _only(message, wanted, revision))
    for place, gone in sorted(withdraw.items()):
        whole = standing[place].message
        message = part(whole, [], [], [key.to_message() for key in gone])
        message.revision = revision
        yield from _numbered(_withdrawing(standing[place].name), split(message))


def again(stated: Stated, revision: int) -> Promoted:
    """Return a live record under another revision: it came while a promotion was written, and later than its range."""
    message = pb.MeterReadings()
    message.CopyFrom(stated.message)
    message.revision = revision
    return Promoted(stated.name, message)


def _only(whole: pb.MeterReadings, wanted: Collection[Key], revision: int) -> list[pb.MeterReadings]:
    """Return a record with nothing but the values of some keys."""
    readings = [reading for reading in whole.readings if reading_key(reading) in wanted]
    blocks = [run for block in whole.interval_blocks for run in _runs(block, wanted)]
    message = part(whole, readings, blocks, [])
    message.revision = revision
    return split(message)


def _runs(block: pb.IntervalBlock, wanted: Collection[Key]) -> Iterator[pb.IntervalBlock]:
    """Yield the intervals of a block whose keys are wanted, those side by side together."""
    start: int | None = None
    index = -1
    for index, key in enumerate(block_keys(block)):
        if key in wanted:
            start = index if start is None else start
        elif start is not None:
            yield piece(block, start, index)
            start = None
    if start is not None:
        yield piece(block, start, index + 1)


def _numbered(name: bytes, messages: Sequence[pb.MeterReadings]) -> Iterator[Promoted]:
    """Name the parts of a record that had to be cut."""
    mark = b"." if b"#" in name else b"#"
    for number, message in enumerate(messages):
        yield Promoted(name if len(messages) == 1 else b"%s%s%d" % (name, mark, number), message)


def _withdrawing(name: bytes) -> bytes:
    """Return the `ami-source` of what withdraws values of a record: beside the one that gives values of it."""
    base, _, number = name.partition(b"#")
    return b"%s#r%s" % (base, number)
