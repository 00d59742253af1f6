"""Readings records that are too long are cut, and lose nothing."""

import pytest

from ami.readings.v1 import meter_readings_pb2 as pb
from ami_normalize.pipeline.split import MOST_OCTETS, split

pytestmark = pytest.mark.unit


def block(count):
    made = pb.IntervalBlock(period_s=60, first_interval_end_us=0, mantissas=range(count), statuses=[1] * count)
    made.quality.add(index=count * 3 // 4, quality=[pb.QUALITY_MISSING])
    return made


def test_a_record_too_long_is_split_and_loses_nothing():
    whole = pb.MeterReadings(
        meter=pb.Meter(id="m"), interval_blocks=[block(200_000)], readings=[pb.Reading(obis="1.0.1.8.0.255")]
    )
    parts = split(whole)
    blocks = [one for part in parts for one in part.interval_blocks]

    assert [value for one in blocks for value in one.mantissas] == list(range(200_000))
    assert all(one.first_interval_end_us == one.mantissas[0] * 60_000_000 for one in blocks)
    assert [one.mantissas[quality.index] for one in blocks for quality in one.quality] == [150_000]
    assert sum(len(part.readings) for part in parts) == 1
    assert all(part.ByteSize() <= MOST_OCTETS and part.meter.id == "m" for part in parts)


def test_what_is_withdrawn_is_split_too_and_said_once():
    keys = [pb.NaturalKey(obis=f"1.0.{number % 200}.8.0.255", at_us=number) for number in range(50_000)]
    parts = split(pb.MeterReadings(readings=[pb.Reading(obis="1.0.1.8.0.255")], retracted=keys, revision=2))

    assert [key.at_us for part in parts for key in part.retracted] == list(range(50_000))
    assert sum(len(part.readings) for part in parts) == 1
    assert all(part.ByteSize() <= MOST_OCTETS and part.revision == 2 for part in parts)


def test_the_length_is_that_of_what_is_written():
    whole = pb.MeterReadings(interval_blocks=[block(1000)])

    assert len(split(whole)) == 1
    assert len(split(whole, lambda message: 100 * message.ByteSize())) > 1


def test_one_value_cannot_be_cut():
    (part,) = split(pb.MeterReadings(readings=[pb.Reading(octets=bytes(2 * MOST_OCTETS))]))

    assert len(part.readings) == 1
