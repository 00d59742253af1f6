"""Start the command's long-running verbs as a user does, and end them."""

import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

AMI = [sys.executable, "-m", "ami_cli"]


@contextmanager
def running(*arguments, log: Path, ready: str | None = None, env=None):
    """Run `ami …` for a block, ended with SIGTERM; `ready` is text to wait for in its log."""
    process = start(*arguments, log=log, env=env)
    try:
        if ready is not None:
            until(lambda: ready in log.read_text(), f"'{ready}' in {log}", process=process, log=log)
        yield process
    finally:
        stop(process)


def start(*arguments, log: Path, env=None):
    """Start `ami …` with stdout and stderr in `log`."""
    with log.open("ab") as file:
        return subprocess.Popen(
            [*AMI, *map(str, arguments)], stdout=file, stderr=file, env={**os.environ, **(env or {})}
        )


def stop(process, within=30):
    """End a process cleanly; kill it, and fail, where it does not."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    try:
        return process.wait(within)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        raise AssertionError(f"{process.args} did not end within {within} s of SIGTERM") from None


def until(condition, what, within=90, process=None, log=None):
    """Wait for a condition; fail with what was waited for."""
    deadline = time.monotonic() + within
    while not condition():
        if process is not None and process.poll() is not None:
            raise AssertionError(f"{process.args} ended with {process.returncode}: {log.read_text()[-2000:]}")
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not within {within} s\n{log.read_text()[-2000:] if log else ''}")
        time.sleep(0.1)
