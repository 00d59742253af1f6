"""Processes of the demo: started in groups of their own, logged to files, and ended whatever happens.

A guard process (`ami_cli.demo.guard`) ends them where the demo itself is killed.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Final, NamedTuple

from ami_cli.errors import CommandError, ExitCode

GRACE: Final = 5.0
"""Seconds a process may take to end after SIGTERM."""
READY_WITHIN_S: Final = 60.0
"""What a process may take to be ready."""

_POLL: Final = 0.05


class Child(NamedTuple):
    """A running process: its name, its handle, where its stdout and stderr go."""

    name: str
    process: subprocess.Popen[bytes]
    out: Path
    log: Path
    ends: bool
    """Whether it ends by itself when its work is done."""

    def last_words(self) -> str:
        """Return the last line it logged, or nothing."""
        for path in (self.log, self.out):
            with suppress(OSError):
                lines = path.read_text(errors="replace").split("\n")
                for line in reversed(lines):
                    if line.strip():
                        return line.strip()
        return ""


class Children:
    """A set of processes. Use as a context manager: leaving it ends all of them, the last one started first."""

    def __init__(self, logs: Path) -> None:
        self._logs = logs
        self._running: list[Child] = []
        self._guard: subprocess.Popen[bytes] | None = None
        logs.mkdir(parents=True, exist_ok=True)

    def start(
        self, name: str, command: Sequence[str], environment: Mapping[str, str] | None = None, *, ends: bool = False
    ) -> Child:
        """Start a process; stdout goes to `NAME.out`, stderr to `NAME.log`. `ends`: it may end, with code 0."""
        out, log = self._logs / f"{name}.out", self._logs / f"{name}.log"
        with out.open("wb") as stdout, log.open("wb") as stderr:
            # a session of its own: Ctrl-C at the terminal reaches the demo alone, which then ends them in order
            process = subprocess.Popen(  # noqa: S603 - our own command lines
                list(command),
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                env={**os.environ, **(environment or {})},
                start_new_session=True,
            )
        child = Child(name, process, out, log, ends)
        self._running.append(child)
        self._tell_guard(f"{process.pid}\n")
        return child

    def check(self) -> None:
        """Raise where a process has ended that should not."""
        for child in self._running:
            code = child.process.poll()
            if code is not None and not (child.ends and code == 0):
                words = child.last_words()
                raise CommandError(
                    f"The process `{child.name}` ended with code {code}" + (f": {words}" if words else ""),
                    f"see {child.log}",
                    ExitCode.INCOMPLETE,
                )

    def ready(self, child: Child, timeout: float = READY_WITHIN_S) -> dict[str, Any]:
        """Wait for the line of JSON by which a process says that it is ready, and return it."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            self.check()
            first, newline, _ = child.out.read_text(errors="replace").partition("\n")
            if newline:
                with suppress(ValueError):
                    said = json.loads(first)
                    if isinstance(said, dict):
                        return said
            time.sleep(_POLL)
        raise CommandError(
            f"The process `{child.name}` was not ready within {timeout:.0f} s", f"see {child.log}", ExitCode.INCOMPLETE
        )

    def stop(self, *names: str) -> None:
        """End the processes named, or every one: SIGTERM, a while to finish, then SIGKILL to what is left."""
        ending = [child for child in reversed(self._running) if not names or child.name in names]
        self._running = [child for child in self._running if child not in ending]
        for child in ending:
            _signal(child, signal.SIGTERM)
        deadline = time.monotonic() + GRACE
        for child in ending:
            with suppress(subprocess.TimeoutExpired):
                child.process.wait(max(0.0, deadline - time.monotonic()))
        for child in ending:
            _signal(child, signal.SIGKILL)
            with suppress(subprocess.TimeoutExpired):
                child.process.wait(GRACE)

    def _tell_guard(self, line: str) -> None:
        if self._guard is not None and self._guard.stdin is not None:
            with suppress(OSError):
                self._guard.stdin.write(line.encode())
                self._guard.stdin.flush()

    def __enter__(self) -> Children:
        self._guard = subprocess.Popen(
            [sys.executable, "-m", "ami_cli.demo.guard"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        self._tell_guard("done\n")
        if self._guard is not None:
            self._guard.communicate()


def _signal(child: Child, number: int) -> None:
    # the group, not the process: a child's own children go with it
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(child.process.pid, number)
