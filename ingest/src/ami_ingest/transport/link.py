"""A link to a meter, whatever carries it: octets both ways, a timeout on every wait, errors in stable wording."""

from __future__ import annotations

import errno
import socket
from typing import Final, Protocol

from ami_ingest.errors import ConnectionClosed, ConnectionFailed, NoAnswer

_WORDS: Final = {
    errno.ECONNREFUSED: ("Connection Refused", "nothing listens there: check the meter's port and that it is on"),
    errno.EHOSTUNREACH: ("No Route to Host", "check the meter's network and the firewall on the way"),
    errno.ENETUNREACH: ("Network Unreachable", "check this machine's network"),
    errno.ETIMEDOUT: ("Connection Timed Out", "check the meter's network and the firewall on the way"),
    errno.ECONNRESET: ("Connection Reset", "the meter dropped the connection: it may be busy with another client"),
    errno.EPIPE: ("Connection Reset", "the meter dropped the connection: it may be busy with another client"),
}


def timeout_error(seconds: float) -> NoAnswer:
    """Return the error of a wait that ended without an answer."""
    return NoAnswer(
        f"Timer T1 Timeout (no answer within {seconds:g} s)",
        "check client and server address, the authentication and the link; a meter often refuses by silence",
    )


class Link(Protocol):
    """An open way to a meter; one taker and one sender at a time."""

    async def send(self, data: bytes, timeout_s: float) -> None:
        """Send octets. Raises ConnectionClosed, ConnectionFailed, or NoAnswer where the peer takes none."""

    async def receive(self, timeout_s: float) -> bytes:
        """Return the next octets, never none. Raises ConnectionClosed, ConnectionFailed or asyncio.TimeoutError."""

    async def close(self) -> None:
        """Close, without waiting for a peer that does not answer."""


def connection_closed() -> ConnectionClosed:
    """Return the error of a link whose other end was closed."""
    return ConnectionClosed(
        "Connection Closed (by the meter)",
        "check the authentication, the addresses and whether another client is connected",
    )


def connection_failed(error: OSError) -> ConnectionFailed:
    """Put what the system says about a connection into our words."""
    number = error.errno or 0
    if isinstance(error, socket.gaierror):
        return ConnectionFailed(
            f"Host Name Unknown (Error {number})",
            "correct the host name, or check this machine's name resolution",
            number,
        )
    words, remedy = _WORDS.get(number, ("Connection Failed", "check the meter's address and the network"))
    return ConnectionFailed(f"{words} (Error {number})", remedy, number)
