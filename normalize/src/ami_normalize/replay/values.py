"""What a consumer of readings holds: per natural key, the value of the highest (revision, received time)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from ami.readings.v1 import meter_readings_pb2 as pb
from ami_schemas.decimals import plain, shortest

_NUMBER: Final = re.compile(r"-?\d+(\.\d+)?")
_EMPTY: Final = frozenset({pb.QUALITY_MISSING, pb.QUALITY_NO_VALUE})
_US: Final = 1_000_000


class Key(NamedTuple):
    """The natural key of a value, beside its meter."""

    obis: str
    attribute: int
    profile: str
    """Empty for a value of no profile."""
    at_us: int
    """The end of the interval, or the instant measured at."""
    occurrence: int

    @classmethod
    def of(cls, message: pb.NaturalKey) -> Key:
        """Take it from its wire form."""
        return cls(message.obis, message.attribute, message.profile_obis, message.at_us, message.occurrence)

    def to_message(self) -> pb.NaturalKey:
        """Return its wire form."""
        return pb.NaturalKey(
            obis=self.obis,
            attribute=self.attribute,
            profile_obis=self.profile,
            at_us=self.at_us,
            occurrence=self.occurrence,
        )


class Content(NamedTuple):
    """What is said of a key; provenance is no part of it."""

    kind: str
    """`number`, `text`, `octets`, `boolean` or `none`."""
    value: str | None
    """Decimals with the zeros of their scale, octets in hex."""
    unit: int
    origin: int
    """How the instant was known."""
    quality: tuple[int, ...]


class Held(NamedTuple):
    """What stands under a key."""

    rank: tuple[int, int]
    """Revision and received time (µs)."""
    content: Content | None
    """None: retracted."""
    manufacturer: str
    place: int
    """Which of the records consumed says so, from 0."""

    @property
    def received_us(self) -> int:
        """When the message was received."""
        return self.rank[1]


State = dict[Key, Held]
"""Of one meter."""


def consume(messages: Iterable[pb.MeterReadings]) -> State:
    """Return what a consumer holds of a meter after its records, in order."""
    state: State = {}
    for place, message in enumerate(messages):
        rank = (message.revision, message.time.received_us)
        for key, content in said(message):
            held = state.get(key)
            if held is None or rank >= held.rank:
                state[key] = Held(rank, content, message.meter.manufacturer, place)
    return state


def present(state: State) -> State:
    """Return a state without what is retracted."""
    return {key: held for key, held in state.items() if held.content is not None}


def keys(message: pb.MeterReadings) -> Iterator[Key]:
    """Yield each natural key that a record says something of."""
    yield from map(Key.of, message.retracted)
    yield from map(reading_key, message.readings)
    for block in message.interval_blocks:
        yield from block_keys(block)


def said(message: pb.MeterReadings) -> Iterator[tuple[Key, Content | None]]:
    """Yield each natural key that a record says something of, and what."""
    for withdrawn in message.retracted:
        yield Key.of(withdrawn), None
    for reading in message.readings:
        yield reading_key(reading), _of_reading(reading)
    for block in message.interval_blocks:
        yield from _of_block(block)


def reading_key(reading: pb.Reading) -> Key:
    """Return the natural key of a single value."""
    return Key(reading.obis, reading.attribute, reading.profile_obis, reading.measured_at_us, reading.occurrence)


def block_keys(block: pb.IntervalBlock) -> Iterator[Key]:
    """Yield the natural key of each interval."""
    count = max(len(block.mantissas), len(block.reals), len(block.texts))
    for index in range(count):
        at_us = block.first_interval_end_us + index * block.period_s * _US
        yield Key(block.obis, block.attribute, block.profile_obis, at_us, block.occurrence)


def _of_reading(reading: pb.Reading) -> Content:
    which = reading.WhichOneof("value")
    kind, value = "none", None
    if which == "mantissa":
        kind, value = "number", plain(reading.mantissa, reading.scale)
    elif which == "big_mantissa":
        mantissa = int.from_bytes(reading.big_mantissa, "big", signed=True)
        kind, value = "number", plain(mantissa, reading.scale)
    elif which == "real":
        kind, value = "number", shortest(reading.real)
    elif which == "text":
        kind, value = "text", reading.text
    elif which == "octets":
        kind, value = "octets", reading.octets.hex()
    elif which == "boolean":
        kind, value = "boolean", "1" if reading.boolean else "0"
    quality = reading.quality
    marks = tuple(sorted(quality)) if len(quality) > 1 else tuple(quality)
    return Content(kind, value, reading.unit, reading.time_origin, marks)


def _of_block(block: pb.IntervalBlock) -> Iterator[tuple[Key, Content | None]]:
    """Yield each interval. How a block is packed, and where it is cut, is not part of what it says."""
    quality = {each.index: tuple(sorted(each.quality)) for each in block.quality}
    values: Iterable[tuple[str, str]]
    if block.reals:
        values = (("number", shortest(value)) for value in block.reals)
    elif block.texts:
        values = (("number" if _NUMBER.fullmatch(text) else "text", text) for text in block.texts)
    else:
        values = (("number", plain(mantissa, block.scale)) for mantissa in block.mantissas)
    for index, (key, (kind, value)) in enumerate(zip(block_keys(block), values, strict=True)):
        marks = quality.get(index, ())
        empty = not _EMPTY.isdisjoint(marks)
        yield key, Content("none" if empty else kind, None if empty else value, block.unit, block.time_origin, marks)
