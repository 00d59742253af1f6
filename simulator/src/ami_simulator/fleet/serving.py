"""The meters of a fleet on TCP: thousands of addresses behind one listening socket.

On Linux the whole network 127.0.0.0/8 is this machine. A socket bound to all addresses of the loopback device takes
connections to any of them, and the address a client connected to says which meter it wants. Where binding to a device
is not permitted, each address gets a socket of its own. Nothing else than the loopback network is ever reachable.
"""

from __future__ import annotations

import contextlib
import errno
import socket
from collections.abc import Sequence
from ipaddress import IPv4Address
from typing import Final

from ami_dlms.framing import Framing
from ami_dlms.framing.units import LLC_RESPONSE
from ami_dlms.server import Server
from ami_simulator.fleet.counts import Counts
from ami_simulator.fleet.description import Listening
from ami_simulator.fleet.faults import Fault, Kind
from ami_simulator.fleet.fleet import Condition, Fleet
from ami_simulator.fleet.members import FIRST_PHYSICAL
from ami_simulator.fleet.reactor import GONE, READ, WRITE, Reactor
from ami_simulator.fleet.spoil import spoil
from ami_simulator.fleet.switchboard import Addressed, Switchboard

BACKLOG: Final = 4096
ACCEPTED_AT_ONCE: Final = 128
READ_SIZE: Final = 65_536
PIECE_S: Final = 0.05
"""A slow link carries something this often."""
_LATER: Final = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
_OF_THE_SECRET: Final = frozenset((Kind.REJECT, Kind.WRONG_KEY))
"""Faults that show when an association is asked for."""
_OF_THE_METER: Final = frozenset((Kind.COUNTER_RESET, Kind.CLOCK_DRIFT, Kind.DST, Kind.WEAK_SIGNAL, Kind.SWAP))
"""Faults that show once there is one."""
_AARE: Final = b"\x61"


class FleetServer:
    """Serves all meters; raises OSError where the address is taken."""

    def __init__(self, fleet: Fleet, listening: Listening, reactor: Reactor, counts: Counts) -> None:
        self.fleet, self.listening, self.reactor, self.counts = fleet, listening, reactor, counts
        self._first = int(listening.address)
        self._addresses = (len(fleet.members) - 1) // listening.behind + 1
        self.connections: set[Connection] = set()
        self._doors: list[Door] = []
        for bound in _listen(listening, self._addresses):
            self._doors.append(Door(bound, self))
            reactor.add(bound.fileno(), self._doors[-1])

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self._doors[0].socket.getsockname()[1])

    @property
    def listening_sockets(self) -> int:
        """How many sockets that takes."""
        return len(self._doors)

    def place(self, host: str) -> int | None:
        """Return the number of an address; None where no meter is."""
        place = int(IPv4Address(host)) - self._first
        return place if 0 <= place < self._addresses else None

    def close(self) -> None:
        """Close everything."""
        for door in self._doors:
            door.close()
        for connection in tuple(self.connections):
            connection.close()


def _listen(listening: Listening, addresses: int) -> list[socket.socket]:
    if addresses > 1:
        everywhere = _socket()
        try:
            everywhere.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"lo")
        except OSError:
            everywhere.close()
        else:
            return [_bound(everywhere, "0.0.0.0", listening.port)]
    found: list[socket.socket] = []
    port = listening.port
    try:
        for number in range(addresses):
            found.append(_bound(_socket(), str(listening.address + number), port))
            port = found[0].getsockname()[1]
    except OSError:
        for each in found:
            each.close()
        raise
    return found


def _socket() -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    made.setblocking(False)  # noqa: FBT003  the socket module's own
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    return made


def _bound(made: socket.socket, host: str, port: int) -> socket.socket:
    try:
        made.bind((host, port))
        made.listen(BACKLOG)
    except OSError:
        made.close()
        raise
    return made


class Door:
    """A listening socket."""

    def __init__(self, bound: socket.socket, server: FleetServer) -> None:
        self.socket, self._server = bound, server

    def ready(self, events: int) -> None:  # noqa: ARG002  # there is only one
        """Take connections, some at a time: those that are open want to be answered, too."""
        server = self._server
        for _ in range(ACCEPTED_AT_ONCE):
            try:
                accepted, _peer = self.socket.accept()
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno in _LATER:
                    self._rest()
                    return
                continue  # the client has gone already
            accepted.setblocking(False)  # noqa: FBT003  the socket module's own
            place = server.place(accepted.getsockname()[0])
            if place is None:
                accepted.close()
            else:
                Connection(accepted, place, server)

    def _rest(self) -> None:
        """Take nothing for a while: there is no room for another connection."""
        reactor = self._server.reactor
        reactor.remove(self.socket.fileno())
        reactor.later(0.1, self._open)

    def _open(self) -> None:
        if self.socket.fileno() >= 0:
            self._server.reactor.add(self.socket.fileno(), self)

    def close(self) -> None:
        """Listen no more."""
        with contextlib.suppress(KeyError):
            self._server.reactor.remove(self.socket.fileno())
        self.socket.close()


class Seat:
    """One meter on one connection."""

    __slots__ = ("associated", "condition", "faults", "index", "server")

    def __init__(self, index: int, server: Server, condition: Condition, faults: tuple[Fault, ...]) -> None:
        self.index, self.server, self.condition, self.faults = index, server, condition, faults
        self.associated = 0


class Connection:
    """One connection: usually one meter, several where they share the address."""

    __slots__ = ("_place", "_queue", "_seat", "_seats", "_server", "_socket", "_switchboard", "_waiting")

    def __init__(self, accepted: socket.socket, place: int, server: FleetServer) -> None:
        self._socket, self._place, self._server = accepted, place, server
        self._seat: Seat | None = None
        self._seats: dict[int, Seat] | None = None
        self._switchboard: Switchboard | None = None
        self._queue = b""
        self._waiting: Paced | None = None
        server.connections.add(self)
        server.counts.connections += 1
        server.counts.open_connections += 1
        server.reactor.add(accepted.fileno(), self)

    @property
    def closed(self) -> bool:
        """Whether it is over."""
        return self._socket.fileno() < 0

    def ready(self, events: int) -> None:
        """Take what came and answer it."""
        if events & WRITE:
            self._flush()
        if events & (READ | GONE) and not self.closed:
            try:
                data = self._socket.recv(READ_SIZE)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            if not data:
                self.close()
            elif self._server.listening.behind == 1:
                self._take(self._place, data)
            else:
                self._distribute(data)

    def send(self, octets: bytes) -> None:
        """Send, now or as soon as there is room."""
        if not self._queue:
            try:
                sent = self._socket.send(octets)
            except BlockingIOError:
                sent = 0
            except OSError:
                self.close()
                return
            if sent == len(octets):
                return
            octets = octets[sent:]
            self._server.reactor.change(self._socket.fileno(), READ | WRITE)
        self._queue += octets

    def close(self) -> None:
        """Close the connection and forget its associations."""
        if self.closed:
            return
        server = self._server
        server.connections.discard(self)
        server.counts.open_connections -= 1
        for seat in self._all():
            server.counts.associated -= seat.associated
        server.reactor.remove(self._socket.fileno())
        self._socket.close()

    def _all(self) -> Sequence[Seat]:
        seats = list(self._seats.values()) if self._seats else []
        return [*seats, self._seat] if self._seat else seats

    def _flush(self) -> None:
        waiting, self._queue = self._queue, b""
        self.send(waiting)
        if not self._queue and not self.closed:
            self._server.reactor.change(self._socket.fileno(), READ)

    def _distribute(self, data: bytes) -> None:
        """Give each frame to the meter it is for; who is not there says nothing."""
        if self._switchboard is None:
            self._switchboard = Switchboard()
        for frame in self._switchboard.receive(data):
            index = self._index(frame)
            if index is not None and not self.closed:
                self._take(index, frame.octets)

    def _index(self, frame: Addressed) -> int | None:
        members, behind = self._server.fleet.members, self._server.listening.behind
        if frame.device is None:
            return None
        number = frame.device - (FIRST_PHYSICAL if frame.framing is Framing.HDLC else 1)
        index = self._place * behind + number
        there = 0 <= number < behind and index < len(members) and members.framing(index) is frame.framing
        return index if there else None

    def _take(self, index: int, data: bytes) -> None:
        """Let a meter answer."""
        fleet, counts = self._server.fleet, self._server.counts
        faults = fleet.faults(index, fleet.elapsed()) if index in fleet.plan.by_meter else ()
        seat = self._seat_of(index, faults)
        if seat is None:
            return
        before = seat.associated
        answer = seat.server.receive(data)
        after = seat.associated = seat.server.associated
        if after != before:
            counts.associated += after - before
            if after > before:
                counts.associations += 1
                counts.acted(tuple(fault for fault in faults if fault.kind in _OF_THE_METER))
        elif before and answer:
            counts.requests += 1
        if faults:
            self._send_spoiled(seat, answer, faults, associated=bool(before))
        elif answer:
            self.send(answer)

    def _seat_of(self, index: int, faults: tuple[Fault, ...]) -> Seat | None:
        """Return the meter's seat, a new one where the meter has become another; None where that ended the link."""
        seat = self._seat if self._seats is None else self._seats.get(index)
        if seat is not None and seat.faults == faults:
            return seat
        fleet = self._server.fleet
        condition = fleet.condition(index, fleet.elapsed(), faults)
        if seat is not None:
            if condition.identity != seat.condition.identity:
                self.close()  # somebody has taken the meter away, with the link
                return None
            if seat.associated:
                seat.faults = faults
                return seat
            self._server.counts.associated -= seat.associated
        server = Server(fleet.settings(index, condition, faults), fleet.meter(index, condition).device)
        seat = Seat(index, server, condition, faults)
        if self._server.listening.behind == 1:
            self._seat = seat
        else:
            if self._seats is None:
                self._seats = {}
            self._seats[index] = seat
        return seat

    def _send_spoiled(self, seat: Seat, answer: bytes, faults: tuple[Fault, ...], *, associated: bool) -> None:
        counts = self._server.counts
        if answer[8:9] == _AARE or LLC_RESPONSE + _AARE in answer:
            counts.acted(tuple(fault for fault in faults if fault.kind in _OF_THE_SECRET))
        spoiled = spoil(answer, faults, self._server.fleet.random(seat.index), associated=associated)
        counts.acted(spoiled.acted)
        slow = next((fault for fault in faults if fault.kind is Kind.SLOW), None)
        if slow is not None and answer:
            counts.acted((slow,))
            if self._waiting is None:
                self._waiting = Paced(self, slow, self._server.reactor)
            self._waiting.add(spoiled.octets, close=spoiled.close)
            return
        if spoiled.octets:
            self.send(spoiled.octets)
        if spoiled.close:
            self.close()


class Paced:
    """What a slow link has not carried yet."""

    def __init__(self, connection: Connection, fault: Fault, reactor: Reactor) -> None:
        self._connection, self._reactor = connection, reactor
        self._latency_s = fault.latency_s
        self._piece = max(1, round(fault.bytes_per_s * PIECE_S))
        self._pause_s = self._piece / fault.bytes_per_s
        self._octets = b""
        self._close = False

    def add(self, octets: bytes, *, close: bool) -> None:
        """Take octets to carry."""
        idle = not self._octets and not self._close
        self._octets += octets
        self._close = self._close or close
        if idle and (octets or close):
            self._reactor.later(self._latency_s, self._carry)

    def _carry(self) -> None:
        piece, self._octets = self._octets[: self._piece], self._octets[self._piece :]
        if self._connection.closed:
            return
        if piece:
            self._connection.send(piece)
        if self._octets:
            self._reactor.later(self._pause_s, self._carry)
        elif self._close:
            self._connection.close()
