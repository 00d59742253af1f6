"""The pushes of a fleet at a rate: meter after meter in an order drawn by the seed, each on its own way."""

from __future__ import annotations

import random
from array import array
from functools import partial
from ipaddress import IPv4Address, ip_address
from typing import Final

from ami_dlms.framing import Framing
from ami_simulator.fleet.channels import Datagrams, Push, Single, Stream
from ami_simulator.fleet.composer import Composer
from ami_simulator.fleet.counts import Counts
from ami_simulator.fleet.description import Pushing
from ami_simulator.fleet.faults import Kind
from ami_simulator.fleet.fleet import Fleet
from ami_simulator.fleet.reactor import Reactor
from ami_simulator.fleet.spoil import Spoiled, spoil
from ami_simulator.fleet.truth import push_line
from ami_simulator.push import Transport

TICK_S: Final = 0.005
AT_ONCE: Final = 512
"""Pushes between two looks at the sockets."""
MOST_SINGLE: Final = 512
"""Connections of one push at a time."""
SOURCES: Final = IPv4Address("127.8.0.1")
"""Where pushes to this machine come from: one address a connection, so that a listener can tell them apart."""
GRACE_S: Final = 10.0
"""When the time is over, what was composed may still be sent this long."""
_SOUND: Final = Spoiled(b"")


class FleetPusher:
    """Pushes until the time is over, or it is closed."""

    def __init__(self, fleet: Fleet, pushing: Pushing, reactor: Reactor, counts: Counts) -> None:
        self._fleet, self._pushing, self._reactor, self._counts = fleet, pushing, reactor, counts
        self._composer = Composer(fleet.members)
        members = fleet.members
        self._order = array("I", (index for index in range(len(members)) if members.pushes(index)))
        random.Random(f"{fleet.description.seed}/order").shuffle(self._order)  # noqa: S311  # an order, no secret
        self._target = (pushing.host, pushing.port)
        self._local = _is_loopback(pushing.host)
        self._streams: dict[tuple[int, Framing], Stream] = {}
        self._own: dict[int, Stream] = {}
        self._singles: set[Single] = set()
        self._datagrams: list[Datagrams] = []
        self._touched: set[Stream] = set()
        self._next = 0
        self._began = fleet.elapsed()
        self._closed = False
        reactor.later(0, self._tick)

    @property
    def meters(self) -> int:
        """How many meters push."""
        return len(self._order)

    @property
    def finished(self) -> bool:
        """Whether the time is over and everything is sent, or nobody takes it."""
        over_s = self._over_s()
        waiting = self._singles or not all(stream.idle for stream in (*self._streams.values(), *self._own.values()))
        return over_s > GRACE_S or (over_s >= 0 and not waiting)

    def close(self) -> None:
        """Push no more."""
        self._closed = True
        for stream in (*self._streams.values(), *self._own.values()):
            stream.close()
        for single in self._singles:
            single.close()
        for datagrams in self._datagrams:
            datagrams.close()

    def _over_s(self) -> float:
        """Return for how many seconds the time has been over; negative before that."""
        seconds = self._pushing.seconds
        return self._fleet.elapsed() - self._began - seconds if seconds else -1.0

    def _due(self) -> int:
        """Return how many pushes should have been composed by now; none any more when the time is over."""
        if self._over_s() >= 0:
            return self._next
        return int((self._fleet.elapsed() - self._began) * self._pushing.rate)

    def _tick(self) -> None:
        if self._closed:
            return
        left = min(self._due() - self._next, AT_ONCE)
        at = self._fleet.elapsed()
        count = len(self._order)
        while left > 0 and self._one(self._order[self._next % count], at):
            self._next += 1
            left -= 1
        for stream in self._touched:
            stream.flush()
        self._touched.clear()
        behind = self._due() > self._next and left == 0
        self._reactor.later(0 if behind else TICK_S, self._tick)

    def _one(self, index: int, at: float) -> bool:
        """Send a meter's next push; False where there is no room for it now."""
        fleet, members = self._fleet, self._fleet.members
        faults = fleet.faults(index, at)
        condition = fleet.condition(index, at, faults)
        framing = members.framing(index)
        udp = members.transport(index) is Transport.UDP
        stream = None
        if not udp:
            stream = self._stream(index, framing, own=index in fleet.plan.by_meter) if members.keeps(index) else None
            if stream.full if stream is not None else len(self._singles) >= MOST_SINGLE:
                return False
        counter = fleet.next_counter(condition.identity)
        apdu = self._composer.apdu(
            condition.identity, counter, condition.second, condition.zone, members.protection(index),
            wrong=condition.wrong,
        )  # fmt: skip
        octets = self._composer.framed(index, apdu, framing)
        spoiled = _SOUND
        mark = ""
        if faults:
            spoiled = spoil(octets, faults, fleet.random(index), associated=True)
            octets = spoiled.octets
            mark = ",".join(
                fault.kind.value for fault in faults if fault in spoiled.acted or fault.kind is Kind.WRONG_KEY
            )
            self._counts.acted(tuple(fault for fault in faults if fault in spoiled.acted or _is_told(fault.kind)))
            if not octets:
                fleet.sent[condition.identity] = counter  # nothing was said, so nothing was counted
                return True
        line = push_line(condition.identity, counter, condition.second, condition.zone_number, mark)
        if udp:
            if not self._socket(index).send(octets):
                fleet.sent[condition.identity] = counter
                return False
            self._sent(line)
            return True
        push = Push(octets, partial(self._sent, line), spoiled.close)
        if stream is None:
            source = str(SOURCES + index) if self._local else None
            self._singles.add(
                Single(
                    self._target, source, push, reactor=self._reactor, counts=self._counts, done=self._singles.discard
                )
            )
        else:
            stream.add(push)
            self._touched.add(stream)
        return True

    def _sent(self, line: str) -> None:
        self._counts.pushes += 1
        if self._fleet.keep_truth:
            self._fleet.lines.append(line)

    def _stream(self, index: int, framing: Framing, *, own: bool) -> Stream:
        """Return a meter's connection; one with a fault has its own, so that the others do not suffer from it."""
        if own:
            found = self._own.get(index)
            if found is None:
                source = str(SOURCES + self._pushing.connections + index) if self._local else None
                found = self._own[index] = Stream(self._target, source, self._reactor, self._counts)
            return found
        place = index % self._pushing.connections, framing
        found = self._streams.get(place)
        if found is None:
            source = str(SOURCES + place[0]) if self._local else None
            found = self._streams[place] = Stream(self._target, source, self._reactor, self._counts)
        return found

    def _socket(self, index: int) -> Datagrams:
        if not self._datagrams:
            for number in range(self._pushing.sources):
                source = str(SOURCES + number) if self._local else None
                self._datagrams.append(Datagrams(self._target, source, self._counts))
        return self._datagrams[index % len(self._datagrams)]


def _is_told(kind: Kind) -> bool:
    """Tell whether a fault is of the meter itself, and shows in what it pushes."""
    return kind in (Kind.WRONG_KEY, Kind.COUNTER_RESET, Kind.CLOCK_DRIFT, Kind.DST, Kind.SWAP)


def _is_loopback(host: str) -> bool:
    try:
        address = ip_address(host)
    except ValueError:
        return host == "localhost"
    return isinstance(address, IPv4Address) and address.is_loopback
