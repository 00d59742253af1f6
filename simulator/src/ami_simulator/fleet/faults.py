"""What can go wrong with a meter and its link, when, and with which meters: the fault library.

| kind | what happens | options |
| --- | --- | --- |
| `hang` | takes everything and says nothing | `phase` |
| `drop` | closes the connection in the middle of a frame | `phase`, `after` octets |
| `truncate` | sends the beginning of a frame and no more | `phase`, `after` octets |
| `noise` | sends random octets, in place of the answer or in front of it | `phase`, `octets`, `in_front` |
| `crc` | HDLC frames have a wrong check sequence | `phase`, `odds` of a frame |
| `slow` | the link carries few octets a second, late | `bytes_per_s`, `latency_s` |
| `reject` | refuses associations | `diagnostic` (ACSE) |
| `wrong-key` | has other keys and another password than the inventory says | |
| `counter-reset` | its invocation counters begin again | `to` |
| `clock-drift` | its clock is wrong, and gets worse | `offset_s`, `per_hour_s` |
| `dst` | its clock has a day of the change to or from daylight saving | `at`, `zone` |
| `weak-signal` | its modem receives little, says its GSM diagnostic object | `dbm` |
| `swap` | another meter (serial number, system title, keys) stands at the same address | |

`phase` says when: until the client is associated (`association`), after that (`read`), or both (`any`); a push counts
as reading.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone, tzinfo
from enum import Enum
from typing import Final
from zoneinfo import ZoneInfo

from ami_dlms.apdu import Diagnostic
from ami_simulator.fleet.section import Section
from ami_simulator.modem import STRONGEST, WEAKEST

FOREVER: Final = float("inf")
AUTUMN: Final = datetime(2026, 10, 25, 0, 30, tzinfo=timezone.utc)
"""Half an hour before clocks go back in Europe."""


class Kind(str, Enum):
    """The kinds of faults."""

    HANG = "hang"
    DROP = "drop"
    TRUNCATE = "truncate"
    NOISE = "noise"
    CRC = "crc"
    SLOW = "slow"
    REJECT = "reject"
    WRONG_KEY = "wrong-key"
    COUNTER_RESET = "counter-reset"
    CLOCK_DRIFT = "clock-drift"
    DST = "dst"
    WEAK_SIGNAL = "weak-signal"
    SWAP = "swap"


class Phase(str, Enum):
    """When a fault of the link shows."""

    ASSOCIATION = "association"
    READ = "read"
    ANY = "any"


ON_THE_WIRE: Final = frozenset((Kind.HANG, Kind.DROP, Kind.TRUNCATE, Kind.NOISE, Kind.CRC))
"""What happens to octets on their way; the others change what the meter is and knows."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault of some meters for some time, in seconds since the fleet began. Options are those of its kind."""

    kind: Kind
    number: int
    begin_s: float = 0.0
    end_s: float = FOREVER
    share: float = 0.0
    named: tuple[int, ...] = ()
    """Meters by index; none: `share` says how many."""
    phase: Phase = Phase.ANY
    after: int | None = None
    octets: int = 64
    in_front: bool = False
    odds: float = 1.0
    bytes_per_s: float = 300.0
    latency_s: float = 0.5
    diagnostic: Diagnostic = Diagnostic.AUTHENTICATION_FAILURE
    to: int = 1
    offset_s: float = 0.0
    per_hour_s: float = 0.0
    dbm: int = -109
    at: datetime = AUTUMN
    zone: tzinfo | None = None

    def active(self, at_s: float) -> bool:
        """Tell whether it is in force, `at_s` seconds after the fleet began."""
        return self.begin_s <= at_s < self.end_s

    def shows(self, *, associated: bool) -> bool:
        """Tell whether a fault of the wire shows in this phase."""
        return self.phase is Phase.ANY or (self.phase is Phase.READ) is associated


def read_faults(sections: Sequence[Section], meters: int) -> tuple[Fault, ...]:
    """Read the list of faults; raises UsageError."""
    return tuple(_read(section, number, meters) for number, section in enumerate(sections))


def _read(section: Section, number: int, meters: int) -> Fault:
    kind = Kind(section.choice("kind", "", [kind.value for kind in Kind]))
    begin = section.number("from_s", 0.0, 0.0, 1e9)
    end = section.number("until_s", FOREVER, 0.0, FOREVER)
    if end <= begin:
        raise section.wrong("until_s", f"{end:g} is not after from_s, {begin:g}")
    named = section.numbers("meters", meters)
    share = section.number("share", 0.0, 0.0, 1.0)
    if bool(named) == bool(share):
        raise section.wrong("meters", "give either meters or a share above 0")
    options: dict[str, object] = {}
    if kind in ON_THE_WIRE:
        options["phase"] = Phase(section.choice("phase", "any", [phase.value for phase in Phase]))
    if kind in (Kind.DROP, Kind.TRUNCATE):
        options["after"] = section.integer("after", 0, 1, 1 << 20) if "after" in section else None
    elif kind is Kind.NOISE:
        options["octets"] = section.integer("octets", 64, 1, 65_536)
        options["in_front"] = section.flag("in_front", default=False)
    elif kind is Kind.CRC:
        options["odds"] = section.number("odds", 1.0, 0.0, 1.0)
    elif kind is Kind.SLOW:
        options["bytes_per_s"] = section.number("bytes_per_s", 300.0, 1.0, 1e9)
        options["latency_s"] = section.number("latency_s", 0.5, 0.0, 3600.0)
    elif kind is Kind.REJECT:
        number_of = section.integer("diagnostic", Diagnostic.AUTHENTICATION_FAILURE, 1, 14)
        options["diagnostic"] = Diagnostic(number_of)
    elif kind is Kind.COUNTER_RESET:
        options["to"] = section.integer("to", 1, 0, 0xFFFF_FFFE)
    elif kind is Kind.CLOCK_DRIFT:
        options["offset_s"] = section.number("offset_s", 0.0, -1e9, 1e9)
        options["per_hour_s"] = section.number("per_hour_s", 0.0, -1e6, 1e6)
    elif kind is Kind.WEAK_SIGNAL:
        options["dbm"] = section.integer("dbm", -109, WEAKEST, STRONGEST)
    elif kind is Kind.DST:
        options["at"] = section.instant("at", AUTUMN)
        options["zone"] = read_zone(section, "zone", "Europe/Vienna")
    section.end()
    return Fault(kind, number, begin, end, share, named, **options)  # type: ignore[arg-type]


def read_zone(section: Section, key: str, default: str) -> tzinfo | None:
    """Return the time zone of a name; None where there is neither."""
    name = section.text(key, default)
    if not name:
        return None
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        raise section.wrong(key, f"'{name}' is no time zone; write a name like Europe/Vienna") from None


class FaultPlan:
    """Which meter has which faults.

    Faults by share take exactly their share of the meters that can have them, drawn by the seed; no meter has two of
    them. Faults of named meters come on top.
    """

    def __init__(self, faults: Sequence[Fault], seed: int, meters: int, hdlc: Sequence[int] = ()) -> None:
        """`hdlc`: meters that a wrong check sequence can befall. Raises UsageError where shares take too many."""
        self.faults = tuple(faults)
        self.by_meter: dict[int, tuple[Fault, ...]] = {}
        free = list(range(meters))
        if any(fault.share for fault in faults):
            random.Random(f"{seed}/faults").shuffle(free)  # noqa: S311  # a draw, no secret
        able = frozenset(hdlc)
        # What fewer meters can have chooses first.
        for fault in sorted(faults, key=lambda each: each.kind is not Kind.CRC):
            chosen = list(fault.named)
            if fault.share:
                limited = fault.kind is Kind.CRC
                wanted = round(fault.share * (len(able) if limited else meters))
                chosen = [index for index in free if not limited or index in able][:wanted]
                if len(chosen) < wanted or not wanted:
                    raise Section({}, f"faults[{fault.number}]").wrong(
                        "share", f"{wanted} meters are wanted and {len(chosen)} are free for it"
                    )
                taken = frozenset(chosen)
                free = [index for index in free if index not in taken]
            for index in chosen:
                self.by_meter[index] = (*self.by_meter.get(index, ()), fault)

    def active(self, index: int, at_s: float) -> tuple[Fault, ...]:
        """Return the faults of a meter that are in force."""
        return tuple(fault for fault in self.by_meter.get(index, ()) if fault.active(at_s))

    def meters(self, fault: Fault) -> list[int]:
        """Return the meters that have a fault."""
        return sorted(index for index, faults in self.by_meter.items() if fault in faults)

    def __iter__(self) -> Iterator[Fault]:
        return iter(self.faults)
