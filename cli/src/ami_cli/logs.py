"""Logs of verbs that run until they are told to stop: lines on stderr, readable on a terminal, JSON elsewhere."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any, Final

import structlog

if TYPE_CHECKING:
    from ami_kafka.events import LoopEvent

REPORT_EVERY_S: Final = 10.0
"""How often a processor that works says how much."""

_WARNINGS: Final = frozenset({"aborted", "rebuilt", "held", "oversize", "kafka-away", "progress-differs"})


def stderr_logger(name: str) -> Any:
    """Return a logger of its own that writes to stderr: nothing global is configured."""
    renderer: Any = structlog.dev.ConsoleRenderer() if sys.stderr.isatty() else structlog.processors.JSONRenderer()
    return structlog.wrap_logger(
        structlog.PrintLogger(sys.stderr),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger("info"),
        cache_logger_on_first_use=True,
    ).bind(verb=name)


class LoopLog:
    """Logs what a transactional loop tells: committed batches as one line every few seconds, all else at once."""

    def __init__(self, log: Any) -> None:
        self._log = log
        self._records = self._outputs = self._batches = 0
        self._reported = -REPORT_EVERY_S  # the first batch is told at once

    def __call__(self, event: LoopEvent) -> None:
        """Take an event."""
        if event.kind.value == "committed":
            self._count(event)
            return
        tell = self._log.warning if event.kind.value in _WARNINGS else self._log.info
        tell(event.sentence, kind=event.kind.value, **event.fields)

    def _count(self, event: LoopEvent) -> None:
        self._batches += 1
        self._records += int(str(event.fields.get("records", 0)))
        self._outputs += int(str(event.fields.get("outputs", 0)))
        now = time.monotonic()
        if now - self._reported < REPORT_EVERY_S:
            return
        self._log.info(
            "normalized",
            kind="committed",
            records=self._records,
            outputs=self._outputs,
            transactions=self._batches,
        )
        self._records = self._outputs = self._batches = 0
        self._reported = now
