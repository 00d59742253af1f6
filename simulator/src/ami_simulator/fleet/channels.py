"""What carries a fleet's pushes: TCP connections that are kept, connections of one push, UDP sockets.

A push counts as sent when the kernel has taken its last octet. What a broken connection had not taken whole is sent
again on the next one, from its beginning.
"""

from __future__ import annotations

import contextlib
import errno
import socket
from collections import deque
from collections.abc import Callable
from typing import Final, NamedTuple

from ami_simulator.fleet.counts import Counts
from ami_simulator.fleet.reactor import GONE, READ, WRITE, Reactor

RETRY_S: Final = 1.0
FULL: Final = 256 * 1024
"""Octets that wait on one connection; then the fleet composes no further pushes until there is room."""
_BIND_LATE: Final = 24
"""IP_BIND_ADDRESS_NO_PORT: the port is chosen with the peer, so that addresses do not use up ports."""


class Push(NamedTuple):
    """One push on its way."""

    octets: bytes
    sent: Callable[[], None] | None
    """Called once it is sent whole."""
    close: bool = False
    """The connection ends behind it."""


class Stream:
    """A TCP connection that is kept and made again when it breaks."""

    def __init__(self, target: tuple[str, int], source: str | None, reactor: Reactor, counts: Counts) -> None:
        """`source`: the address to come from, None for any."""
        self._target, self._source, self._reactor, self._counts = target, source, reactor, counts
        self._socket: socket.socket | None = None
        self._connected = False
        self._pushes: deque[Push] = deque()
        self._waiting = bytearray()
        self._taken = 0
        self._again = False
        """Whether it waits: for the connection, for room, or to try again."""

    @property
    def full(self) -> bool:
        """Whether enough waits."""
        return len(self._waiting) >= FULL

    @property
    def idle(self) -> bool:
        """Whether nothing waits."""
        return not self._pushes

    def add(self, push: Push) -> None:
        """Take a push; `flush` sends it."""
        self._pushes.append(push)
        self._waiting += push.octets

    def flush(self) -> None:
        """Send what waits, as far as there is room."""
        if self._again:
            return  # it goes on by itself
        if self._socket is None:
            self._connect()
        else:
            self._send()

    def ready(self, events: int) -> None:
        """Go on: connected, room, something came, or the end."""
        if self._socket is None:
            return
        if events & GONE:
            self._broken()
            return
        if events & WRITE:
            if not self._connected:
                self._connected = True
                self._counts.push_connections += 1
            if self._again:
                self._again = False
                self._reactor.change(self._socket.fileno(), READ)
            self._send()
        if events & READ and self._socket is not None:
            try:
                data = self._socket.recv(4096)  # a confirmation; nobody waits for it
            except BlockingIOError:
                return
            except OSError:
                data = b""
            if not data:
                self._broken()

    def close(self) -> None:
        """Close the connection."""
        if self._socket is not None:
            self._reactor.remove(self._socket.fileno())
            self._socket.close()
            self._counts.push_connections -= self._connected
            self._socket, self._connected, self._again = None, False, False

    def _connect(self) -> None:
        made = stream_to(self._target, self._source)
        if made is None:
            self._failed()
            return
        self._socket, self._again = made, True
        self._reactor.add(made.fileno(), self, READ | WRITE)

    def _send(self) -> None:
        if self._socket is None or not self._connected or not self._waiting:
            return
        try:
            sent = self._socket.send(self._waiting)
        except BlockingIOError:
            sent = 0
        except OSError:
            self._broken()
            return
        self._counts.push_octets += sent
        whole = sent == len(self._waiting)
        del self._waiting[:sent]
        self._taken += sent
        pushes = self._pushes
        while pushes and self._taken >= len(pushes[0].octets):
            push = pushes.popleft()
            self._taken -= len(push.octets)
            if push.sent is not None:
                push.sent()
            if push.close:
                self._restart()
                return
        if not whole and self._socket is not None and not self._again:
            self._again = True
            self._reactor.change(self._socket.fileno(), READ | WRITE)

    def _broken(self) -> None:
        self.close()
        self._failed()

    def _failed(self) -> None:
        self._counts.push_failures += 1
        self._rewind()
        self._again = True
        self._reactor.later(RETRY_S, self._retry)

    def _retry(self) -> None:
        self._again = False
        if self._socket is None and self._pushes:
            self._connect()

    def _restart(self) -> None:
        """End the connection as a meter does whose link is gone; the next push makes another."""
        self.close()
        self._rewind()
        if self._pushes:
            self._connect()

    def _rewind(self) -> None:
        self._taken = 0
        self._waiting = bytearray().join(push.octets for push in self._pushes)


def stream_to(target: tuple[str, int], source: str | None) -> socket.socket | None:
    """Begin a connection; None where that is not possible now."""
    made = socket.socket(socket.AF_INET6 if ":" in target[0] else socket.AF_INET, socket.SOCK_STREAM)
    made.setblocking(False)  # noqa: FBT003  the socket module's own
    try:
        if source is not None:
            made.setsockopt(socket.IPPROTO_IP, _BIND_LATE, 1)
            made.bind((source, 0))
        made.connect(target)
    except BlockingIOError:
        pass
    except OSError:
        made.close()
        return None
    return made


class Single:
    """A connection for one push."""

    def __init__(
        self,
        target: tuple[str, int],
        source: str | None,
        push: Push,
        *,
        reactor: Reactor,
        counts: Counts,
        done: Callable[[Single], None],
    ) -> None:
        """`done` is told of the end."""
        self._target, self._source, self._push = target, source, push
        self._reactor, self._counts, self._done = reactor, counts, done
        self._socket: socket.socket | None = None
        self._left = push.octets
        self._connect()

    def ready(self, events: int) -> None:
        """Go on: connected, room, or the end."""
        made = self._socket
        if made is None:
            return
        if events & GONE:
            self._failed()
            return
        if not events & WRITE:
            return
        try:
            sent = made.send(self._left)
        except BlockingIOError:
            return
        except OSError:
            self._failed()
            return
        self._counts.push_octets += sent
        self._left = self._left[sent:]
        if not self._left:
            self.close()
            if self._push.sent is not None:
                self._push.sent()
            self._done(self)

    def close(self) -> None:
        """Close the connection."""
        if self._socket is not None:
            self._reactor.remove(self._socket.fileno())
            self._socket.close()
            self._counts.push_connections -= 1
            self._socket = None

    def _connect(self) -> None:
        self._left = self._push.octets
        made = stream_to(self._target, self._source)
        if made is None:
            self._failed()
            return
        self._socket = made
        self._counts.push_connections += 1
        self._reactor.add(made.fileno(), self, WRITE)

    def _failed(self) -> None:
        self.close()
        self._counts.push_failures += 1
        self._reactor.later(RETRY_S, self._connect)


class Datagrams:
    """A UDP socket. A datagram is gone when it is sent."""

    def __init__(self, target: tuple[str, int], source: str | None, counts: Counts) -> None:
        self._counts = counts
        self._socket = socket.socket(socket.AF_INET6 if ":" in target[0] else socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setblocking(False)  # noqa: FBT003  the socket module's own
        if source is not None:
            self._socket.bind((source, 0))
        self._socket.connect(target)

    def send(self, octets: bytes) -> bool:
        """Send a datagram; False where the kernel has no room for it now."""
        for _ in range(2):
            try:
                self._counts.push_octets += self._socket.send(octets)
            except BlockingIOError:
                return False
            except ConnectionRefusedError:
                self._counts.push_failures += 1  # nobody listened to an earlier one
                continue
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
                return False
            return True
        return False

    def close(self) -> None:
        """Close the socket."""
        with contextlib.suppress(OSError):
            self._socket.close()
