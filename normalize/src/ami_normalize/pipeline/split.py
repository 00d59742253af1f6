"""Readings records that are too long are cut: each part stands for itself, and no value is lost or doubled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from ami.readings.v1 import meter_readings_pb2 as pb

MOST_OCTETS: Final = 512 * 1024
"""A record of readings or events is at most this long; larger ones are split."""


def split(
    message: pb.MeterReadings, octets: Callable[[pb.MeterReadings], int] = pb.MeterReadings.ByteSize
) -> list[pb.MeterReadings]:
    """Cut a message in halves until each part fits; `octets` tells the length of what is written for a message.

    A part that holds a single value may still be too long.
    """
    if octets(message) <= MOST_OCTETS:
        return [message]
    readings, blocks, retracted = list(message.readings), list(message.interval_blocks), list(message.retracted)
    if len(readings) + len(blocks) + len(retracted) <= 1:
        if not blocks or _length(blocks[0]) < 2:
            return [message]
        blocks = _halves(blocks[0])
    middle = (len(readings) + len(blocks) + len(retracted)) // 2
    at_block = max(0, middle - len(readings))
    at_retracted = max(0, at_block - len(blocks))
    return [
        each
        for half in (
            part(message, readings[:middle], blocks[:at_block], retracted[:at_retracted]),
            part(message, readings[middle:], blocks[at_block:], retracted[at_retracted:]),
        )
        for each in split(half, octets)
    ]


def part(
    whole: pb.MeterReadings,
    readings: list[pb.Reading],
    blocks: list[pb.IntervalBlock],
    retracted: list[pb.NaturalKey],
) -> pb.MeterReadings:
    """Return a message with other values: who, when and where from stay as they are."""
    made = pb.MeterReadings()
    made.CopyFrom(whole)
    del made.readings[:], made.interval_blocks[:], made.retracted[:]
    made.readings.extend(readings)
    made.interval_blocks.extend(blocks)
    made.retracted.extend(retracted)
    return made


def _length(block: pb.IntervalBlock) -> int:
    return max(len(block.mantissas), len(block.reals), len(block.texts))


def piece(block: pb.IntervalBlock, start: int, stop: int) -> pb.IntervalBlock:
    """Return the intervals from `start` up to, not including, `stop` as a block."""
    made = pb.IntervalBlock()
    made.CopyFrom(block)
    for name in ("mantissas", "reals", "texts", "statuses"):
        values = list(getattr(block, name))[start:stop]
        del getattr(made, name)[:]
        getattr(made, name).extend(values)
    del made.quality[:]
    for quality in block.quality:
        if start <= quality.index < stop:
            made.quality.add(index=quality.index - start, quality=quality.quality)
    made.first_interval_end_us += start * block.period_s * 1_000_000
    return made


def _halves(block: pb.IntervalBlock) -> list[pb.IntervalBlock]:
    length = _length(block)
    return [piece(block, 0, length // 2), piece(block, length // 2, length)]
