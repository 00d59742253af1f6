"""From an address to an open link."""

from __future__ import annotations

from ami_ingest.config.endpoint import Endpoint, Scheme
from ami_ingest.config.model import Tls
from ami_ingest.errors import NotCalled
from ami_ingest.transport import datagram, serial_line, stream
from ami_ingest.transport.link import Link
from ami_ingest.transport.tls import client_context


async def open_link(endpoint: Endpoint, *, connect_timeout_s: float, tls: Tls | None = None) -> Link:
    """Open the way to a meter; for a serial line that includes waiting for our turn on it.

    Raises ConnectionFailed, NoAnswer, TlsFailed, SerialPortFailed, OpeningFailed or NotCalled; ConfigError where a
    file of `tls` cannot be used.
    """
    if endpoint.line is not None:
        return await serial_line.open_line(endpoint.line, connect_timeout_s)
    if endpoint.scheme.is_call_in:
        raise NotCalled(
            "Not Connected (the meter has not called in)",
            "check that the meter has the address of this agent, and that `listen` has a socket of role call-in",
            "only the meter can connect, and it has no connection now",
        )
    if endpoint.scheme is Scheme.UDP:
        return await datagram.connect(endpoint.host, endpoint.port, connect_timeout_s)
    context = client_context(tls) if endpoint.scheme.is_tls else None
    name = None if tls is None else tls.server_name
    return await stream.connect(endpoint.host, endpoint.port, connect_timeout_s, context=context, server_name=name)
