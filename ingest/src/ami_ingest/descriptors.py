"""How many files and sockets this process may have open."""

from __future__ import annotations

import resource
from typing import Final

from structlog.typing import FilteringBoundLogger

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


class OpenFiles:
    """The limit of open files, raised, against the connections that a configuration lets in."""

    def __init__(self, log: FilteringBoundLogger) -> None:
        self._log = log
        self._said: tuple[int, int] | None = None

    def left(self, wanted: int) -> int:
        """Return for how many connections of ours there are files, beside `wanted` that come in; at least 1.

        Says what the limit allows, where that or what is wanted is another than before.
        """
        limit = raise_limit()
        allows = max(0, limit - OURS)
        if self._said != (limit, wanted):
            self._said = limit, wanted
            self._say(limit, allows, wanted)
        return max(1, allows - wanted)

    def _say(self, limit: int, allows: int, wanted: int) -> None:
        fields = {"open_files": limit, "connections": allows, "wanted": wanted}
        if wanted <= allows:
            self._log.info("open files", **fields)
            return
        self._log.warning(
            "the limit of open files is below max_connections",
            **fields,
            remedy="raise the limit (LimitNOFILE in the systemd unit, or ulimit -n), or lower push.max_connections, "
            "which pushes and calls have each",
        )
