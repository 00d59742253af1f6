"""The push listener: meters connect, or send datagrams, and every octet becomes part of a raw record.

Each TCP connection and each UDP peer has an assembler of its own. What is unfinished when the link goes idle or closes
becomes an incomplete record. Nothing a peer sends can end the listener: the assembler passes over noise, and limits
bound what peers can hold open.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Final

import structlog

from ami_ingest.config.endpoint import location
from ami_ingest.config.model import Listen, Push, Tls
from ami_ingest.errors import IngestError
from ami_ingest.push.admission import Admission, Sender
from ami_ingest.push.connection import Connection
from ami_ingest.push.datagrams import Datagrams, kernel_drops
from ami_ingest.push.gaps import CounterGaps
from ami_ingest.push.intake import Intake, Sink

_SWEEP_S: Final = 0.5
_DROPS_EVERY_S: Final = 2.0
_BACKLOG: Final = 4096


class ListenerError(IngestError):
    """A socket cannot be opened."""


class Listener:
    """All push sockets of an agent. `tls` makes the context of a socket that has TLS."""

    def __init__(
        self,
        sockets: Sequence[Listen],
        sink: Sink,
        *,
        agent: str,
        log: structlog.typing.FilteringBoundLogger,
        push: Push | None = None,
        senders: Iterable[Sender] = (),
        tls: Callable[[Tls], ssl.SSLContext] | None = None,
    ) -> None:
        self._sockets = [listen for listen in sockets if listen.role == "push"]
        self._log = log
        self._tls = tls
        self._admission = Admission(push or Push(), senders, log)
        self._intake = Intake(sink, self._admission, agent=agent)
        self._gaps = CounterGaps()
        self._servers: list[asyncio.Server] = []
        self._datagrams: list[tuple[asyncio.DatagramTransport, Datagrams]] = []
        self._sweeper: asyncio.Task[None] | None = None
        self._dropped_before = 0
        self.kernel_drops = 0
        """Datagrams that the kernel dropped before we could read them, as of the last look two seconds ago at most."""

    async def start(self) -> None:
        """Open all sockets. Raises ListenerError, or ConfigError for files of TLS, with none left open."""
        loop = asyncio.get_running_loop()
        for listen in self._sockets:
            try:
                if listen.transport == "tcp":
                    server = await loop.create_server(
                        lambda: Connection(self._intake),
                        listen.host,
                        listen.port,
                        backlog=_BACKLOG,
                        ssl=self._context(listen),
                    )
                    self._servers.append(server)
                else:
                    transport, peers = await loop.create_datagram_endpoint(
                        lambda: Datagrams(self._intake, self._gaps),
                        local_addr=(listen.host, listen.port),
                    )
                    self._datagrams.append((transport, peers))
            except IngestError:  # noqa: PERF203  each socket has its own error
                await self.stop()
                raise
            except OSError as error:
                await self.stop()
                reason = error.strerror or str(error)
                raise ListenerError(
                    f"Cannot listen on {listen.transport} {location(listen.host, listen.port)} ({reason}); "
                    f"stop what uses the port or change `listen` in the configuration",
                ) from None
        self._sweeper = loop.create_task(self._sweep())
        for kind, host, port in self.addresses:
            self._log.info("listening", transport=kind, address=location(host, port))

    async def stop(self) -> None:
        """Close all sockets; what is unfinished becomes incomplete records."""
        if self._sweeper is not None:
            self._sweeper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._sweeper
            self._sweeper = None
        for server in self._servers:
            server.close()
        for connection in list(self._intake.readers):
            connection.finish()
        self._count_kernel_drops()
        for transport, peers in self._datagrams:
            peers.flush(None)
            transport.close()
        self._intake.stop()
        self._dropped_before, self._datagrams = self.kernel_drops, []
        self._servers.clear()
        await asyncio.sleep(0)  # lets the transports call connection_lost

    def apply(self, push: Push, senders: Iterable[Sender]) -> None:
        """Take other bounds, policies and meters. Connections that are open stay so; the sockets stay as they are."""
        self._admission.apply(push, senders)
        self._intake.generation += 1

    # -- what it does now ---------------------------------------------------------------------------------------

    @property
    def addresses(self) -> list[tuple[str, str, int]]:
        """(transport, host, port) of each open socket: what a configured port 0 became."""
        opened = [("tcp", sock.getsockname()) for server in self._servers for sock in server.sockets]
        opened += [("udp", transport.get_extra_info("sockname")) for transport, _ in self._datagrams]
        return [(kind, str(name[0]), int(name[1])) for kind, name in opened]

    @property
    def connections(self) -> int:
        """Open TCP connections."""
        return len(self._intake.readers)

    @property
    def received(self) -> int:
        """Octets received."""
        return self._intake.received

    @property
    def dropped(self) -> int:
        """Octets of datagrams that were not taken: the spool was full, or the peer beyond its rate."""
        return self._intake.dropped

    @property
    def confirmed(self) -> int:
        """Pushes confirmed to senders that asked for it."""
        return self._intake.confirmed

    @property
    def refused(self) -> int:
        """Connections closed at once because a limit was reached."""
        return self._admission.refused

    @property
    def refused_messages(self) -> int:
        """Messages of unknown senders that the policy refused."""
        return self._admission.refused_messages

    @property
    def refused_octets(self) -> int:
        """Octets of them."""
        return self._admission.refused_octets

    @property
    def counters_missing(self) -> int:
        """Invocation counters that never came over UDP: the most that can have been lost on the way."""
        return self._gaps.missing

    # -- inside -------------------------------------------------------------------------------------------------

    def _context(self, listen: Listen) -> ssl.SSLContext | None:
        if listen.tls is None:
            return None
        if self._tls is None:
            raise ListenerError(f"Cannot listen on {location(listen.host, listen.port)} with TLS: it is not built in")
        return self._tls(listen.tls)

    async def _sweep(self) -> None:
        """Flush what went idle. One sweep for all costs less than a timer for each."""
        looked = 0.0
        while True:
            idle_timeout_s = self._admission.push.idle_timeout_s
            await asyncio.sleep(min(_SWEEP_S, idle_timeout_s / 2))
            now = time.monotonic()
            for connection in list(self._intake.readers):
                connection.flush_if_idle(now - idle_timeout_s)
            for _, peers in self._datagrams:
                peers.flush(now - idle_timeout_s)
            if now - looked >= _DROPS_EVERY_S:
                looked = now
                self._count_kernel_drops()

    def _count_kernel_drops(self) -> None:
        if self._datagrams:
            self.kernel_drops = self._dropped_before + kernel_drops(peers.inode for _, peers in self._datagrams)
