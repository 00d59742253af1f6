"""The log: lines on stderr, readable on a terminal, JSON elsewhere."""

from __future__ import annotations

import sys
from typing import TextIO, cast

import structlog


def logger(stream: TextIO | None = None, *, json: bool | None = None) -> structlog.typing.FilteringBoundLogger:
    """Return a logger of its own: nothing global is configured.

    `stream` is stderr if absent; `json` decides by the stream being a terminal if absent.
    """
    out = sys.stderr if stream is None else stream
    as_json = not out.isatty() if json is None else json
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer() if as_json else structlog.dev.ConsoleRenderer(colors=True)
    )
    return cast(
        "structlog.typing.FilteringBoundLogger",
        structlog.wrap_logger(
            structlog.PrintLogger(out),
            processors=[
                structlog.processors.add_log_level,
                structlog.processors.TimeStamper(fmt="iso", utc=True),
                structlog.processors.format_exc_info,
                renderer,
            ],
            wrapper_class=structlog.make_filtering_bound_logger("info"),
            cache_logger_on_first_use=True,
        ),
    )
