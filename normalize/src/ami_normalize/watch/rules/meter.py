"""All rules on one record of a meter."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ami.readings.v1 import meter_readings_pb2 as readings_pb
from ami.watch.v1 import meter_state_pb2 as pb
from ami_dlms.obis import parse_obis
from ami_normalize.watch.rules import balance, clock, intervals, presence, registers
from ami_normalize.watch.rules.finding import Finding
from ami_normalize.watch.rules.policy import Policy
from ami_normalize.watch.rules.registers import Value

_MOST_SCALE: Final = 30
"""Decimal exponents beyond this are no energies or volumes."""
_UNSURE: Final = frozenset(
    {
        readings_pb.QUALITY_TIME_AMBIGUOUS,
        readings_pb.QUALITY_CLOCK_INVALID,
        readings_pb.QUALITY_FRAME_CHECK_FAILED,
        readings_pb.QUALITY_UNVERIFIED_TAG,
    }
)
"""What is marked so is not held against other records."""
_NO_VALUE: Final = frozenset({readings_pb.QUALITY_MISSING, readings_pb.QUALITY_NO_VALUE})


def take_readings(
    state: pb.MeterState, message: readings_pb.MeterReadings, timestamp_us: int, policy: Policy
) -> list[Finding]:
    """Take readings; `timestamp_us` stands in where the message does not say when it was received."""
    received_us = message.time.received_us or timestamp_us
    found = presence.heard(state.presence, received_us, policy.presence)
    found += clock.take(state.clock, message.time, policy.clock)
    found += intervals.take(state, message.interval_blocks, received_us, policy.intervals)
    for value in _values(message):
        if intervals.believed(value.at_us, value.at_us, received_us, policy.intervals):
            found += registers.take(state, value, policy.registers)
            if len(value.obis) == 6:
                found += balance.take_register(state, value, policy.balance)
    periods = {profile.obis: profile.period_s for profile in state.profiles}
    for block in message.interval_blocks:
        column = _column(block, periods.get(parse_obis(block.profile_obis), 0))
        if column is not None:
            found += balance.take_column(state, column, policy.balance)
    return found


def _values(message: readings_pb.MeterReadings) -> Iterator[Value]:
    """Yield the values of registers that only count upwards, in the order of time."""
    values = [value for reading in message.readings for value in _single(reading)]
    values += [value for block in message.interval_blocks for value in _rows(block)]
    yield from sorted(values, key=lambda value: value.at_us)


def _single(reading: readings_pb.Reading) -> Iterator[Value]:
    obis = registers.counts_up(reading.obis)
    if obis is None or reading.attribute or reading.WhichOneof("value") != "mantissa":
        return
    if abs(reading.scale) <= _MOST_SCALE and _UNSURE.isdisjoint(reading.quality):
        profile = parse_obis(reading.profile_obis) if reading.profile_obis else b""
        yield Value(obis + profile, reading.unit, reading.measured_at_us, reading.mantissa, reading.scale)


def _rows(block: readings_pb.IntervalBlock) -> Iterator[Value]:
    obis = registers.counts_up(block.obis)
    if obis is None or block.attribute or abs(block.scale) > _MOST_SCALE:
        return
    marked = {one.index for one in block.quality if not (_UNSURE | _NO_VALUE).isdisjoint(one.quality)}
    key = obis + parse_obis(block.profile_obis)
    for number, mantissa in enumerate(block.mantissas):
        if number not in marked:
            at_us = block.first_interval_end_us + number * block.period_s * 1_000_000
            yield Value(key, block.unit, at_us, mantissa, block.scale)


def _column(block: readings_pb.IntervalBlock, usual_period_s: int) -> balance.Column | None:
    register = balance.register_of(block.obis)
    period_s = block.period_s or usual_period_s
    if register is None or block.attribute or not period_s or not block.mantissas or abs(block.scale) > _MOST_SCALE:
        return None
    marked = {one.index for one in block.quality if not (_UNSURE | _NO_VALUE).isdisjoint(one.quality)}
    values = [None if number in marked else mantissa for number, mantissa in enumerate(block.mantissas)]
    return balance.Column(register, block.unit, period_s, block.first_interval_end_us, block.scale, values)
