"""A fleet at work: its clock, its counters, its meters, and which faults are in force."""

from __future__ import annotations

import time
from array import array
from collections.abc import Callable, Sequence
from datetime import datetime, timezone, tzinfo
from random import Random
from typing import Final, NamedTuple

from ami_dlms.cosem import InvocationCounters
from ami_dlms.errors import UsageError
from ami_dlms.security import Protection
from ami_dlms.security.counters import MAX_COUNTER
from ami_dlms.server import Authentication, ServerSettings
from ami_simulator.fleet.description import FleetDescription
from ami_simulator.fleet.faults import Fault, FaultPlan, Kind
from ami_simulator.fleet.members import Members
from ami_simulator.fleet.truth import read_line
from ami_simulator.meter import PLACE, VirtualMeter
from ami_simulator.modem import usual_dbm

COUNTERS_SINCE: Final = 1_735_689_600
"""2025-01-01. Counters begin with the seconds since then: they go on rising when a fleet is started again."""
UPPER_HALF: Final = 1 << 31
POLICY: Final = {Protection.NONE: 0, Protection.AUTHENTICATED_ENCRYPTED: 3}
_NONE: Final[tuple[Fault, ...]] = ()


class Condition(NamedTuple):
    """A meter at a moment."""

    identity: int
    """Who stands there: the meter, or the spare one."""
    second: int
    """Of its clock."""
    zone: tzinfo
    zone_number: int
    """As the truth writes it: 0, or the number of the fault that set it, plus 1."""
    wrong: bool
    """Its keys are not those of the inventory."""


class Fleet:
    """All meters of a description, and their state. Nothing is kept of a meter nobody has asked."""

    def __init__(
        self,
        description: FleetDescription,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        beside_pushes: bool = False,
    ) -> None:
        """`beside_pushes`: another process pushes for the same meters, so that counters must be others here."""
        self.description = description
        self.members = Members(description)
        self.plan = FaultPlan(description.faults, description.seed, len(self.members), self.members.hdlc)
        self.lines: list[str] = []
        """Of the truth, not written yet."""
        self.keep_truth = False
        self._monotonic = monotonic
        self._began = monotonic()
        clock = description.clock
        self.start = time.time() if clock is None else clock.timestamp()
        first = max(1, int(self.start) - COUNTERS_SINCE) + (UPPER_HALF if beside_pushes else 0)
        self.sent = array("I", (first,)) * (2 * len(self.members))
        """Next invocation counter by identity."""
        self._first = first
        self._meters: dict[tuple[int, int], VirtualMeter] = {}
        self._counters: dict[int, InvocationCounters] = {}
        self._reset: set[tuple[int, int]] = set()
        self.randoms: dict[int, Random] = {}

    def elapsed(self) -> float:
        """Return the seconds since the fleet began."""
        return self._monotonic() - self._began

    def faults(self, index: int, at_s: float) -> tuple[Fault, ...]:
        """Return the faults of a meter in force; a counter that is to be reset is."""
        if index not in self.plan.by_meter:
            return _NONE
        active = self.plan.active(index, at_s)
        for fault in active:
            if fault.kind is Kind.COUNTER_RESET and (index, fault.number) not in self._reset:
                self._reset.add((index, fault.number))
                self.sent[index] = fault.to
                if index in self._counters:
                    self._counters[index].received = 0
        return active

    def random(self, index: int) -> Random:
        """Return the chance of a meter's faults; it depends on the seed."""
        found = self.randoms.get(index)
        if found is None:
            found = self.randoms[index] = Random(f"{self.description.seed}/{index}")  # noqa: S311  # no secret
        return found

    def condition(self, index: int, at_s: float, faults: Sequence[Fault]) -> Condition:
        """Return how a meter is, `at_s` seconds after the fleet began, with the faults in force."""
        if not faults:
            return Condition(index, int(self.start + at_s), self.description.zone, 0, wrong=False)
        identity, clock, zone, number, wrong = index, self.start + at_s, self.description.zone, 0, False
        for fault in faults:
            if fault.kind is Kind.SWAP:
                identity = index + len(self.members)
            elif fault.kind is Kind.CLOCK_DRIFT:
                clock += fault.offset_s + fault.per_hour_s * (at_s - fault.begin_s) / 3600
            elif fault.kind is Kind.DST:
                clock, number = fault.at.timestamp() + at_s - fault.begin_s, fault.number + 1
                zone = fault.zone or zone
            elif fault.kind is Kind.WRONG_KEY:
                wrong = True
        return Condition(identity, int(clock // 1), zone, number, wrong)

    def next_counter(self, identity: int) -> int:
        """Take an invocation counter; raises UsageError at its end."""
        counter = self.sent[identity]
        if counter >= MAX_COUNTER:
            raise UsageError(f"The invocation counter of meter {identity} is at its end.")
        self.sent[identity] = counter + 1
        return counter

    def meter(self, index: int, condition: Condition) -> VirtualMeter:
        """Return the meter that stands there, the same one each time."""
        identity = condition.identity
        found = self._meters.get((identity, condition.zone_number))
        if found is None:
            counters = self._counters.get(identity)
            if counters is None:
                counters = InvocationCounters(_Counter(self, identity), self._first)
                self._counters[identity] = counters
            found = VirtualMeter(
                self.members.serial(identity),
                seed=self.members.seed(identity),
                now=lambda: self._now(index),
                zone=condition.zone,
                counters=counters,
                suite=self.description.suite,
                policy=POLICY[self._policy(index)],
                observer=self._observer(identity) if self.keep_truth else None,
                signal=lambda: self._signal(index),
            )
            self._meters[identity, condition.zone_number] = found
        return found

    def settings(self, index: int, condition: Condition, faults: Sequence[Fault]) -> ServerSettings:
        """Return what a meter demands of its clients."""
        members = self.members
        refuse = next((fault.diagnostic for fault in faults if fault.kind is Kind.REJECT), None)
        return ServerSettings(
            server_sap=members.logical_device(index),
            server_physical=members.physical_device(index),
            framing=members.framing(index),
            authentication=members.authentication(index),
            password=members.password(index, wrong=condition.wrong),
            suite=self.description.suite,
            keys=members.keys(condition.identity, wrong=condition.wrong),
            system_title=members.system_title(condition.identity),
            protection=self._policy(index),
            refuse=refuse,
        )

    def _policy(self, index: int) -> Protection:
        gmac = self.members.authentication(index) is Authentication.HLS_GMAC
        return Protection.AUTHENTICATED_ENCRYPTED if gmac else Protection.NONE

    def _now(self, index: int) -> datetime:
        at = self.elapsed()
        return datetime.fromtimestamp(self.condition(index, at, self.faults(index, at)).second, timezone.utc)

    def _signal(self, index: int) -> int:
        """Return what the modem of a meter receives now, dBm."""
        faults = self.faults(index, self.elapsed())
        weak = next((fault.dbm for fault in faults if fault.kind is Kind.WEAK_SIGNAL), None)
        return usual_dbm(self.members.serial(index)) if weak is None else weak

    def _observer(self, identity: int) -> Callable[[bytes, int, int], None]:
        return lambda obis, second, _: self.lines.append(read_line(identity, second, PLACE[obis]))


class _Counter:
    """The counter of one identity, shared by its associations and its pushes."""

    __slots__ = ("_fleet", "_identity")

    def __init__(self, fleet: Fleet, identity: int) -> None:
        self._fleet, self._identity = fleet, identity

    def next(self) -> int:
        """Return the next value."""
        return self._fleet.next_counter(self._identity)
