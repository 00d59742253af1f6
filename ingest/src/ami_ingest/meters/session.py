"""One association with one meter: the I/O around `ami_dlms.client.Client`."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from types import TracebackType
from typing import Final, TypeVar

from ami_dlms.apdu import CosemAttribute, SelectiveAccess
from ami_dlms.apdu.acse import Diagnostic
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
from ami_dlms.errors import AssociationRefused, DlmsError, UsageError
from ami_dlms.framing import Framing
from ami_dlms.security import CounterProvider
from ami_ingest.config.endpoint import Endpoint
from ami_ingest.config.model import Tls
from ami_ingest.errors import AssociationRejected, ExchangeFailed, SessionError
from ami_ingest.record import MAX_VALUE
from ami_ingest.transport import Link, open_link
from ami_ingest.transport.link import timeout_error

_RELEASE_S: Final = 2.0
_TRIES: Final = 3
"""How often a frame is sent within the timeout, over HDLC and over UDP; the wrapper on a reliable transport, once."""
_E = TypeVar("_E", Associated, Answer, Released)


class MeterSession:
    """Connects, associates, reads, releases. Use as an async context manager, one request at a time.

    `timeout_s` bounds each wait for progress: octets that complete no part of an answer do not prolong it.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        settings: ClientSettings,
        *,
        counter: CounterProvider | None = None,
        timeout_s: float = 10.0,
        connect_timeout_s: float | None = None,
        tls: Tls | None = None,
    ) -> None:
        self._endpoint = endpoint
        self._tls = tls
        self._client = Client(settings, counter)
        self._timeout_s = timeout_s
        self._connect_timeout_s = timeout_s if connect_timeout_s is None else connect_timeout_s
        self._repeats = settings.framing is Framing.HDLC or settings.datagrams
        self._link: Link | None = None
        self._associated: Associated | None = None
        self._usable = False
        self.unsolicited: list[Unsolicited] = []
        """What the meter pushed on this connection while it was read; the owner takes them."""

    @property
    def system_title(self) -> bytes | None:
        """The meter's system title, where the association gave it."""
        return None if self._associated is None else self._associated.server_system_title

    async def open(self) -> None:
        """Connect and associate.

        Raises ConnectionFailed, ConnectionClosed, NoAnswer, AssociationRejected or ExchangeFailed.
        """
        self._link = await open_link(self._endpoint, connect_timeout_s=self._connect_timeout_s, tls=self._tls)
        try:
            self._associated = await self._exchange(_encode(self._client.associate), Associated)
        except BaseException:
            await self._link.close()
            self._link = None
            raise
        self._usable = True

    async def get(self, attribute: CosemAttribute, access: SelectiveAccess | None = None) -> Answer:
        """Read one attribute, block transfers included. Raises SessionError; the session is unusable afterwards."""
        return await self._exchange(_encode(lambda: self._client.get(attribute, access)), Answer)

    async def close(self) -> None:
        """Release the association if it still stands, and disconnect."""
        if self._link is None:
            return
        if self._usable:
            with contextlib.suppress(SessionError, DlmsError):
                self._timeout_s = min(self._timeout_s, _RELEASE_S)
                request = _encode(self._client.release)
                if request:
                    await self._exchange(request, Released)
        await self._link.close()
        self._link = None
        self._usable = False

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

    async def _exchange(self, request: bytes, wanted: type[_E]) -> _E:
        """Send a request and wait for the event that answers it."""
        link = self._link
        if link is None:
            raise ExchangeFailed("The session is not open", "open it first")
        usable, self._usable = self._usable, False
        await link.send(request, self._timeout_s)
        deadline = time.monotonic() + self._timeout_s
        received = 0
        while True:
            data = await self._receive(link, deadline)
            received += len(data)
            if received > MAX_VALUE:
                raise ExchangeFailed(
                    f"The answer exceeds {MAX_VALUE} octets",
                    "read a shorter range of the profile",
                )
            for event in self._client.receive(data) if data else self._client.timeout():
                if isinstance(event, wanted):
                    self._usable = usable or wanted is Associated
                    return event
                if isinstance(event, Send):
                    await link.send(event.data, self._timeout_s)
                    if data:
                        deadline = time.monotonic() + self._timeout_s
                elif isinstance(event, Unsolicited):
                    self.unsolicited.append(event)
                elif not data:
                    raise timeout_error(self._timeout_s)
                else:
                    _raise(event)
            if time.monotonic() >= deadline:
                raise timeout_error(self._timeout_s)

    async def _receive(self, link: Link, deadline: float) -> bytes:
        """Return the next octets; none where HDLC should repeat its last frame. Raises NoAnswer at the deadline."""
        now = time.monotonic()
        wait = deadline - now
        if self._repeats:
            wait = min(wait, self._timeout_s / _TRIES)
        try:
            return await link.receive(max(0.001, wait))
        except asyncio.TimeoutError:
            if now + wait < deadline:
                return b""
            raise timeout_error(self._timeout_s) from None


def _encode(make: Callable[[], bytes]) -> bytes:
    """Let the client make a request; what it refuses is a setting of ours."""
    try:
        return make()
    except UsageError as error:
        raise ExchangeFailed(str(error), "correct the settings of this meter") from None


def _raise(event: Event) -> None:
    """Turn what ends an exchange into our errors."""
    if isinstance(event, Refused):
        raise _rejected(event.error)
    if isinstance(event, Failed):
        raise ExchangeFailed(f"Exchange Failed ({event.error})", "look at the meter's answer and its configuration")


def _rejected(error: DlmsError) -> AssociationRejected:
    diagnostic = error.diagnostic if isinstance(error, AssociationRefused) else None
    return AssociationRejected(
        f"DLMS Association Rejected ({_word(diagnostic) or error})",
        "check the password or keys, the client address and the authentication level configured for this meter",
    )


def _word(diagnostic: int | None) -> str:
    """Write a diagnostic as the standard does: lower case with hyphens, or its number."""
    if diagnostic is None:
        return ""
    try:
        return Diagnostic(diagnostic).name.lower().replace("_", "-")
    except ValueError:
        return f"diagnostic {diagnostic}"
