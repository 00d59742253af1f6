"""`ami normalize --workers N`: the same command N times, supervised, with one page of metrics and health."""

from __future__ import annotations

import sys
import tempfile
import threading
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ami_kafka.observe.endpoint import serve
from ami_normalize.workers.gathered import Gathered
from ami_normalize.workers.supervisor import Supervisor

if TYPE_CHECKING:
    from ami_normalize.stream.settings import Settings


def supervise(count: int, settings: Settings, stop: threading.Event, log: Any) -> None:
    """Run workers until `stop` is set. Each is this command again: of an option given twice the last counts."""
    with ExitStack() as held:
        folder = Path(held.enter_context(tempfile.TemporaryDirectory(prefix="ami-workers-")))
        sockets = {number: folder / f"{number}.sock" for number in range(1, count + 1)} if settings.metrics else {}
        commands = [_command(number, settings, sockets.get(number)) for number in range(1, count + 1)]
        supervisor = Supervisor(commands, log)
        if settings.metrics:
            where = held.enter_context(serve(settings.metrics, Gathered(supervisor, sockets)))
            log.info("metrics and health of all workers are served", at=where)
        log.info("supervising", workers=count, kafka=settings.bootstrap, group=settings.group)
        supervisor.run(stop)


def _command(number: int, settings: Settings, socket: Path | None) -> list[str]:
    command = [sys.executable, "-m", "ami_cli", *sys.argv[1:], "--workers", "1", "--supervised", str(number)]
    if socket is not None:
        command += ["--metrics", f"unix:{socket}"]
    if settings.instance_id:
        command += ["--instance-id", f"{settings.instance_id}-{number}"]
    return command
