"""What of a message decides its layout, and the layout: everything but who sent it and where it came from."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Final, Union

from ami_normalize import plausibility
from ami_normalize.fast import wire
from ami_normalize.fast.clocks import Clock, Moment
from ami_normalize.fast.layout import Block, Cell, Form, Pool, Readings
from ami_normalize.fast.plan import Plan, Real, Rows
from ami_normalize.fast.unusual import Unusual
from ami_normalize.model import Statement
from ami_normalize.numbers import real
from ami_normalize.pipeline.encode import ORIGINS, block_message, reading_message
from ami_normalize.plausibility import Bounds
from ami_normalize.quality import Quality

_MOST_KINDS: Final = 255
_SECOND: Final = 1_000_000
_EARLIEST: Final = plausibility.EARLIEST_US
_TIME: Final = b"\x12"
"""Tag of MeterReadings.time."""
_BOTH: Final = struct.Struct("<3sq2ssq")
"""The meter's time and the time of reception, with the tags in front and the origin in between."""
_METER_TIME, _ORIGIN, _RECEIVED = b"\x09", b"\x10", b"\x19"


Seen = tuple[object, int, Union[Moment, None], Pool, Pool, Sequence[int]]
"""A message by what decides its layout, its key; and what goes into the layout:

the instant its readings hold for, in microseconds, 0 where nobody knows one; the meter's time; its floats; the value
fields of its texts; the end of the first interval of each profile buffer.
"""


def see(plan: Plan, values: Pool, received: int | None, bounds: Bounds) -> Seen:
    """Look at a message; raises Unusual for what has no layout."""
    for slot in plan.quiet:
        if values[slot]:
            raise Unusual
    clock = plan.clock
    header = clock.read(values[plan.header]) if plan.header >= 0 else None
    at = header
    if plan.at is not None:
        octets = plan.at(values)
        at = clock.read(octets)
        if at is None:
            if not plan.at_may_fail:
                raise Unusual
            at = header
        elif header is not None and at[1] != clock.stated and clock.completes(values[plan.header], octets):
            at = header
    fields: Pool = ()
    if plan.written:
        fields = tuple([field(take(values)) for take, field in plan.written])
        if b"" in fields:
            raise Unusual
    reals = _reals(plan.reals, values) if plan.reals else ()
    hits = 0 if not plan.watched or plan.watched_numbers.isdisjoint(values) else _hits(plan, values)
    if plan.connections or (plan.limited and bounds is not plausibility.NO_BOUNDS):
        hits = _checks(plan, values, reals, hits, bounds)
    instant, kind = (received or 0, -1) if at is None else at
    late = at is not None and (
        instant < _EARLIEST or (received is not None and instant - received > clock.tolerances[kind])
    )
    number = ((hits << 2 | late << 1 | (instant == 0)) << 8 | kind + 1) << 8 | (header[1] + 1 if header else 0)
    if kind >= _MOST_KINDS or (header and header[1] >= _MOST_KINDS):
        raise Unusual
    if not plan.rows:
        alone = (number, *map(len, fields)) if fields else number
        return alone, instant, header or at, reals, fields, ()
    ends = []
    keys: list[object] = [number, *map(len, fields)]
    for rows in plan.rows:
        end, key = _profile(rows, values, received, clock, bounds)
        ends.append(end)
        keys.append(key)
    return tuple(keys), instant, header or at, reals, fields, ends


def _reals(reals: Sequence[Real], values: Pool) -> Pool:
    found = []
    for slot, scaler, single in reals:
        value = real(values[slot], scaler, single=single)
        if value is None:
            raise Unusual
        found.append(value.value)
    return tuple(found)


def _hits(plan: Plan, values: Pool) -> int:
    """Return which watched numbers are there, as bits."""
    bits = 0
    for position, watch in enumerate(plan.watched):
        if values[watch.slot] in watch.numbers:
            bits |= (1 if values[watch.slot] in watch.absent else 2) << 2 * position
    return bits


def _checks(plan: Plan, values: Pool, reals: Pool, hits: int, bounds: Bounds) -> int:
    """Add to the bits what plausibility finds."""
    always, integers, floats = plan.checked
    numbers = list(always)
    for index, slot, down, power in integers:
        mantissa = values[slot]
        numbers[index] = mantissa / power if down else float(mantissa * power)
    for index, which in floats:
        numbers[index] = float(reals[which])
    if hits:
        for position, watch in enumerate(plan.watched):
            if hits >> 2 * position & 1:
                numbers[watch.reading] = None
    bit = 1 << 2 * len(plan.watched)
    for voltages, currents, powers in plan.connections:
        most = plausibility.carried(voltages, currents, numbers)
        for index in powers:
            stated = numbers[index]
            if stated is not None and most is not None and abs(stated) > most:
                hits |= bit
            bit <<= 1
    if bounds is not plausibility.NO_BOUNDS:
        for limited in plan.limited:
            if plausibility.beyond(limited.kind, limited.phase, numbers[limited.at], bounds):
                hits |= bit
            bit <<= 1
    return hits


def _impossible(at: Moment, received: int | None, clock: Clock) -> bool:
    """Tell what `plausibility.impossible` does of an instant."""
    micros, kind = at
    if micros < _EARLIEST:
        return True
    if received is None:
        return False
    return micros - received > clock.tolerances[kind]


def _profile(rows: Rows, values: Pool, received: int | None, clock: Clock, bounds: Bounds) -> tuple[int, object]:
    """Return the end of the first interval, and what decides the layout of the blocks."""
    stamps = rows.stamps(values)
    period = (values[rows.period_slot] if rows.period_slot >= 0 else 0) or rows.period_s
    if rows.only_first and period <= 0:
        raise Unusual
    if rows.only_first or rows.size == 1:
        first = clock.read(stamps[0])
        step = period * _SECOND
    else:
        first, step = clock.series(stamps)
        if period and step != period * _SECOND:
            raise Unusual
    if first is None or step % _SECOND or Quality.TIME_AMBIGUOUS in clock.kinds[first[1]].quality:
        raise Unusual
    end = first[0] + step if rows.stamps_start else first[0]
    last = (end + step * (rows.size - 1), first[1])
    if not end or _impossible((end, first[1]), received, clock) or _impossible(last, received, clock):
        raise Unusual
    for column in rows.columns:
        cells = column.pick(values)
        if column.numbers and not column.numbers.isdisjoint(cells):
            raise Unusual
        if column.limit is not None and bounds is not plausibility.NO_BOUNDS:
            kind, phase, scaled = column.limit
            most = max(cells, key=abs)
            number = most / scaled.power if scaled.down else float(most * scaled.power)
            if plausibility.beyond(kind, phase, number, bounds, step // _SECOND):
                raise Unusual
    return end, (first[1], step, rows.status(values) if rows.status else None)


class Layout:
    """Writes messages of one kind: time, readings, blocks."""

    def __init__(self, plan: Plan, seen: Seen, statement: Statement, received: int | None, values: int) -> None:
        """Compile from a message and what the generic pipeline says of it; raises Unusual.

        `values` is the number of values that the template reads.
        """
        if len(statement.readings) != plan.size:
            raise Unusual
        parts, cells = [], []
        for cell, reading in zip(plan.cells, statement.readings, strict=True):
            parts.append(wire.reading_parts(reading_message(reading, received or 0, statement.quality)))
            cells.append(Cell(Form.CONSTANT) if reading.value is None else cell)
        _, at, moment, _, fields, _ = seen
        self._readings = Readings(cells, parts, values, [*map(len, fields)], dated=bool(at)) if cells else None
        self._blocks: list[tuple[int, Block]] = []
        found = iter(statement.blocks)
        for index, rows in enumerate(plan.rows):
            for column in rows.columns:
                block = next(found, None)
                if block is None:
                    raise Unusual
                message = block_message(block, received or 0, statement.quality)
                if len(message.mantissas) != rows.size:
                    raise Unusual
                self._blocks.append((index, Block(wire.block_parts(message), column.pick, rows.size)))
        if next(found, None) is not None:
            raise Unusual
        self._origin = b""
        if moment is not None:
            self._origin = _ORIGIN + bytes((ORIGINS[plan.clock.kinds[moment[1]].origin],))

    def write(self, out: list[bytes], seen: Seen, received: int | None, values: Pool) -> None:
        """Append the fields of a MeterReadings from its time to its blocks; raises struct.error."""
        _, at, moment, reals, fields, ends = seen
        if moment is not None and moment[0] and received:
            out.append(_BOTH.pack(b"\x12\x14\x09", moment[0], self._origin, _RECEIVED, received))
        else:
            meter = b""
            if moment is not None:
                meter = (_METER_TIME + wire.INT64.pack(moment[0]) if moment[0] else b"") + self._origin
            out.append(wire.field(_TIME, meter + (_RECEIVED + wire.INT64.pack(received) if received else b"")))
        if self._readings is not None:
            self._readings.write(out, at, values, reals, fields)
        for index, block in self._blocks:
            block.write(out, ends[index], values)
