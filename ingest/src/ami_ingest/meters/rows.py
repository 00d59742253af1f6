"""The rows of a profile as stamps: which came, and which are missing between them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from ami.raw.v1.exchange_pb2 import CaptureObject
from ami_dlms.axdr import Data, Tag
from ami_dlms.cosem_time import CosemDateTime
from ami_dlms.errors import DlmsError
from ami_ingest.meters.meter_time import MeterTime

CLOCK = 8
"""Class of the column that holds the stamps."""

Hole = tuple[datetime, datetime]
"""First and last stamp of rows that are missing, both inclusive."""


def stamps(
    buffer: object,
    columns: tuple[CaptureObject, ...],
    period_s: int,
    clock: MeterTime,
) -> tuple[datetime, ...]:
    """Return the stamps (UTC) of a buffer's rows in the meter's order, without rows that have none.

    A null stamp is the one of the row before, a period later (null-data compression).
    """
    place = next((index for index, column in enumerate(columns) if column.class_id == CLOCK), None)
    if place is None or not isinstance(buffer, Data) or buffer.tag != Tag.ARRAY:
        return ()
    found: list[datetime] = []
    for row in buffer.value:
        if not isinstance(row.value, tuple) or len(row.value) <= place:
            continue
        stamp = stamp_of(row.value[place])
        instant = None if stamp is None else clock.instant(stamp)
        if instant is not None:
            found.append(instant)
        elif found and row.value[place].tag == Tag.NULL:
            found.append(found[-1] + timedelta(seconds=period_s))
    return tuple(found)


def holes(previous: datetime | None, found: Iterable[datetime], period_s: int) -> list[Hole]:
    """Return where rows are missing between the row before (None: there is none) and the rows found.

    Behind the last row nothing is missing: it may not have been stored yet. A period of 0 is event driven and has none.
    """
    missing: list[Hole] = []
    if period_s <= 0:
        return missing
    period = timedelta(seconds=period_s)
    for stamp in sorted(found):
        if previous is not None and stamp - previous >= 2 * period:
            missing.append((previous + period, stamp - period))
        previous = stamp if previous is None else max(previous, stamp)
    return missing


def stamp_of(value: object) -> CosemDateTime | None:
    """Return the date-time in a value of 12 octets, None where it is none."""
    if not isinstance(value, Data) or not isinstance(value.value, bytes) or len(value.value) != 12:
        return None
    try:
        return CosemDateTime.from_bytes(value.value)
    except DlmsError:
        return None


def count(buffer: object) -> int | None:
    """Return how many rows a buffer has, None where it is none: the meter refused it."""
    if not isinstance(buffer, Data) or buffer.tag not in {Tag.ARRAY, Tag.COMPACT_ARRAY}:
        return None
    return len(buffer.value.items if buffer.tag == Tag.COMPACT_ARRAY else buffer.value)
