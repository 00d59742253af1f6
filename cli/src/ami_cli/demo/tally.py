"""What came by on the topics since the demo began: counts, and the latest value of each object."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from ami.readings.v1 import meter_readings_pb2 as pb
from ami_cli.demo.scene import DemoMeter
from ami_cli.view.readings import Row, rows
from ami_cli.view.records import Record
from ami_schemas import headers as names
from ami_schemas import topics

_FIRST: Final = ("1.0.1.7.0.255", "1.0.1.8.0.255", "1.0.32.7.0.255", "1.0.31.7.0.255", "1.0.2.8.0.255")
"""Objects a person wants to see first."""


@dataclass(slots=True)
class MeterTally:
    """What one meter gave. `latest` is keyed by (profile, OBIS)."""

    messages: int = 0
    values: int = 0
    intervals: int = 0
    protection: str = ""
    latest: dict[tuple[str, str], Row] = field(default_factory=dict)

    def shown(self, count: int) -> list[Row]:
        """Return the rows to show, in a stable order: well-known objects first, and a profile's column last, if any."""
        ordered = sorted(self.latest.values(), key=_rank)
        singles = [row for row in ordered if not row.profile]
        columns = [row for row in ordered if row.profile][: int(count > 2)]
        return singles[: count - len(columns)] + columns


@dataclass(slots=True)
class Tally:
    """Everything seen so far."""

    raw: int = 0
    raw_bytes: int = 0
    messages: int = 0
    values: int = 0
    dead: Counter[str] = field(default_factory=Counter)
    parked: Counter[str] = field(default_factory=Counter)
    events: int = 0
    meters: dict[str, MeterTally] = field(default_factory=dict)
    raw_sources: set[str] = field(default_factory=set)
    """Coordinates of every raw record seen, as `ami-source` names them."""
    accounted: set[str] = field(default_factory=set)
    """Coordinates that some derived record names."""
    delays_ms: list[float] = field(default_factory=list)
    """From reception by the agent to the reading on its topic, one a message (the broker's clock is ours)."""

    def add(self, record: Record) -> list[Row]:
        """Count a record; return the values it holds."""
        self.accounted.add(record.text(names.SOURCE).partition("#")[0])
        if record.topic == topics.RAW:
            self.raw_sources.add(f"{record.topic}/{record.partition}/{record.offset}")
            self.raw += 1
            self.raw_bytes += len(record.value or b"")
        elif record.topic == topics.EVENTS:
            self.events += 1
        elif record.topic == topics.DEAD_LETTERS:
            self.dead[record.text(names.DLQ_REASON)] += 1
        elif record.topic == topics.PARKED and names.RESOLVES not in record.headers:
            self.parked[record.text(names.DLQ_REASON)] += 1
        elif record.topic == topics.READINGS:
            return self._add_readings(record)
        return []

    def _add_readings(self, record: Record) -> list[Row]:
        message = pb.MeterReadings.FromString(record.value or b"")
        found = list(rows(message))
        self.messages += 1
        self.values += len(found)
        self.delays_ms.append(max(0.0, record.timestamp_ms - message.time.received_us / 1000))
        meter = self.meters.setdefault(message.meter.id, MeterTally())
        meter.messages += 1
        meter.values += len(found)
        for row in found:
            meter.intervals += bool(row.profile)
            meter.protection = row.protection
            meter.latest[row.profile, row.obis] = row
        return found

    def of(self, meter: DemoMeter) -> MeterTally | None:
        """Return what a meter gave, None before its first reading."""
        return next((self.meters[known] for known in meter.ids if known in self.meters), None)

    def arrived(self, meter: DemoMeter) -> bool:
        """Tell whether readings of a meter came, protected as they should be."""
        found = self.of(meter)
        return found is not None and found.protection == meter.protection

    def unaccounted(self) -> set[str]:
        """Return the raw records that are not yet readings, events, dead letters or parked."""
        return self.raw_sources - self.accounted

    def delay_ms(self) -> float | None:
        """Return the median delay, or None before the first reading."""
        ordered = sorted(self.delays_ms)
        return ordered[len(ordered) // 2] if ordered else None


def _rank(row: Row) -> tuple[bool, int, str]:
    known = _FIRST.index(row.obis) if row.obis in _FIRST else len(_FIRST)
    return (bool(row.profile), known, row.obis)
