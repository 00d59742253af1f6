"""The agent's side of the control socket."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, Final, Protocol, TypeVar

import structlog

from ami_ingest.config.target import Target
from ami_ingest.control import protocol
from ami_ingest.control.errors import ControlError
from ami_ingest.control.place import Place
from ami_ingest.control.protocol import ProtocolError, Request
from ami_ingest.meters.failure import overdue
from ami_ingest.meters.obis_line import pinged_line, reading_line
from ami_ingest.meters.ping import Pinged
from ami_ingest.meters.read import ProfileRange
from ami_ingest.meters.reading import Reading

MAX_CONNECTIONS: Final = 16
MAX_AT_ONCE: Final = 8
"""Meters read at a time for those who ask."""
_IDLE_S: Final = 60.0
_RATE: Final = 50
_RATE_S: Final = 10.0
"""At most so many requests in so many seconds, of one connection."""
_FLUSH_S: Final = 30.0
"""Who takes nothing for so long gets nothing more."""
_DEADLINE_S: Final = 60.0
_LONGEST_S: Final = 3600.0

Members = Mapping[str, Any]
_T = TypeVar("_T")


class OnDemand(Protocol):
    """Who reads meters now: the scheduler, before all else that is due."""

    async def read(
        self,
        meter_id: str,
        targets: Sequence[Target],
        profile: ProfileRange | None,
        take: Callable[[Reading], Awaitable[None]],
    ) -> None:
        """Read a meter of the inventory; `take` gets each reading as it comes. Raises IngestError."""

    async def ping(self, meter_id: str) -> Pinged:
        """See whether a meter of the inventory answers. Raises IngestError."""


class Inside(Protocol):
    """What else can be asked."""

    def status(self) -> Members:
        """Return how the agent is."""

    def meters(self) -> Iterable[Members]:
        """Return the inventory, without secrets."""

    def reload(self) -> Members:
        """Have the configuration read again. Raises IngestError."""


class ControlServer:
    """Answers at a socket until stopped. Whatever is sent to it, the agent goes on."""

    def __init__(
        self, place: Place, on_demand: OnDemand, inside: Inside, *, log: structlog.typing.FilteringBoundLogger
    ) -> None:
        self._place = place
        self._on_demand = on_demand
        self._inside = inside
        self._log = log
        self._slots = asyncio.Semaphore(MAX_AT_ONCE)
        self._server: asyncio.AbstractServer | None = None
        self._open: set[asyncio.Task[None]] = set()
        self._verbs: dict[str, Callable[[Request, asyncio.StreamWriter, str], Awaitable[Members]]] = {
            "ping": self._ping,
            "read": self._read,
            "status": self._status,
            "meters": self._meters,
            "reload": self._reload,
        }

    async def start(self) -> None:
        """Open the socket. Raises ControlError."""
        bound = self._place.open()
        try:
            self._server = await asyncio.start_unix_server(self._accept, sock=bound, limit=protocol.MAX_REQUEST)
        except OSError as error:
            bound.close()
            self._place.close()
            raise ControlError(f"The control socket {self._place.path} cannot listen ({error}); restart") from None
        self._log.info("control socket open", path=str(self._place.path))

    async def stop(self) -> None:
        """Close it; who still waits for an answer gets none."""
        if self._server is None:
            return
        self._server.close()
        for task in list(self._open):
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)
        self._server = None
        self._place.close()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None or len(self._open) >= MAX_CONNECTIONS:
            _fail(writer, None, ProtocolError("BUSY", f"{MAX_CONNECTIONS} connections are open; try again later"))
            writer.close()
            return
        self._open.add(task)
        try:
            await self._serve(reader, writer)
        except (OSError, asyncio.CancelledError):  # who asked has gone, or the agent stops
            pass
        finally:
            self._open.discard(task)
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        who = _peer(writer)
        recent: list[float] = []
        while True:
            try:
                line = await asyncio.wait_for(reader.readline(), _IDLE_S)
            except asyncio.TimeoutError:
                return
            except ValueError:
                _fail(writer, None, ProtocolError("TOO_LONG", f"a line has at most {protocol.MAX_REQUEST} octets"))
                await _flushed(writer)
                return
            if not line:
                return
            now = time.monotonic()
            recent = [*(at for at in recent if now - at < _RATE_S), now]
            if len(recent) > _RATE:
                _fail(writer, None, ProtocolError("TOO_FAST", f"at most {_RATE} requests in {_RATE_S:g} s"))
                await _flushed(writer)
                return
            if not await self._while_there(self._answer(line, writer, who), reader):
                return

    async def _while_there(self, work: Awaitable[None], reader: asyncio.StreamReader) -> bool:
        """Do it, unless who asked goes away before."""
        doing = asyncio.ensure_future(work)
        gone = asyncio.ensure_future(_gone(reader))
        try:
            await asyncio.wait({doing, gone}, return_when=asyncio.FIRST_COMPLETED)
            if doing.done():
                doing.result()
            return doing.done()
        finally:
            for task in (doing, gone):
                task.cancel()
            await asyncio.gather(doing, gone, return_exceptions=True)

    async def _answer(self, line: bytes, writer: asyncio.StreamWriter, who: str) -> None:
        request = None
        try:
            request = protocol.parse_request(line)
            members = await self._verbs.get(request.do, self._unknown)(request, writer, who)
            writer.write(protocol.line({"id": request.id, "ok": True, **members}))
        except OSError:
            raise
        except Exception as error:  # noqa: BLE001  whatever it is, it is answered, and the agent goes on
            _fail(writer, request, error)
            if protocol.failure_of(error).kind == "defect":
                self._log.exception("a request at the control socket failed by a defect of ours", by=who)
        await _flushed(writer)

    async def _unknown(self, request: Request, _writer: asyncio.StreamWriter, _who: str) -> Members:
        raise ProtocolError("UNKNOWN", f"'{request.do}' is not known; known are {', '.join(self._verbs)}")

    async def _ping(self, request: Request, _writer: asyncio.StreamWriter, who: str) -> Members:
        meter = request.text("meter")
        pinged = await self._within(request, meter, who, lambda: self._on_demand.ping(meter))
        self._log.info(pinged_line(pinged), meter=meter, by=who)
        return {"pinged": protocol.pinged_members(pinged)}

    async def _read(self, request: Request, writer: asyncio.StreamWriter, who: str) -> Members:
        meter = request.text("meter")
        targets, profile = protocol.asked_of(request)
        count = 0

        async def take(reading: Reading) -> None:
            nonlocal count
            count += 1
            self._log.info(reading_line(reading), meter=meter, by=who)
            writer.write(
                protocol.line({"id": request.id, "part": "reading", "reading": protocol.reading_members(reading)})
            )
            with contextlib.suppress(OSError):  # that nobody takes it ends the request, and is no fault of the meter
                await _flushed(writer)

        await self._within(request, meter, who, lambda: self._on_demand.read(meter, targets, profile, take))
        return {"readings": count}

    async def _within(self, request: Request, meter: str, who: str, work: Callable[[], Awaitable[_T]]) -> _T:
        """Do what was asked within its time. What fails is logged by who does it; that time is up, here."""
        seconds = request.seconds("timeout_s", _DEADLINE_S, _LONGEST_S)

        async def in_turn() -> _T:
            async with self._slots:
                return await work()

        try:
            return await asyncio.wait_for(in_turn(), seconds)
        except asyncio.TimeoutError:
            error = overdue(seconds)
            self._log.warning(str(error), meter=meter, by=who, cause=error.cause, remedy=error.remedy)
            raise error from None

    async def _status(self, _request: Request, _writer: asyncio.StreamWriter, _who: str) -> Members:
        return {"status": dict(self._inside.status())}

    async def _meters(self, request: Request, writer: asyncio.StreamWriter, _who: str) -> Members:
        count = 0
        for meter in self._inside.meters():
            writer.write(protocol.line({"id": request.id, "part": "meter", "meter": dict(meter)}))
            count += 1
            if count % 100 == 0:
                await _flushed(writer)
        return {"meters": count}

    async def _reload(self, _request: Request, _writer: asyncio.StreamWriter, who: str) -> Members:
        self._log.info("reload asked for", by=who)
        return {"reloaded": dict(self._inside.reload())}


async def _flushed(writer: asyncio.StreamWriter) -> None:
    """Wait until what was written is on its way. Raises OSError where nobody takes it."""
    try:
        await asyncio.wait_for(writer.drain(), _FLUSH_S)
    except asyncio.TimeoutError:
        writer.transport.abort()
        raise ConnectionAbortedError from None


async def _gone(reader: asyncio.StreamReader) -> None:
    """Return when who asked has closed; a request that waits in the buffer means that they have not."""
    while not reader.at_eof():  # noqa: ASYNC110  the reader tells nobody else
        await asyncio.sleep(0.2)


def _fail(writer: asyncio.StreamWriter, request: Request | None, error: BaseException) -> None:
    failure = protocol.failure_of(error)
    writer.write(
        protocol.line({"id": None if request is None else request.id, "ok": False, "error": failure._asdict()})
    )


def _peer(writer: asyncio.StreamWriter) -> str:
    """Return who asks, as the kernel knows it (unix(7), SO_PEERCRED)."""
    with contextlib.suppress(OSError, AttributeError, struct.error):
        sock: socket.socket = writer.get_extra_info("socket")
        credentials = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        _pid, uid, _gid = struct.unpack("3i", credentials)
        return f"uid {uid}"
    return "unknown"
