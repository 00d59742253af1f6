"""TCP and TLS: a stream of octets to a meter, or from one that connected to us."""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import os
import socket
import ssl
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Final, cast

from ami_ingest.bounded import bounded
from ami_ingest.errors import SessionError
from ami_ingest.keepalive import keep_alive
from ami_ingest.transport.inbox import Inbox, within
from ami_ingest.transport.link import connection_closed, connection_failed, timeout_error
from ami_ingest.transport.tls import tls_failed, unanswered_handshake

_HOLD: Final = 128 << 10
"""Octets a link holds before it stops reading: the rest waits at the peer."""
_CLOSE_S: Final = 1.0
_RESOLVERS: Final = ThreadPoolExecutor(8, "resolve")
"""A name service that does not answer holds up who asks for names, and nothing else that works in threads."""


class StreamLink(asyncio.Protocol):
    """An open TCP or TLS connection."""

    __slots__ = ("_closed", "_drained", "_held", "_inbox", "_transport", "peer", "session_key")

    def __init__(self) -> None:
        self._inbox = Inbox()
        self._transport: asyncio.Transport | None = None
        self._held = False
        self._drained: asyncio.Future[bool] | None = None
        self._closed: asyncio.Future[bool] | None = None
        self.peer = ("unknown", 0)
        """Address and port of the other end."""
        self.session_key: bytes | None = None
        """The own key of the association over it, wrapped: it opens what the peer says unasked."""

    async def send(self, data: bytes, timeout_s: float) -> None:
        """Send octets; see `Link`."""
        transport = self._transport
        if transport is None or transport.is_closing():
            raise await self._why_closed(timeout_s)
        transport.write(data)
        if self._drained is not None and not await within(self._drained, timeout_s):
            raise timeout_error(timeout_s)
        if self._inbox.error is not None:
            raise self._inbox.error

    async def receive(self, timeout_s: float) -> bytes:
        """Return the next octets; see `Link`."""
        data = await self._inbox.take(timeout_s)
        self._read_on()
        return data

    async def close(self) -> None:
        """Close; see `Link`."""
        transport = self._transport
        if transport is None:
            return
        self._closed = asyncio.get_running_loop().create_future()
        transport.close()
        if not await within(self._closed, _CLOSE_S):
            transport.abort()

    async def _why_closed(self, timeout_s: float) -> Exception:
        """Return what ended the link; a transport that is closing tells it in a later turn of the loop."""
        if self._inbox.error is None and self._transport is not None:
            self._closed = self._closed or asyncio.get_running_loop().create_future()
            await within(self._closed, timeout_s)
        return self._inbox.error or connection_closed()

    def put_back(self, data: bytes) -> None:
        """Return octets that were received already: they come first again."""
        self._inbox.put_back(data)

    def unread(self, before: float) -> bytes:
        """Return what came before a time (monotonic seconds) and nobody has taken or waits for."""
        if not self._inbox.size or self._inbox.since >= before:
            return b""
        octets = self._inbox.take_all()
        self._read_on()
        return octets

    def _read_on(self) -> None:
        if self._held and self._inbox.size <= _HOLD // 2:
            self._held = False
            if self._transport is not None and not self._transport.is_closing():
                self._transport.resume_reading()

    def abort(self) -> None:
        """Close at once; nothing more is sent."""
        if self._transport is not None:
            self._transport.abort()

    # What the event loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport."""
        self._transport = cast("asyncio.Transport", transport)
        name = transport.get_extra_info("peername")
        if name:
            self.peer = (str(name[0]), int(name[1]))
        keep_alive(transport)

    def data_received(self, data: bytes) -> None:
        """Keep octets for who reads."""
        self._inbox.put(data)
        if self._inbox.size > _HOLD and not self._held and self._transport is not None:
            self._held = True
            self._transport.pause_reading()

    def eof_received(self) -> None:
        """Note that the peer says no more; the transport then closes itself."""
        self._inbox.end(connection_closed())

    def pause_writing(self) -> None:
        """Make senders wait."""
        self._drained = asyncio.get_running_loop().create_future()

    def resume_writing(self) -> None:
        """Let senders go on."""
        drained, self._drained = self._drained, None
        if drained is not None and not drained.done():
            drained.set_result(True)

    def connection_lost(self, exc: Exception | None) -> None:
        """Note why the connection is gone."""
        transport, self._transport = self._transport, None
        if transport is not None:
            transport.close()  # Python 3.10 does not close the TLS part of a connection that broke
        self._inbox.end(_lost(exc))
        self.resume_writing()
        if self._closed is not None and not self._closed.done():
            self._closed.set_result(True)


async def connect(
    host: str, port: int, timeout_s: float, *, context: ssl.SSLContext | None = None, server_name: str | None = None
) -> StreamLink:
    """Connect, with TLS where a context is given; `server_name` is who the certificate must name, by default the host.

    Raises ConnectionFailed, TlsFailed or NoAnswer.
    """
    connected: list[StreamLink] = []
    try:
        connecting = _connect(host, port, context, server_name, connected)
        return await bounded(connecting, timeout_s, undo=StreamLink.abort)
    except asyncio.TimeoutError as error:
        if isinstance(error, OSError) and error.errno:  # since 3.11 the system's and ours are one class
            raise connection_failed(error) from None
        if connected:
            raise unanswered_handshake(timeout_s) from None
        raise timeout_error(timeout_s) from None
    except OSError as error:
        if context is not None and not error.errno:
            raise tls_failed(error) from None  # asyncio's words for a handshake that was cut off or took too long
        raise _lost(error) from None


async def _connect(
    host: str, port: int, context: ssl.SSLContext | None, server_name: str | None, connected: list[StreamLink]
) -> StreamLink:
    """Try each address of the host in turn, so that the error is one address' own and not a sum of several.

    `connected` gets a link where a connection came about, which TLS may not have done yet.
    """

    def link_of_connection() -> StreamLink:
        connected.append(StreamLink())
        return connected[-1]

    loop = asyncio.get_running_loop()
    failure: OSError = OSError(errno.EHOSTUNREACH, os.strerror(errno.EHOSTUNREACH))
    name = None if context is None else server_name or host
    for address in await resolve(host, port):
        try:
            _, link = await loop.create_connection(link_of_connection, address, port, ssl=context, server_hostname=name)
        except ssl.SSLError:  # noqa: PERF203  each address has its own error
            raise  # another address of the host has the same certificate
        except OSError as error:
            failure = error
        else:
            return link
    raise failure


async def resolve(host: str, port: int) -> list[str]:
    """Return the addresses of a host; an address stands for itself, and costs no thread. Raises OSError."""
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        asked = partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
        places = await asyncio.get_running_loop().run_in_executor(_RESOLVERS, asked)
        return [str(place[4][0]) for place in places]
    return [host]


def _lost(error: Exception | None) -> SessionError:
    if isinstance(error, ssl.SSLError):
        return tls_failed(error)
    if isinstance(error, OSError):
        return connection_failed(error)
    return connection_closed()
