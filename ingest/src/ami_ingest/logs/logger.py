"""The logger of the agent and of the technician's commands: nothing global is configured."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime, timezone
from typing import Any, Final, TextIO, cast

import structlog

from ami_ingest.config.model import Logs
from ami_ingest.logs import line
from ami_ingest.logs.flood import Flood
from ami_ingest.logs.folder import Folder, Trouble
from ami_ingest.logs.line import Event

Logger = structlog.typing.FilteringBoundLogger

_FORMS: Final = {"text": line.text, "json": line.json_line}


def logger(stream: TextIO | None = None, *, json: bool | None = None) -> Logger:
    """Return a logger that writes lines to a stream (stderr): readable on a terminal, else for what reads it.

    `json` decides it where given.
    """
    out = sys.stderr if stream is None else stream
    return _made(_stream_sink(out, json=json))


def discard() -> Logger:
    """Return a logger that says nothing."""
    return _made(_discard)


@contextmanager
def opened(logs: Logs, stream: TextIO | None = None, *, quiet: bool = False, shared: bool = False) -> Iterator[Logger]:
    """Give the log of an agent: stderr, and the files of `logs.folder` where it is set.

    A folder that cannot be written is told once, and tried again with each line. `quiet` leaves stderr out; `shared`
    leaves the rotation to the agent that owns the folder.
    """
    to_stream = _discard if quiet else _stream_sink(sys.stderr if stream is None else stream)
    if logs.folder is None:
        flood = Flood(to_stream)
        try:
            yield _made(flood, logs.level)
        finally:
            flood.flush()
        return

    def fan(event: Event) -> None:
        to_stream(event)
        folder.put(event)

    flood = Flood(fan)
    folder = Folder(
        logs.folder,
        _FORMS[logs.format],
        max_bytes=None if shared else logs.max_mb << 20,
        keep=logs.keep,
        trouble=lambda found: to_stream(_told(found)),
        tick=flood.tick,
    )
    folder.start()
    try:
        yield _made(flood, logs.level)
    finally:
        flood.flush()
        folder.close()


def set_level(log: Logger, level: str) -> None:
    """Have a log of `opened`, and whatever is bound to it already, leave out what is less important from now on.

    What decides stays the method itself, so that a line that is left out costs nothing. Other logs stay as they are.
    """
    kind = type(log.bind())
    if issubclass(kind, _Levelled):
        for name, method in vars(structlog.make_filtering_bound_logger(level)).items():
            if not name.startswith("__"):
                setattr(kind, name, method)


class _Levelled:
    """The class of one log alone: its level can be another tomorrow."""


def _told(trouble: Trouble | None) -> Event:
    """Make an event of what the files' thread tells."""
    if trouble is None:
        return {"event": "the log files are written again", "level": "info", "timestamp": _now()}
    return {
        "event": "the log files cannot be written: lines go to stderr only",
        "level": "error",
        "path": str(trouble.path),
        "reason": trouble.reason,
        "remedy": f"make {trouble.path.parent} a folder this user may write to, with room on its disk",
        "timestamp": _now(),
    }


def _made(sink: Callable[[Event], None], level: str = "info") -> Logger:
    def end(_logger: Any, _method: str, event: Any) -> Any:
        sink(event)
        raise structlog.DropEvent

    return cast(
        "Logger",
        structlog.wrap_logger(
            None,
            processors=[structlog.processors.add_log_level, _stamped, structlog.processors.format_exc_info, end],
            wrapper_class=type("BoundLogger", (_Levelled, structlog.make_filtering_bound_logger(level)), {}),
            cache_logger_on_first_use=True,
        ),
    )


def _discard(_event: Event) -> None:
    """Say nothing."""


def _stamped(_logger: Any, _method: str, event: Any) -> Any:
    event["timestamp"] = _now()
    return event


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _stream_sink(out: TextIO, *, json: bool | None = None) -> Callable[[Event], None]:
    form = _form_for(out, json=json)
    lock = threading.Lock()

    def write(event: Event) -> None:
        told = f"{form(event)}\n"
        # Who read it may have gone: that must not end who speaks.
        with lock, suppress(OSError, ValueError):
            out.write(told)
            out.flush()

    return write


def _form_for(out: TextIO, *, json: bool | None) -> Callable[[Event], str]:
    terminal = out.isatty()
    if json is True or (json is None and not terminal and not to_journal(out)):
        return line.json_line
    if json is None and not terminal:
        return line.journal
    console = structlog.dev.ConsoleRenderer(colors=terminal)

    def readable(event: Event) -> str:
        return console(None, "", dict(event))

    return readable


def to_journal(out: TextIO, environ: Mapping[str, str] = os.environ) -> bool:
    """Tell whether a stream is the journal's own (systemd.exec, JOURNAL_STREAM: device and inode)."""
    device, _, inode = environ.get("JOURNAL_STREAM", "").partition(":")
    if not device.isdecimal() or not inode.isdecimal():
        return False
    try:
        found = os.fstat(out.fileno())
    except (OSError, ValueError):
        return False
    return (found.st_dev, found.st_ino) == (int(device), int(inode))
