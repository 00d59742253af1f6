"""A byte stream to a meter, with a timeout on every wait and errors in stable wording."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import socket
from typing import Final

from ami_ingest.config.endpoint import Endpoint
from ami_ingest.errors import ConnectionClosed, ConnectionFailed, NoAnswer, SessionError

_READ: Final = 65536
_WORDS: Final = {
    errno.ECONNREFUSED: ("Connection Refused", "nothing listens there: check the meter's port and that it is on"),
    errno.EHOSTUNREACH: ("No Route to Host", "check the meter's network and the firewall on the way"),
    errno.ENETUNREACH: ("Network Unreachable", "check this machine's network"),
    errno.ETIMEDOUT: ("Connection Timed Out", "check the meter's network and the firewall on the way"),
    errno.ECONNRESET: ("Connection Reset", "the meter dropped the connection: it may be busy with another client"),
}


def timeout_error(seconds: float) -> NoAnswer:
    """Return the error of a wait that ended without an answer."""
    return NoAnswer(
        f"Timer T1 Timeout (no answer within {seconds:g} s)",
        "check client and server address, the authentication and the link; a meter often refuses by silence",
    )


class Link:
    """An open TCP connection to a meter."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, endpoint: Endpoint, timeout_s: float) -> Link:
        """Connect. Raises ConnectionFailed or NoAnswer."""
        try:
            return cls(*await asyncio.wait_for(_connect(endpoint), timeout_s))
        except asyncio.TimeoutError as error:
            raise _timed_out(error, timeout_s) from None
        except OSError as error:
            raise _failed(error) from None

    async def send(self, data: bytes, timeout_s: float) -> None:
        """Send octets. Raises ConnectionFailed, or NoAnswer where the peer takes none."""
        try:
            self._writer.write(data)
            await asyncio.wait_for(self._writer.drain(), timeout_s)
        except asyncio.TimeoutError as error:
            raise _timed_out(error, timeout_s) from None
        except OSError as error:
            raise _failed(error) from None

    async def receive(self, timeout_s: float) -> bytes:
        """Return the next octets. Raises ConnectionClosed, ConnectionFailed or asyncio.TimeoutError."""
        try:
            data = await asyncio.wait_for(self._reader.read(_READ), timeout_s)
        except asyncio.TimeoutError as error:
            if _number(error):
                raise _timed_out(error, timeout_s) from None
            raise
        except OSError as error:
            raise _failed(error) from None
        if not data:
            raise ConnectionClosed(
                "Connection Closed (by the meter)",
                "check the authentication, the addresses and whether another client is connected",
            )
        return data

    async def close(self) -> None:
        """Close, without waiting for a peer that does not answer."""
        self._writer.close()
        with contextlib.suppress(OSError, asyncio.TimeoutError):
            await asyncio.wait_for(self._writer.wait_closed(), 1.0)


async def _connect(endpoint: Endpoint) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Try each address of the host in turn, so that the error is one address' own and not a sum of several."""
    loop = asyncio.get_running_loop()
    places = await loop.getaddrinfo(endpoint.host, endpoint.port, type=socket.SOCK_STREAM)
    failure: OSError = OSError(errno.EHOSTUNREACH, os.strerror(errno.EHOSTUNREACH))
    for family, _, _, _, address in places:
        try:
            return await asyncio.open_connection(str(address[0]), endpoint.port, family=family)
        except OSError as error:  # noqa: PERF203  each address has its own error
            failure = error
    raise failure


def _number(error: BaseException) -> int:
    """Return the system's error number; none where our own wait ended (since 3.11 both are one class)."""
    return getattr(error, "errno", None) or 0


def _timed_out(error: BaseException, timeout_s: float) -> SessionError:
    if isinstance(error, OSError) and _number(error):
        return _failed(error)
    return timeout_error(timeout_s)


def _failed(error: OSError) -> ConnectionFailed:
    if isinstance(error, socket.gaierror):
        return ConnectionFailed(
            f"Host Name Unknown (Error {error.errno})",
            "correct the host name, or check this machine's name resolution",
            error.errno or 0,
        )
    code = error.errno or 0
    words, remedy = _WORDS.get(code, ("Connection Failed", "check the meter's address and the network"))
    return ConnectionFailed(f"{words} (Error {code})", remedy, code)
