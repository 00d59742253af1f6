"""What the rules find, and the event it becomes."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from enum import Enum
from typing import Final, NamedTuple

from ami.events.v1 import meter_events_pb2 as events_pb
from ami.readings.v1 import meter_readings_pb2 as readings_pb

SOURCE_PREFIX: Final = "watch/"
"""How `ami-source` of each finding begins."""

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


class Kind(str, Enum):
    """Kinds of findings; `table` names the check. `docs/watch.md` has a paragraph for each."""

    table: str

    def __new__(cls, name: str, table: str) -> Kind:
        """Make a member whose value is its name."""
        member = str.__new__(cls, name)
        member._value_ = name
        member.table = table
        return member

    SILENT_METER = ("SILENT_METER", "presence")
    METER_RETURNED = ("METER_RETURNED", "presence")
    PUSH_FLOOD = ("PUSH_FLOOD", "presence")
    INTERVAL_GAP = ("INTERVAL_GAP", "intervals")
    GAP_CLOSED = ("GAP_CLOSED", "intervals")
    CLOCK_DRIFT = ("CLOCK_DRIFT", "clock")
    CLOCK_RIGHT = ("CLOCK_RIGHT", "clock")
    CLOCK_TREND = ("CLOCK_TREND", "clock")
    REGISTER_BACKWARDS = ("REGISTER_BACKWARDS", "registers")
    ROLLOVER = ("ROLLOVER", "registers")
    INTERVAL_SUM_MISMATCH = ("INTERVAL_SUM_MISMATCH", "balance")
    SECURITY_FAILURES = ("SECURITY_FAILURES", "security")


class Finding(NamedTuple):
    """Something found at a meter."""

    kind: Kind
    detail: str
    """Tells it from other findings of its kind at the meter; made of what was found only, so that it is found again
    under the same name."""
    at_us: int
    """When it happened, in microseconds since 1970."""
    text: str
    obis: str = ""
    code: int | None = None

    def source(self, meter: str) -> str:
        """Return its `ami-source`: `watch/<table>/<meter>/<kind>/<detail>`."""
        return f"{SOURCE_PREFIX}{self.kind.table}/{meter}/{self.kind.value}/{self.detail}"

    def event(self, meter: str, system_title: bytes) -> events_pb.MeterEvents:
        """Return it as it goes to `ami.events.v1`."""
        event = events_pb.Event(
            kind=self.kind.value,
            obis=self.obis,
            at_us=self.at_us,
            time_origin=readings_pb.TIME_ORIGIN_RECEPTION,
            code=self.code,
            text=self.text,
        )
        return events_pb.MeterEvents(meter=readings_pb.Meter(id=meter, system_title=system_title), events=[event])


def iso(at_us: int) -> str:
    """Write an instant as ISO 8601 in UTC, `…Z`; to the microsecond where it is not on a second."""
    try:
        return (_EPOCH + timedelta(microseconds=at_us)).replace(tzinfo=None).isoformat() + "Z"
    except OverflowError:
        return f"{at_us} us"
