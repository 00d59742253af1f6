"""UDP: each datagram is one wrapper; what is lost is sent again by who waits for the answer."""

from __future__ import annotations

import asyncio
from typing import Any, Final, cast

from ami_ingest.bounded import bounded
from ami_ingest.transport.inbox import Inbox
from ami_ingest.transport.link import connection_closed, connection_failed, timeout_error
from ami_ingest.transport.stream import resolve

_HOLD: Final = 256 << 10
"""Octets of datagrams held for who reads; what comes beyond is lost, as in any full buffer on the way."""


class DatagramLink(asyncio.DatagramProtocol):
    """A UDP socket connected to one meter: `receive` returns one datagram."""

    __slots__ = ("_inbox", "_transport", "dropped")

    def __init__(self) -> None:
        self._inbox = Inbox()
        self._transport: asyncio.DatagramTransport | None = None
        self.dropped = 0
        """Datagrams that found no room."""

    async def send(self, data: bytes, timeout_s: float) -> None:  # noqa: ARG002  a datagram never waits
        """Send one datagram; see `Link`. The system reports a refusal of an earlier one here or while receiving."""
        if self._transport is None:
            raise connection_closed()
        self._transport.sendto(data)

    async def receive(self, timeout_s: float) -> bytes:
        """Return the next datagram; see `Link`. A refusal is told once: the next request may find the meter up."""
        try:
            return await self._inbox.take(timeout_s)
        except OSError as error:
            if error.errno is None:  # our own timeout
                raise
            self._inbox.clear_error()
            raise connection_failed(error) from None

    async def close(self) -> None:
        """Close."""
        if self._transport is not None:
            self._transport.close()
            self._transport = None
            await asyncio.sleep(0)

    # What the event loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport."""
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:  # noqa: ARG002  it is connected
        """Keep a datagram for who reads."""
        if self._inbox.size + len(data) > _HOLD:
            self.dropped += 1
        elif data:
            self._inbox.put(data)

    def error_received(self, exc: Exception) -> None:
        """Tell who reads what an ICMP message or the kernel said of what was sent."""
        self._inbox.end(exc)

    def connection_lost(self, exc: Exception | None) -> None:
        """Note why the socket is gone."""
        self._transport = None
        self._inbox.end(exc or connection_closed())


async def connect(host: str, port: int, timeout_s: float) -> DatagramLink:
    """Open a socket towards a meter; nothing is sent yet. Raises ConnectionFailed or NoAnswer."""
    loop = asyncio.get_running_loop()
    try:
        address = (await bounded(resolve(host, port), timeout_s))[0]
        _, link = await loop.create_datagram_endpoint(DatagramLink, remote_addr=(address, port))
    except asyncio.TimeoutError as error:
        if isinstance(error, OSError) and error.errno:
            raise connection_failed(error) from None
        raise timeout_error(timeout_s) from None
    except OSError as error:
        raise connection_failed(error) from None
    return link
