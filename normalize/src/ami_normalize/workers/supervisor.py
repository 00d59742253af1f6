"""Runs workers as processes: starts them again when they end, ends them when asked to."""

from __future__ import annotations

import signal
import subprocess
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final

from structlog.typing import FilteringBoundLogger

from ami_normalize.workers.restarts import Restarts

GRACE_S: Final = 30.0
"""From SIGTERM to SIGKILL."""
_LOOK_S: Final = 0.2


class Worker:
    """One of them: its command, its process, its history."""

    def __init__(self, number: int, command: Sequence[str]) -> None:
        self.number = number
        self.restarts = Restarts()
        self._command = list(command)
        self._process: subprocess.Popen[bytes] | None = None
        self._due = 0.0

    @property
    def pid(self) -> int | None:
        """Its process id; None while it does not run."""
        return self._process.pid if self._process is not None else None

    def look(self, log: FilteringBoundLogger) -> None:
        """Start it if it is due; note it if it has ended."""
        now = time.monotonic()
        if self._process is None:
            if now >= self._due:
                self._start(log)
            return
        code = self._process.poll()
        if code is None:
            return
        self._close()
        restart = self.restarts.ended()
        self._due = now + restart.pause_s
        tell = log.error if restart.looping else log.warning
        sentence = "a worker ends again and again, see what it said" if restart.looping else "a worker ended"
        tell(sentence, worker=self.number, code=code, times=restart.times, again_in_s=restart.pause_s)

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal, if it runs."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                self._process.send_signal(number)

    def wait(self, seconds: float) -> bool:
        """Wait for its end; return whether it has ended."""
        if self._process is None:
            return True
        try:
            self._process.wait(max(0.0, seconds))
        except subprocess.TimeoutExpired:
            return False
        self._close()
        return True

    def _start(self, log: FilteringBoundLogger) -> None:
        # A session of its own: Ctrl-C at the terminal reaches the supervisor alone, which then ends them in order.
        self._process = subprocess.Popen(self._command, stdin=subprocess.PIPE, start_new_session=True)  # noqa: S603
        self.restarts.started()
        log.info("a worker runs", worker=self.number, pid=self._process.pid)

    def _close(self) -> None:
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()
        self._process = None


class Supervisor:
    """All workers."""

    def __init__(self, commands: Sequence[Sequence[str]], log: FilteringBoundLogger) -> None:
        """Take the command of each worker; it must end when its standard input does (`supervised`)."""
        self.workers = [Worker(number, command) for number, command in enumerate(commands, start=1)]
        self._log = log

    def run(self, stop: threading.Event) -> None:
        """Keep them running until `stop` is set, then end them: SIGTERM, and SIGKILL to who takes too long."""
        try:
            while not stop.wait(_LOOK_S):
                for worker in self.workers:
                    worker.look(self._log)
        finally:
            self._end()

    def page(self) -> list[dict[str, Any]]:
        """Return each worker's number, process and restarts."""
        return [
            {"worker": worker.number, "pid": worker.pid, "restarts": worker.restarts.total} for worker in self.workers
        ]

    def _end(self) -> None:
        for worker in self.workers:
            worker.signal(signal.SIGTERM)
        deadline = time.monotonic() + GRACE_S
        for worker in self.workers:
            if not worker.wait(deadline - time.monotonic()):
                self._log.warning("a worker did not end in time and is killed", worker=worker.number)
                worker.signal(signal.SIGKILL)
                worker.wait(GRACE_S)
