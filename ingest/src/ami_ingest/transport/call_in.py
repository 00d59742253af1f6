"""Meters that connect to us, as behind NAT: who calls is found out, then the connection serves to read the meter.

A caller is known by its address (`push_from`), by the system title or logical device name in its first message, or by
the logical device name that the public client reads. What it says of its own accord becomes raw records: before it is
known, while it is read (the session keeps that), and while nobody reads it.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import ssl
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

import structlog

from ami_dlms.apdu import CosemAttribute
from ami_dlms.axdr import Data
from ami_dlms.errors import DlmsError
from ami_dlms.framing import Assembler, Framing, Message
from ami_ingest import system_title
from ami_ingest.config.endpoint import Endpoint, Scheme, location, plain_host
from ami_ingest.config.model import Listen, Meter, Push
from ami_ingest.errors import ConfigError, IngestError
from ami_ingest.meters.access import MeterAccess
from ami_ingest.meters.objects import DATA, LOGICAL_DEVICE_NAME
from ami_ingest.meters.session import MeterSession
from ami_ingest.record import ExchangeKind, Origin, RawRecord, Transport, from_message, now_us
from ami_ingest.transport.stream import StreamLink
from ami_ingest.transport.tls import server_context

_BACKLOG: Final = 1024
_HANDSHAKE_S: Final = 15.0
_SWEEP_S: Final = 1.0
_UNREAD_S: Final = 5.0
"""What a meter says while nobody reads it is taken after this time: a session would have taken it long before."""
_GREETINGS: Final = 1000
"""Callers that are being found out at the same time; more wait."""
_STRANGERS: Final = 10_000
"""Callers named in the log once; then the oldest may be named again."""
_NAME: Final = re.compile(rb"[\x09\x0a]\x10([A-Za-z]{3}[\x00-\xff]{13})")
"""A logical device name in plain A-XDR: a string of 16 octets that begins with the maker's letters (Blue Book 6.2)."""


class Sink(Protocol):
    """Where records go: the spool, or a list in tests."""

    def offer(self, records: Sequence[RawRecord]) -> bool:
        """Take records; False asks to wait for `room()`."""

    async def room(self) -> None:
        """Wait until more can be taken."""


@dataclass(slots=True)
class Caller:
    """What is found out about who connected."""

    link: StreamLink
    host: str
    meter: Meter | None = None
    said: list[Message] = field(default_factory=list)
    """What it sent of its own accord."""
    title: bytes | None = None
    """Its system title."""
    name: str | None = None
    """Its logical device name."""


class _Call(StreamLink):
    """One connection of a caller."""

    __slots__ = ("_house",)

    def __init__(self, house: Callers) -> None:
        super().__init__()
        self._house = house

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._house.called(self)

    def data_received(self, data: bytes) -> None:
        self._house.received += len(data)
        super().data_received(data)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._house.left(self)


@dataclass(slots=True)
class _Known:
    """A connection that was handed over."""

    origin: Origin
    assembler: Assembler | None = None
    """Holds the beginning of a message that came while nobody read; None where there is none."""


class Callers:
    """All sockets of role call-in, and every connection that came in there.

    `on_call` takes over the link of a meter of the inventory. The sink gets what meters say of their own accord.
    """

    def __init__(
        self,
        sockets: Iterable[Listen],
        meters: Iterable[Meter],
        sink: Sink,
        on_call: Callable[[str, StreamLink], None],
        *,
        agent: str,
        log: structlog.typing.FilteringBoundLogger,
        push: Push | None = None,
        hello_s: float = 5.0,
        answer_s: float = 15.0,
    ) -> None:
        """`hello_s`: how long a caller may be silent before it is asked; `answer_s` bounds each wait for its answer."""
        self._sockets = [listen for listen in sockets if listen.role == "call-in"]
        self._sink = sink
        self._on_call = on_call
        self._agent = agent
        self._log = log
        self._hello_s = hello_s
        self._answer_s = answer_s
        self._servers: list[asyncio.Server] = []
        self._greetings: set[asyncio.Task[None]] = set()
        self._turns = asyncio.Semaphore(_GREETINGS)
        self._open: dict[StreamLink, _Known | None] = {}
        self._per_peer: dict[str, int] = {}
        self._strangers: OrderedDict[str, None] = OrderedDict()
        self._sweeper: asyncio.Task[None] | None = None
        self._stopping = False
        self._refusing = False
        self.calls = 0
        """Connections that came in."""
        self.received = 0
        """Octets received over all of them."""
        self.refused = 0
        """Connections closed at once because a limit was reached."""
        self.identified = 0
        """Connections handed over as those of a meter of the inventory."""
        self.unknown = 0
        """Connections closed because the inventory has no such meter."""
        self.apply(meters, push or Push())

    def apply(self, meters: Iterable[Meter], push: Push) -> None:
        """Take another inventory and other limits; who is connected stays so."""
        callers = [meter for meter in meters if meter.address.scheme.is_call_in]
        self._push = push
        # An address that several meters share, as a concentrator's, names none of them.
        self._by_address = _unique((meter.push_from, meter) for meter in callers)
        self._by_title = _unique((meter.system_title, meter) for meter in callers)
        self._by_name = _unique((meter.logical_device_name or meter.id, meter) for meter in callers)
        only_hdlc = bool(callers) and all(meter.address.framing is Framing.HDLC for meter in callers)
        self._framing = Framing.HDLC if only_hdlc else Framing.WRAPPER

    async def start(self) -> None:
        """Open the sockets. Raises ConfigError, with none left open."""
        loop = asyncio.get_running_loop()
        for listen in self._sockets:
            where = location(listen.host, listen.port)
            if listen.transport != "tcp":
                await self.stop()
                raise ConfigError(f"listen {listen.transport} {where}: meters call in over tcp; change `transport`")
            try:
                context = _context(listen)
                server = await loop.create_server(
                    lambda: _Call(self),
                    listen.host,
                    listen.port,
                    backlog=_BACKLOG,
                    ssl=context,
                    ssl_handshake_timeout=None if context is None else _HANDSHAKE_S,
                )
            except OSError as error:
                await self.stop()
                raise ConfigError(
                    f"Cannot listen on tcp {where} ({error.strerror or error}); "
                    f"stop what uses the port or change `listen` in the configuration"
                ) from None
            self._servers.append(server)
        if self._servers:
            self._sweeper = loop.create_task(self._sweep())
        for host, port in self.addresses:
            self._log.info("listening", transport="tcp", role="call-in", address=location(host, port))

    async def stop(self) -> None:
        """Close the sockets and all connections; what meters said last becomes records."""
        self._stopping = True
        for server in self._servers:
            server.close()
        self._servers.clear()
        tasks = [*self._greetings, *([] if self._sweeper is None else [self._sweeper])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._sweeper = None
        await asyncio.gather(*(link.close() for link in list(self._open)))

    @property
    def addresses(self) -> list[tuple[str, int]]:
        """Host and port of each open socket: what a configured port 0 became."""
        names = [sock.getsockname() for server in self._servers for sock in server.sockets]
        return [(str(name[0]), int(name[1])) for name in names]

    @property
    def connections(self) -> int:
        """Connections open now."""
        return len(self._open)

    # -- connections -----------------------------------------------------------------------------------------------

    def called(self, link: StreamLink) -> None:
        """Take a new connection, or refuse it."""
        host = plain_host(link.peer[0])
        self.calls += 1
        peers = self._per_peer.get(host, 0)
        if len(self._open) >= self._push.max_connections or peers >= self._push.max_connections_per_peer:
            self.refused += 1
            if not self._refusing:
                self._refusing = True
                self._log.warning(
                    "calls are refused: the limit is reached",
                    peer=host,
                    open=len(self._open),
                    remedy="raise push.max_connections, or look why meters keep old connections open",
                )
            link.abort()
            return
        self._refusing = False
        self._per_peer[host] = peers + 1
        self._open[link] = None
        task = asyncio.get_running_loop().create_task(self._greet(link, host))
        self._greetings.add(task)
        task.add_done_callback(self._greetings.discard)

    def left(self, link: StreamLink) -> None:
        """Forget a connection that ended; what nobody took of it becomes records."""
        if link not in self._open:
            return
        known = self._open.pop(link)
        host = plain_host(link.peer[0])
        peers = self._per_peer.pop(host, 1) - 1
        if peers:
            self._per_peer[host] = peers
        if known is None and self._stopping and self._push.unknown == "accept":
            known = _Known(self._origin(Caller(link, host)))  # nobody finds out any more who it was
        if known is not None:
            self._collect(link, known, float("inf"), final=True)

    async def _greet(self, link: StreamLink, host: str) -> None:
        """Find out who called, and hand the connection over."""
        caller, cause, log = Caller(link, host), None, self._log.bind(peer=host)
        try:
            async with self._turns:
                await self._identify(caller)
        except (IngestError, DlmsError) as error:
            cause = str(error)
        except asyncio.CancelledError:
            if self._push.unknown == "accept":
                self._offer(caller.said, self._origin(caller))  # nobody finds out any more who it was
            raise
        except Exception:
            # A defect shown by one caller must not stop the others; it is reported in full.
            log.exception("a caller could not be served by a defect of ours")
        if caller.meter is None:
            await self._turn_away(caller, cause)
            return
        origin = self._origin(caller)
        await self._keep(caller.said, origin)
        if link not in self._open:
            return  # it hung up in the meantime
        self._open[link] = _Known(origin)
        self.identified += 1
        log.info("a meter called in", meter=caller.meter.id)
        try:
            self._on_call(caller.meter.id, link)
        except IngestError as error:  # a reload has just removed it
            log.warning(str(error), meter=caller.meter.id)
            await link.close()

    async def _identify(self, caller: Caller) -> None:
        caller.meter = self._by_address.get(caller.host)
        if caller.meter is not None:
            return
        await self._hello(caller)
        apdus = [apdu for message in caller.said for apdu in message.apdus]
        caller.title = system_title.find(apdus)
        caller.meter = self._by_title.get(caller.title)
        if caller.meter is not None:
            return
        for name in (_text(found) for apdu in apdus for found in _NAME.findall(apdu)):
            if name in self._by_name:
                caller.name, caller.meter = name, self._by_name[name]
                return
        await self._ask(caller)
        caller.meter = self._by_name.get(caller.name)

    async def _hello(self, caller: Caller) -> None:
        """Take the first message, if one comes in time; the beginning of a further one goes back."""
        assembler = Assembler()
        received = bytearray()
        deadline = time.monotonic() + self._hello_s
        while not caller.said:
            try:
                data = await caller.link.receive(max(0.001, deadline - time.monotonic()))
            except asyncio.TimeoutError:
                break
            except IngestError:
                caller.said += filter(None, [assembler.flush()])
                raise
            except asyncio.CancelledError:
                caller.link.put_back(bytes(received))
                raise
            received += data
            caller.said += assembler.receive(data)
        whole = sum(len(message.raw) for message in caller.said)
        caller.link.put_back(bytes(received[whole:]))

    async def _ask(self, caller: Caller) -> None:
        """Read the logical device name as the public client; what the meter pushes meanwhile is its own accord too."""
        framing = next((message.framing for message in caller.said if message.framing in _ASKABLE), self._framing)
        scheme = Scheme.HDLC_CALL_IN if framing is Framing.HDLC else Scheme.CALL_IN
        access = MeterAccess(Endpoint(scheme))
        session = MeterSession(access.endpoint, access.public_settings(), timeout_s=self._answer_s, link=caller.link)
        try:
            await session.open()
            result = (await session.get(CosemAttribute(DATA, LOGICAL_DEVICE_NAME, 2))).result
            await session.detach()
        finally:
            caller.said += (
                Message(event.raw, access.framing, (event.apdu,), complete=True) for event in session.unsolicited
            )
        value = result.value if isinstance(result, Data) else None
        if isinstance(value, (bytes, str)):
            caller.name = _text(value) if isinstance(value, bytes) else value

    async def _turn_away(self, caller: Caller, cause: str | None) -> None:
        """Close the connection of who is not in the inventory; its messages are pushes like others."""
        self.unknown += 1
        if self._push.unknown == "accept":
            await self._keep(caller.said, self._origin(caller))
        if caller.host not in self._strangers:
            self._strangers[caller.host] = None
            if len(self._strangers) > _STRANGERS:
                self._strangers.popitem(last=False)
            self._log.warning(
                "a meter called in that the inventory does not know",
                peer=caller.host,
                system_title=None if caller.title is None else caller.title.hex(),
                logical_device_name=caller.name,
                cause=cause,
                remedy="add it with `address: call-in://` and its system_title, logical_device_name or push_from",
            )
        await caller.link.close()

    # -- records ---------------------------------------------------------------------------------------------------

    def _origin(self, caller: Caller) -> Origin:
        meter = caller.meter
        return Origin(
            agent=self._agent,
            transport=Transport.TCP,
            exchange=ExchangeKind.PUSH,
            address=caller.host,
            subject=location(caller.host, caller.link.peer[1]) if meter is None else meter.id,
            meter=None if meter is None else meter.id,
            system_title=caller.title if meter is None or meter.system_title is None else meter.system_title,
        )

    async def _keep(self, messages: Sequence[Message], origin: Origin) -> None:
        if messages and not self._offer(messages, origin):
            await self._sink.room()

    def _offer(self, messages: Sequence[Message], origin: Origin, session_key: bytes | None = None) -> bool:
        received_us = now_us()
        return self._sink.offer(
            [
                record
                for message in messages
                for record in from_message(message, origin, received_us, session_key=session_key)
            ]
        )

    async def _sweep(self) -> None:
        """Take what meters said while nobody read them."""
        while True:
            await asyncio.sleep(_SWEEP_S)
            before = time.monotonic() - _UNREAD_S
            for link, known in list(self._open.items()):
                if known is not None and not self._collect(link, known, before, final=False):
                    await self._sink.room()

    def _collect(self, link: StreamLink, known: _Known, before: float, *, final: bool) -> bool:
        """Make records of octets that came before a time; False where the sink wants to be waited for."""
        octets = link.unread(before)
        if not octets and (known.assembler is None or not final):
            return True
        assembler = known.assembler or Assembler()
        messages = assembler.receive(octets)
        if final and (rest := assembler.flush()) is not None:
            messages.append(rest)
        known.assembler = assembler if assembler.pending else None
        return not messages or self._offer(messages, known.origin, link.session_key)


_ASKABLE: Final = (Framing.WRAPPER, Framing.HDLC)


def _unique(pairs: Iterable[tuple[str | None, Meter]] | Iterable[tuple[bytes | None, Meter]]) -> dict[object, Meter]:
    """Return what each key names, without keys that name several."""
    found: dict[object, Meter] = {}
    twice: set[object] = set()
    for key, meter in pairs:
        if key is not None and found.setdefault(key, meter) is not meter:
            twice.add(key)
    return {key: meter for key, meter in found.items() if key not in twice}


def _context(listen: Listen) -> ssl.SSLContext | None:
    return None if listen.tls is None else server_context(listen.tls)


def _text(octets: bytes) -> str:
    """Write a logical device name as text; octets that are no character stand as hexadecimal digits."""
    with contextlib.suppress(UnicodeDecodeError):
        text = octets.rstrip(b"\x00").decode("ascii")
        if text.isprintable():
            return text
    return octets.hex()
