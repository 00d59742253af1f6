"""One association with one meter: the I/O around `ami_dlms.client.Client`."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from types import TracebackType
from typing import Final, Literal, TypeVar

from ami_dlms.apdu import CosemAttribute, SelectiveAccess
from ami_dlms.axdr import Data
from ami_dlms.client import (
    Answer,
    Associated,
    Client,
    ClientSettings,
    Event,
    Failed,
    Refused,
    Released,
    Send,
    Unsolicited,
)
from ami_dlms.errors import DlmsError, UsageError
from ami_dlms.framing import Framing
from ami_dlms.framing.counts import LineCounts
from ami_ingest.config.endpoint import Endpoint
from ami_ingest.config.model import Tls
from ami_ingest.errors import (
    ConnectionClosed,
    ConnectionFailed,
    CounterError,
    ExchangeFailed,
    NoAnswer,
    SessionError,
)
from ami_ingest.meters import failure
from ami_ingest.meters.counters import DurableCounter
from ami_ingest.meters.line import Line
from ami_ingest.record import MAX_VALUE
from ami_ingest.transport import Link, open_link
from ami_ingest.transport.stream import StreamLink

_RELEASE_S: Final = 2.0
_TRIES: Final = 3
"""How often a frame is sent within the timeout, over HDLC and over UDP; the wrapper on a reliable transport, once."""
_NOTHING: Final = LineCounts()
_E = TypeVar("_E", Associated, Answer, Released)
Phase = Literal["connect", "associate", "read"]


class MeterSession:
    """Connects, associates, reads, releases. Use as an async context manager, one request at a time.

    `timeout_s` bounds each wait for progress: octets that complete no part of an answer do not prolong it. `link` is
    one that is open already: the meter has called. `line` counts frames, for all sessions on one line.
    """

    __slots__ = (
        "_associated",
        "_client",
        "_connect_timeout_s",
        "_counter",
        "_counts",
        "_endpoint",
        "_line",
        "_link",
        "_repeats",
        "_timeout_s",
        "_tls",
        "_usable",
        "associate_s",
        "connect_s",
        "phase",
        "session_key",
        "unsolicited",
    )

    def __init__(
        self,
        endpoint: Endpoint,
        settings: ClientSettings,
        *,
        counter: DurableCounter | None = None,
        timeout_s: float = 10.0,
        connect_timeout_s: float | None = None,
        tls: Tls | None = None,
        link: Link | None = None,
        line: Line | None = None,
    ) -> None:
        self._endpoint = endpoint
        self._tls = tls
        self._client = Client(settings, counter)
        self._counter = counter
        self._timeout_s = timeout_s
        self._connect_timeout_s = timeout_s if connect_timeout_s is None else connect_timeout_s
        self._repeats = settings.framing is Framing.HDLC or settings.datagrams
        self._link = link
        self._line = Line(endpoint.location) if line is None else line
        self._counts = _NOTHING
        self._associated: Associated | None = None
        self._usable = False
        self.unsolicited: list[Unsolicited] = []
        """What the meter pushed on this connection while it was read; the owner takes them."""
        self.session_key: bytes | None = None
        """The dedicated key of the association, wrapped for who normalizes: see `carry`."""
        self.phase: Phase = "connect"
        """How far it has come; an error stays in its phase."""
        self.connect_s = 0.0
        """How long it took to connect, seconds."""
        self.associate_s = 0.0
        """How long it took to associate, seconds."""

    @property
    def system_title(self) -> bytes | None:
        """The meter's system title, where the association gave it."""
        return None if self._associated is None else self._associated.server_system_title

    @property
    def dedicated_key(self) -> bytes | None:
        """The dedicated key of the association, None where it has none."""
        return self._client.dedicated_key

    def carry(self, session_key: bytes) -> None:
        """Take the dedicated key as its owner has wrapped it: all records of the association bring it."""
        self.session_key = session_key
        if isinstance(self._link, StreamLink):
            self._link.session_key = session_key

    @property
    def usable(self) -> bool:
        """Whether the association stands and takes a request, as far as is known."""
        return self._usable

    async def open(self) -> None:
        """Connect and associate. Raises SessionError, which says in which phase."""
        try:
            await self._open()
        except SessionError as error:
            error.phase = self.phase
            raise

    async def _open(self) -> None:
        began = time.monotonic()
        if self._link is None:
            try:
                self._link = await open_link(self._endpoint, connect_timeout_s=self._connect_timeout_s, tls=self._tls)
            except NoAnswer as error:
                error.cause = "no connection came about: nothing comes back from there"
                error.remedy = "check the address, the meter's network, and firewalls that drop without a word"
                raise
        self.phase = "associate"
        connected = time.monotonic()
        self.connect_s = connected - began
        try:
            self._associated = await self._exchange(await self._encode(self._client.associate), Associated)
        except BaseException:
            await self._link.close()
            self._link = None
            raise
        self.associate_s = time.monotonic() - connected
        self.phase = "read"
        self._usable = True

    async def get(self, attribute: CosemAttribute, access: SelectiveAccess | None = None) -> Answer:
        """Read one attribute, block transfers included. Raises SessionError; the session is unusable afterwards."""
        try:
            return await self._exchange(await self._encode(lambda: self._client.get(attribute, access)), Answer)
        except SessionError as error:
            error.phase = self.phase
            raise

    async def set(self, attribute: CosemAttribute, value: Data) -> Answer:
        """Write one attribute; the result says whether the meter took it. Raises SessionError, as `get`."""
        return await self._exchange(await self._encode(lambda: self._client.set(attribute, value)), Answer)

    async def detach(self) -> Link:
        """Release the association and hand the link over for another one, as over a connection that the meter opened.

        Raises SessionError.
        """
        link = self._link
        if link is None or not self._usable:
            raise ExchangeFailed("The session is not open", "open it first")
        request = await self._encode(self._client.release)
        if request:
            await self._exchange(request, Released)
        self._link = None
        self._usable = False
        return link

    async def close(self) -> None:
        """Release the association if it still stands, and disconnect."""
        if self._link is None:
            return
        try:
            if self._usable:
                with contextlib.suppress(SessionError, DlmsError, CounterError):
                    self._timeout_s = min(self._timeout_s, _RELEASE_S)
                    request = await self._encode(self._client.release)
                    if request:
                        await self._exchange(request, Released)
        finally:
            self._usable = False
            link, self._link = self._link, None
            await link.close()

    async def __aenter__(self) -> MeterSession:
        await self.open()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def _encode(self, make: Callable[[], bytes]) -> bytes:
        """Let the client make a request; what it refuses is a setting of ours."""
        try:
            await self._counted()
            return make()
        except UsageError as error:
            raise ExchangeFailed(str(error), "correct the settings of this meter") from None

    async def _counted(self) -> None:
        """Wait until the counter values of the client's next step are on disk."""
        if self._counter is not None:
            await self._counter.ready()

    async def _exchange(self, request: bytes, wanted: type[_E]) -> _E:
        """Send a request and wait for the event that answers it."""
        link = self._link
        if link is None:
            raise ExchangeFailed("The session is not open", "open it first")
        usable, self._usable = self._usable, False
        before = self._counts
        try:
            event = await self._answered(link, request, wanted)
        except asyncio.TimeoutError:
            now = self._count()
            raise failure.unanswered(
                before, now, self._line, self._timeout_s, associating=wanted is Associated
            ) from None
        except (ConnectionClosed, ConnectionFailed) as error:
            now = self._count()
            raise failure.broken(before, now, self._line, error, associating=wanted is Associated) from None
        self._count()
        self._usable = usable or wanted is Associated
        return event

    async def _answered(self, link: Link, request: bytes, wanted: type[_E]) -> _E:
        """Do it; asyncio.TimeoutError at the deadline."""
        await link.send(request, self._timeout_s)
        now = time.monotonic()
        deadline = now + self._timeout_s
        received = 0
        while True:
            await self._counted()
            wait = deadline - now
            if self._repeats:
                wait = min(wait, self._timeout_s / _TRIES)
            try:
                data = await link.receive(max(0.001, wait))
            except asyncio.TimeoutError:
                if now + wait >= deadline:
                    raise
                data = b""  # the last frame is to be repeated
            received += len(data)
            if received > MAX_VALUE:
                raise ExchangeFailed(
                    f"The answer exceeds {MAX_VALUE} octets",
                    "read a shorter range of the profile",
                )
            found: _E | None = None
            for event in self._client.receive(data) if data else self._client.timeout():
                if isinstance(event, Unsolicited):
                    self.unsolicited.append(event)
                elif isinstance(event, wanted):
                    found = event
                elif isinstance(event, Send):
                    await link.send(event.data, self._timeout_s)
                    if data:
                        deadline = time.monotonic() + self._timeout_s
                elif not data:
                    raise asyncio.TimeoutError
                elif found is None:
                    _raise(event)
            if found is not None:
                return found
            now = time.monotonic()
            if now >= deadline:
                raise asyncio.TimeoutError

    def _count(self) -> LineCounts:
        """Add what came since the last time to the line; return the client's counts."""
        now = self._client.counts
        self._line.add(self._counts, now)
        self._counts = now
        return now


def _raise(event: Event) -> None:
    """Turn what ends an exchange into our errors."""
    if isinstance(event, Refused):
        raise failure.rejected(event.error)
    if isinstance(event, Failed):
        raise failure.failed(event.error)
