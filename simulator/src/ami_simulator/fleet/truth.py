"""The truth: what a fleet really said, so that readings can be held against it.

The log is JSON lines. The first holds the description; each further one is short, since a fleet writes tens of
thousands a second, and everything else follows from the seed:

    ["p", identity, counter, second, zone, mark]     a push: second of the meter's clock; zone 0, or fault number + 1;
                                                     mark: the faults that spoiled it, empty where it went out sound
    ["r", identity, second, place]                   a register that was read, by its place in MEASURED

`Truth` says what a line means.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime, timezone
from functools import lru_cache
from pathlib import Path
from typing import IO, Any, Final, NamedTuple, Union

from ami_dlms.cosem.units import ScalerUnit
from ami_dlms.cosem_time import CosemDateTime
from ami_dlms.errors import UsageError
from ami_dlms.obis import format_obis
from ami_dlms.security import Protection
from ami_simulator.fleet.description import FleetDescription, read
from ami_simulator.fleet.members import Members
from ami_simulator.load_profile import PERIOD_S
from ami_simulator.meter import (
    AMPERE,
    EXPORT,
    HERTZ,
    IMPORT,
    MEASURED,
    VAR,
    VAR_HOUR,
    VOLT,
    WATT,
    WATT_HOUR,
    stamp,
)
from ami_simulator.signals import Household

FORMAT: Final = "ami-fleet-truth-1"
UNITS: Final = {WATT: "W", VAR: "var", WATT_HOUR: "Wh", VAR_HOUR: "varh", AMPERE: "A", VOLT: "V", HERTZ: "Hz"}


class Value(NamedTuple):
    """A value as a reading is to show it: a decimal string with the zeros of its scale."""

    value: str
    unit: str


class PushSent(NamedTuple):
    """One push."""

    meter: int
    """Its index."""
    id: str
    """Of the meter as the inventory knows it, whoever stands there."""
    serial: int
    system_title: str
    counter: int
    """Invocation counter where it was protected; in any case also the number of the notification (24 bits)."""
    time: str
    """Of the meter's clock, in UTC."""
    deviation: int
    """From its local time to UTC, in minutes, as it was stamped."""
    protection: Protection
    values: dict[str, Value]
    """By OBIS code."""
    spoiled: str
    """What went wrong with it, by kinds of faults; empty where it is to become a reading."""


class RegisterRead(NamedTuple):
    """One register that a client read."""

    meter: int
    """Its index."""
    id: str
    serial: int
    time: str
    obis: str
    value: Value


Sent = Union[PushSent, RegisterRead]


class TruthLog:
    """Writes the log."""

    def __init__(self, file: IO[str], tree: Mapping[str, Any], start: int) -> None:
        """`start`: second of the meters' clocks when the fleet began."""
        self._file = file
        head = {"format": FORMAT, "start": start, "fleet": tree}
        file.write(json.dumps(head, default=str, separators=(",", ":")) + "\n")

    def write(self, lines: list[str]) -> None:
        """Write lines made by `push_line` and `read_line`."""
        self._file.write("".join(lines))

    def close(self) -> None:
        """Write what is left."""
        self._file.close()


def push_line(identity: int, counter: int, second: int, zone: int, mark: str) -> str:
    """Return the line of a push."""
    return f'["p",{identity},{counter},{second},{zone},"{mark}"]\n'


def read_line(identity: int, second: int, place: int) -> str:
    """Return the line of a register that was read."""
    return f'["r",{identity},{second},{place}]\n'


class Truth:
    """What a fleet says, by its description, and said, by its log."""

    def __init__(self, description: FleetDescription) -> None:
        self.description = description
        self.members = Members(description)

    def values(self, identity: int, second: int) -> dict[str, Value]:
        """Return all values of a meter at a second of its clock, by OBIS code."""
        raw = self._household(identity).values(second)
        return {obis: _value(place, raw[place]) for place, obis in enumerate(OBIS)}

    def profile_row(self, identity: int, second: int) -> dict[str, Value]:
        """Return the row of the load profile stamped with that second, the end of its period."""
        if second % PERIOD_S:
            raise UsageError(f"No period of {PERIOD_S} s ends at second {second}.")
        imported, exported = self._household(identity).energies(second)
        return {format_obis(name): Value(str(raw), "Wh") for name, raw in ((IMPORT, imported), (EXPORT, exported))}

    def push(self, identity: int, counter: int, second: int, zone: int = 0, mark: str = "") -> PushSent:
        """Return what a push said; `zone` and `mark` as in the log."""
        index = identity % len(self.members)
        return PushSent(
            index,
            self._id(index),
            self.members.serial(identity),
            self.members.system_title(identity).hex(),
            counter,
            _time(second),
            self._deviation(second, zone),
            self.members.protection(index),
            self.values(identity, second),
            mark,
        )

    def register(self, identity: int, second: int, place: int) -> RegisterRead:
        """Return what a register said that was read."""
        index = identity % len(self.members)
        raw = self._household(identity).values(second)[place]
        serial = self.members.serial(identity)
        return RegisterRead(index, self._id(index), serial, _time(second), OBIS[place], _value(place, raw))

    def _deviation(self, second: int, zone: int) -> int:
        there = self.description.faults[zone - 1].zone if zone else None
        return CosemDateTime.from_bytes(stamp(second, there or self.description.zone)).deviation or 0

    def _id(self, index: int) -> str:
        return f"amv-{self.members.serial(index):08d}"

    @lru_cache(maxsize=65_536)  # noqa: B019  lives as long as what it is of
    def _household(self, identity: int) -> Household:
        return Household.of(self.members.seed(identity))


OBIS: Final = tuple(format_obis(measured.obis) for measured in MEASURED)
_DECIMALS: Final = tuple(ScalerUnit(measured.scaler, measured.unit) for measured in MEASURED)
_UNITS: Final = tuple(UNITS[measured.unit] for measured in MEASURED)


def _value(place: int, raw: int) -> Value:
    return Value(format(_DECIMALS[place].quantity(raw), "f"), _UNITS[place])


def _time(second: int) -> str:
    return datetime.fromtimestamp(second, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def read_log(path: Path) -> Iterator[Sent]:
    """Read a log, line by line; a last line that was cut off ends it. Raises UsageError."""
    try:
        with path.open(encoding="utf-8") as file:
            truth = _opened(path, file.readline())
            for number, line in enumerate(file, start=2):
                if not line.endswith("\n"):
                    return
                try:
                    yield _said(truth, json.loads(line))
                except (ValueError, TypeError, IndexError, KeyError):
                    raise UsageError(f"{path}: line {number} is no line of a fleet's log.") from None
    except OSError as error:
        raise UsageError(f"The log {path} cannot be read: {error.strerror}.") from None


def _opened(path: Path, head: str) -> Truth:
    try:
        opened = json.loads(head)
        if opened["format"] == FORMAT:
            return Truth(read(opened["fleet"]))
    except (ValueError, KeyError, TypeError):
        pass
    raise UsageError(f"{path} is no log of a fleet: its first line does not say {FORMAT}.")


def _said(truth: Truth, line: list[Any]) -> Sent:
    match line:
        case ["p", int(identity), int(counter), int(second), int(zone), str(mark)]:
            return truth.push(identity, counter, second, zone, mark)
        case ["r", int(identity), int(second), int(place)]:
            return truth.register(identity, second, place)
    raise ValueError(line)
