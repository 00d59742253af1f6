"""How many files and sockets this process may have open."""

from __future__ import annotations

import resource
from typing import Final

OURS: Final = 200
"""Files and sockets that are neither meters' nor pushes': the spool, Kafka's brokers, logs, connections being made."""


def raise_limit() -> int:
    """Raise the limit of open files to what the system allows this process at most, and return it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        except (ValueError, OSError):  # an infinite limit that the kernel does not take
            return soft
    return hard
