"""What a message says once understood: readings, intervals and events, before they get their wire form.

OBIS codes are texts `A.B.C.D.E.F`; units are codes of the DLMS unit list (0 not stated, 255 without unit).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import NamedTuple

from ami_dlms.axdr import Data
from ami_normalize.instants import Instant
from ami_normalize.numbers import Value
from ami_normalize.quality import Quality

VALUE_ATTRIBUTE = 2


class ScalerUnit(NamedTuple):
    """Attribute scaler_unit of a register (Blue Book, class 3)."""

    scaler: int
    unit: int


class Entry(NamedTuple):
    """One object of a message: its code and what was sent for it."""

    obis: str
    data: Data
    scaler_unit: ScalerUnit | None = None
    attribute: int = VALUE_ATTRIBUTE
    class_id: int = 0
    """0 where the message does not say."""
    number: bool = False
    """An octet-string that is a number, by its dialect."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One value."""

    obis: str
    value: Value
    unit: int = 0
    attribute: int = VALUE_ATTRIBUTE
    at: Instant | None = None
    """None: no meter time, so the time of reception."""
    occurrence: int = 0
    quality: tuple[Quality, ...] = ()


@dataclass(frozen=True, slots=True)
class Block:
    """Values of one profile column at equal distances; `values[i]` ends at `first_end + i * period_s`."""

    profile: str
    obis: str
    values: tuple[Value, ...]
    quality: tuple[tuple[Quality, ...], ...]
    period_s: int
    first_end: Instant | None
    attribute: int = VALUE_ATTRIBUTE
    unit: int = 0
    statuses: tuple[int, ...] = ()
    occurrence: int = 0


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened at the meter."""

    kind: str
    obis: str = ""
    attribute: int = 0
    at: Instant | None = None
    code: int | None = None
    text: str = ""
    octets: bytes = b""
    event_type: str = ""
    """CIM EndDeviceEventType."""


@dataclass(frozen=True, slots=True)
class Statement:
    """All that one APDU says."""

    readings: tuple[Reading, ...] = ()
    blocks: tuple[Block, ...] = ()
    events: tuple[Event, ...] = ()
    meter_time: Instant | None = None
    logical_device_name: str = ""
    serial: str = ""
    dialect: str = ""
    quality: tuple[Quality, ...] = field(default=())
    """What holds for every value of it."""

    def marked(self, *quality: Quality) -> Statement:
        """Return the statement with more that holds for every value."""
        return replace(self, quality=(*self.quality, *quality)) if quality else self
