"""Processes that outlive who started them, known by a pid file and by a word in their command line."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

_ENDED = frozenset("ZX")  # zombie, dead

# The shell leaves at once, so that the process belongs to init and nobody has to wait for it.
_DETACH = 'exec >>"$1" 2>&1 </dev/null; shift; "$@" & echo $! >"$0"'


def launch(command: Sequence[str], *, pid_file: Path, log: Path, environment: Mapping[str, str] | None = None) -> int:
    """Start a process in a session of its own, with its output appended to a file; give its pid."""
    subprocess.run(  # noqa: S603
        ["/bin/sh", "-c", _DETACH, str(pid_file), str(log), *command],
        start_new_session=True,
        check=True,
        env={**os.environ, **(environment or {})},
    )
    return int(pid_file.read_text())


def running(pid_file: Path, word: str) -> int | None:
    """Give the pid in the file if a process with the word in its command line has it, else None.

    The word keeps us from taking a stranger for ours, after the machine was restarted and pids were given again.
    """
    try:
        pid = int(pid_file.read_text())
    except (OSError, ValueError):
        return None
    return pid if word in _command_line(pid) else None


def end(pid_files: Sequence[Path], word: str, *, patience_s: float = 20.0) -> None:
    """Ask the processes to end; insist after the given time; return when they are gone."""
    deadline = time.monotonic() + patience_s
    asked = set()
    while True:
        alive = [pid for pid in (running(path, word) for path in pid_files) if pid is not None]
        if not alive:
            break
        for pid in alive:
            if time.monotonic() > deadline:
                send(pid, signal.SIGKILL)
            elif pid not in asked:
                send(pid, signal.SIGTERM)
                asked.add(pid)
        time.sleep(0.05)
    for path in pid_files:
        path.unlink(missing_ok=True)


def send(pid: int, number: signal.Signals) -> None:
    """Send a signal; a process that is gone already is no error."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def _command_line(pid: int) -> str:
    if sys.platform == "linux":
        for _ in range(1000):
            try:
                found = Path(f"/proc/{pid}/cmdline").read_bytes()
                state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
            except OSError:
                return ""
            if found or state in _ENDED:
                return found.replace(b"\0", b" ").decode(errors="replace")
            time.sleep(0.001)  # while a process takes over its program, it has no command line for a moment
        return ""
    shown = subprocess.run(["/bin/ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False)  # noqa: S603
    return shown.stdout
