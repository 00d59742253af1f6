"""A peer that vanished without a word: noticed in minutes, where the system would take two hours.

Cellular networks and NAT forget connections and tell neither side. A meter that connects anew each time would leave so
many dead connections behind that the limit refuses it.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import Final

IDLE_S: Final = 600
"""So long nothing came before the first question: each costs a cellular link some 100 octets."""
EVERY_S: Final = 30
QUESTIONS: Final = 4
"""After so many without an answer the connection is over."""


def keep_alive(transport: asyncio.BaseTransport) -> None:
    """Have the system ask a silent peer whether it is there."""
    sock = transport.get_extra_info("socket")
    if sock is None:
        return
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, IDLE_S)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, EVERY_S)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, QUESTIONS)
