"""The push listener: meters connect, or send datagrams, and every octet becomes part of a raw record.

Each TCP connection and each UDP peer has an assembler of its own. What is unfinished when the link goes idle or closes
becomes an incomplete record. Nothing a peer sends can end the listener: the assembler passes over noise, and limits
bound what peers can hold open.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Protocol, cast

import structlog

from ami_dlms.framing import Assembler, Message
from ami_ingest.config.endpoint import location
from ami_ingest.config.model import Listen, Push
from ami_ingest.errors import IngestError
from ami_ingest.record import ExchangeKind, Origin, RawRecord, Transport, from_message, now_us

_SWEEP_S: Final = 0.5
_BACKLOG: Final = 1024
_MAX_UDP_PEERS: Final = 50_000
_UDP_BUFFER: Final = 8 << 20


class Sink(Protocol):
    """Where records go: the spool, or a list in tests."""

    def offer(self, records: Sequence[RawRecord]) -> bool:
        """Take records; False asks to stop reading until `room()` returns."""

    async def room(self) -> None:
        """Wait until more can be taken."""


class Sender(Protocol):
    """What the inventory knows of a pushing address."""

    @property
    def id(self) -> str:
        """Inventory id."""

    @property
    def system_title(self) -> bytes | None:
        """System title, where the inventory has it."""


class ListenerError(IngestError):
    """A socket cannot be opened."""


class Listener:
    """All push sockets of an agent."""

    def __init__(
        self,
        sockets: Sequence[Listen],
        sink: Sink,
        *,
        agent: str,
        log: structlog.typing.FilteringBoundLogger,
        idle_timeout_s: float = 30.0,
        max_connections: int = 10_000,
        max_connections_per_peer: int = 10_000,
        senders: Mapping[str, Sender] | None = None,
    ) -> None:
        self._sockets = [listen for listen in sockets if listen.role == "push"]
        self._sink = sink
        self._agent = agent
        self._log = log
        self._idle_timeout_s = idle_timeout_s
        self._max_connections = max_connections
        self._max_connections_per_peer = max_connections_per_peer
        self._senders = senders or {}
        self._servers: list[asyncio.Server] = []
        self._datagrams: list[tuple[asyncio.DatagramTransport, _DatagramPeers]] = []
        self._connections: set[_Connection] = set()
        self._per_peer: dict[str, int] = {}
        self._sweeper: asyncio.Task[None] | None = None
        self._refusing = False
        self.refused = 0
        """Connections closed at once because a limit was reached."""
        self.received = 0
        """Octets received."""
        self.dropped = 0
        """Octets of datagrams that could not be taken because the spool is full."""

    async def start(self) -> None:
        """Open all sockets. Raises ListenerError, with none left open."""
        loop = asyncio.get_running_loop()
        for listen in self._sockets:
            try:
                if listen.transport == "tcp":
                    server = await loop.create_server(
                        lambda: _Connection(self),
                        listen.host,
                        listen.port,
                        backlog=_BACKLOG,
                    )
                    self._servers.append(server)
                else:
                    transport, peers = await loop.create_datagram_endpoint(
                        lambda: _DatagramPeers(self),
                        local_addr=(listen.host, listen.port),
                    )
                    _enlarge(transport)
                    self._datagrams.append((transport, peers))
            except OSError as error:  # noqa: PERF203  each socket has its own error
                await self.stop()
                reason = error.strerror or str(error)
                raise ListenerError(
                    f"Cannot listen on {listen.transport} {location(listen.host, listen.port)} ({reason}); "
                    f"stop what uses the port or change `listen` in the configuration",
                ) from None
        self._sweeper = loop.create_task(self._sweep())
        for kind, host, port in self.addresses:
            self._log.info("listening", transport=kind, address=location(host, port))

    def apply(self, push: Push, senders: Mapping[str, Sender]) -> None:
        """Take bounds and the inventory as they are now; connections that are open stay."""
        self._idle_timeout_s = push.idle_timeout_s
        self._max_connections = push.max_connections
        self._max_connections_per_peer = push.max_connections_per_peer
        self._senders = senders

    async def stop(self) -> None:
        """Close all sockets; what is unfinished becomes incomplete records."""
        if self._sweeper is not None:
            self._sweeper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._sweeper
            self._sweeper = None
        for server in self._servers:
            server.close()
        for connection in list(self._connections):
            connection.finish()
        for transport, peers in self._datagrams:
            peers.flush(None)
            transport.close()
        self._servers.clear()
        self._datagrams.clear()
        await asyncio.sleep(0)  # lets the transports call connection_lost

    @property
    def addresses(self) -> list[tuple[str, str, int]]:
        """(transport, host, port) of each open socket: what a configured port 0 became."""
        opened = [("tcp", sock.getsockname()) for server in self._servers for sock in server.sockets]
        opened += [("udp", transport.get_extra_info("sockname")) for transport, _ in self._datagrams]
        return [(kind, str(name[0]), int(name[1])) for kind, name in opened]

    @property
    def connections(self) -> int:
        """Open TCP connections."""
        return len(self._connections)

    # -- used by the protocols ----------------------------------------------------------------------------------

    def origin(self, transport: Transport, host: str, port: int) -> Origin:
        """Describe a peer; the inventory's knowledge of its address included."""
        sender = self._senders.get(host)
        return Origin(
            agent=self._agent,
            transport=transport,
            exchange=ExchangeKind.PUSH,
            address=host,
            subject=location(host, port),
            meter=None if sender is None else sender.id,
            system_title=None if sender is None else sender.system_title,
        )

    def deliver(self, messages: Sequence[Message], origin: Origin) -> bool:
        """Make records of messages; False when the sink asks to stop reading."""
        received_us = now_us()
        return self._sink.offer(
            [record for message in messages for record in from_message(message, origin, received_us)]
        )

    def admit(self, connection: _Connection, host: str) -> bool:
        """Count a new connection, or refuse it."""
        peers = self._per_peer.get(host, 0)
        if len(self._connections) >= self._max_connections or peers >= self._max_connections_per_peer:
            self.refused += 1
            if not self._refusing:
                self._refusing = True
                self._log.warning(
                    "connections are refused: the limit is reached",
                    peer=host,
                    open=len(self._connections),
                    remedy="raise max_connections, or look why peers keep connections open",
                )
            return False
        self._refusing = False
        self._connections.add(connection)
        self._per_peer[host] = peers + 1
        return True

    def dismiss(self, connection: _Connection, host: str) -> None:
        """Forget a connection that ended."""
        self._connections.discard(connection)
        left = self._per_peer.pop(host, 1) - 1
        if left:
            self._per_peer[host] = left

    def hold(self, resume: Callable[[], None]) -> asyncio.Task[None]:
        """Call `resume` as soon as the sink takes records again."""

        async def wait() -> None:
            await self._sink.room()
            resume()

        return asyncio.get_running_loop().create_task(wait())

    async def _sweep(self) -> None:
        """Flush what went idle. One sweep for all costs less than a timer for each."""
        while True:
            await asyncio.sleep(min(_SWEEP_S, self._idle_timeout_s / 2))
            before = time.monotonic() - self._idle_timeout_s
            for connection in list(self._connections):
                connection.flush_if_idle(before)
            for _, peers in self._datagrams:
                peers.flush(before)


class _Connection(asyncio.Protocol):
    """One TCP connection."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._assembler = Assembler()
        self._transport: asyncio.Transport | None = None
        self._origin: Origin | None = None
        self._last = time.monotonic()
        self._holding: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        name = transport.get_extra_info("peername") or ("unknown", 0)
        host = _plain(str(name[0]))
        if not self._listener.admit(self, host):
            self._transport.abort()
            return
        self._origin = self._listener.origin(Transport.TCP, host, int(name[1]))
        sock = transport.get_extra_info("socket")
        if sock is not None:
            with contextlib.suppress(OSError):
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)

    def data_received(self, data: bytes) -> None:
        if self._origin is None:
            return
        self._last = time.monotonic()
        self._listener.received += len(data)
        messages = self._assembler.receive(data)
        if messages and not self._listener.deliver(messages, self._origin):
            self._pause()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  the protocol's signature
        self.finish()

    def flush_if_idle(self, before: float) -> None:
        """Give up waiting for the rest of a message."""
        if self._last < before and self._assembler.pending:
            self._flush()

    def finish(self) -> None:
        """Flush and close; further calls do nothing."""
        if self._origin is None:
            return
        self._flush()
        if self._holding is not None:
            self._holding.cancel()
        self._listener.dismiss(self, self._origin.address)
        self._origin = None
        if self._transport is not None:
            self._transport.close()

    def _flush(self) -> None:
        message = self._assembler.flush()
        if message is not None and self._origin is not None:
            self._listener.deliver([message], self._origin)

    def _pause(self) -> None:
        if self._transport is None or self._holding is not None:
            return
        self._transport.pause_reading()
        self._holding = self._listener.hold(self._resume)

    def _resume(self) -> None:
        self._holding = None
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()


class _DatagramPeers(asyncio.DatagramProtocol):
    """All peers of one UDP socket. A peer without unfinished octets costs nothing."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._unfinished: dict[tuple[str, int], tuple[Assembler, float]] = {}
        self._holding: asyncio.Task[None] | None = None

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        if self._holding is not None:
            # A datagram cannot be left in the network; its loss is counted.
            self._listener.dropped += len(data)
            return
        peer = (str(addr[0]), int(addr[1]))
        self._listener.received += len(data)
        held = self._unfinished.pop(peer, None)
        assembler = Assembler() if held is None else held[0]
        messages = assembler.receive(data)
        if messages:
            self._deliver(messages, peer)
        if assembler.pending:
            if len(self._unfinished) >= _MAX_UDP_PEERS:
                self._flush(next(iter(self._unfinished)))  # the one silent for longest
            self._unfinished[peer] = (assembler, time.monotonic())

    def error_received(self, exc: Exception) -> None:
        """Nothing is sent, so nothing of ours can have failed."""

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  the protocol's signature
        if self._holding is not None:
            self._holding.cancel()

    def flush(self, before: float | None) -> None:
        """Flush peers silent since `before` (monotonic seconds), or all."""
        for peer, (_, last) in list(self._unfinished.items()):
            if before is not None and last >= before:
                return  # in order of their last datagram
            self._flush(peer)

    def _flush(self, peer: tuple[str, int]) -> None:
        assembler, _ = self._unfinished.pop(peer)
        message = assembler.flush()
        if message is not None:
            self._deliver([message], peer)

    def _deliver(self, messages: Sequence[Message], peer: tuple[str, int]) -> None:
        origin = self._listener.origin(Transport.UDP, _plain(peer[0]), peer[1])
        if not self._listener.deliver(messages, origin) and self._holding is None:
            self._holding = self._listener.hold(self._resume)

    def _resume(self) -> None:
        self._holding = None


def _plain(host: str) -> str:
    """Write an IPv4 peer of a dual-stack socket as IPv4, and drop an IPv6 zone."""
    return host.removeprefix("::ffff:").partition("%")[0]


def _enlarge(transport: asyncio.DatagramTransport) -> None:
    """Ask for a large receive buffer: bursts of datagrams wait in the kernel while Python is busy."""
    sock = transport.get_extra_info("socket")
    if sock is not None:
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _UDP_BUFFER)
