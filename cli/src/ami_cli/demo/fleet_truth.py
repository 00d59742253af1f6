"""What a fleet said held against what came out as readings, value by value."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

from ami_cli.demo.scene import ids
from ami_cli.view.readings import Row, instant
from ami_simulator.fleet.truth import PushSent, read_log

SERIAL: Final = "0.0.96.1.0.255"
_RECEPTION: Final = "TIME_RECEPTION"
"""Quality of a value the meter stated no time for: a register that was read."""


class Said(NamedTuple):
    """One value, as the fleet said it and as a reading is to show it."""

    serial: int
    obis: str
    at: str
    """The meter's own time, RFC 3339 in UTC; empty where a register was read, which states none."""
    value: str | None
    unit: str | None


def told(logs: Iterable[Path]) -> Iterator[Said]:
    """Yield what fleets said by their logs. Raises UsageError for a log that is none."""
    for log in logs:
        for one in read_log(log):
            if isinstance(one, PushSent):
                yield Said(one.serial, SERIAL, one.time, f"{one.serial:08d}", None)
                for obis, value in one.values.items():
                    yield Said(one.serial, obis, one.time, *value)
            else:
                yield Said(one.serial, one.obis, "", *one.value)


class Comparison:
    """Takes both sides; each value must be there as often as it was said."""

    def __init__(self, serials: Iterable[int]) -> None:
        """Take the serial numbers of the meters there are."""
        self._serial_of = {known: serial for serial in serials for known in ids(serial)}
        self._said: Counter[Said] = Counter()
        self._read: Counter[Said] = Counter()
        self.strangers = 0
        """Values of meters that the fleet does not have."""

    def say(self, values: Iterable[Said]) -> None:
        """Take what the fleet said."""
        self._said.update(values)

    def read(self, rows: Iterable[Row]) -> None:
        """Take values of a reading."""
        for row in rows:
            serial = self._serial_of.get(row.meter)
            if serial is None:
                self.strangers += 1
                continue
            at = "" if _RECEPTION in row.quality else instant(row.at)
            self._read[Said(serial, row.obis, at, row.value, row.unit)] += 1

    @property
    def said(self) -> int:
        """Values the fleet said."""
        return sum(self._said.values())

    @property
    def equal(self) -> int:
        """Values that were said and read."""
        return sum((self._said & self._read).values())

    def missing(self) -> Counter[Said]:
        """Return what was said and is in no reading."""
        return self._said - self._read

    def surplus(self) -> Counter[Said]:
        """Return what is in a reading and was not said."""
        return self._read - self._said

    @property
    def exact(self) -> bool:
        """Whether readings and truth are the same, and there is something to compare."""
        return bool(self._said) and self._said == self._read and not self.strangers
