"""Push captured frames at a listener, as meters would: each message on a connection of its own."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Iterable
from typing import Final, Literal, NamedTuple

from ami_ingest.config.endpoint import location
from ami_ingest.errors import ConnectionFailed
from ami_ingest.frames import Frames

_CONNECT_S: Final = 10.0
_DRAIN_S: Final = 10.0
_MAX_DATAGRAM: Final = 65_000
_PORTS_HELD: Final = 500
"""UDP ports kept open, so that as many messages in a row come from different peers."""


class Sent(NamedTuple):
    """One message that went out."""

    id: str
    data: bytes
    """Exactly the octets sent."""


async def send(
    frames: Iterable[Frames],
    host: str,
    port: int,
    *,
    transport: Literal["tcp", "udp"] = "tcp",
    interval_s: float = 0.0,
) -> AsyncIterator[Sent]:
    """Send each message on its own connection (UDP: from its own port), one after the other; yield what was sent.

    With TCP each message is yielded after the listener has closed its side, so it has read every octet. A message
    longer than a datagram goes out in several. Raises ConnectionFailed.
    """
    ports: deque[asyncio.DatagramTransport] = deque()
    try:
        for number, message in enumerate(frames):
            if number and interval_s:
                await asyncio.sleep(interval_s)
            try:
                if transport == "tcp":
                    await _send_tcp(message.data, host, port)
                else:
                    ports.append(await _send_udp(message.data, host, port))
            except (OSError, asyncio.TimeoutError) as error:
                code = getattr(error, "errno", None) or 0
                reason = getattr(error, "strerror", None) or "no answer"
                raise ConnectionFailed(
                    f"Cannot send to {transport} {location(host, port)} ({reason})",
                    "start the agent with `ami collect`, or correct the address",
                    code,
                ) from None
            if len(ports) > _PORTS_HELD:
                ports.popleft().close()
            yield Sent(message.id, message.data)
    finally:
        for held in ports:
            held.close()


async def _send_tcp(data: bytes, host: str, port: int) -> None:
    reader, writer = await asyncio.wait_for(asyncio.open_connection(host, port), _CONNECT_S)
    try:
        writer.write(data)
        await asyncio.wait_for(writer.drain(), _DRAIN_S)
        writer.write_eof()
        # The listener closes when it has seen our end: until then the octets may be anywhere.
        with contextlib.suppress(asyncio.TimeoutError):
            while await asyncio.wait_for(reader.read(4096), _DRAIN_S):
                pass
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def _send_udp(data: bytes, host: str, port: int) -> asyncio.DatagramTransport:
    """Send from a new port, and leave it open: the system would soon give it to another message."""
    endpoint, _ = await asyncio.get_running_loop().create_datagram_endpoint(
        asyncio.DatagramProtocol, remote_addr=(host, port)
    )
    for start in range(0, len(data), _MAX_DATAGRAM):
        endpoint.sendto(data[start : start + _MAX_DATAGRAM])
    await asyncio.sleep(0)
    return endpoint
