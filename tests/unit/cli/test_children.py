"""Processes of the demo end with it, whatever happens."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ami_cli.demo.children import Children
from ami_cli.errors import CommandError

pytestmark = pytest.mark.unit

STUBBORN = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print('{}', flush=True)
time.sleep(600)
"""


def alive(pid):
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def gone(pid):
    deadline = time.monotonic() + 30
    while alive(pid):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def sleeper():
    return [sys.executable, "-c", 'import time; print(\'{"listening": "here"}\', flush=True); time.sleep(600)']


def test_leaving_the_block_ends_them(tmp_path):
    with Children(tmp_path) as children:
        child = children.start("one", sleeper())
        said = children.ready(child, 30)

    assert said == {"listening": "here"}
    assert child.process.poll() == -signal.SIGTERM


def test_one_that_ignores_sigterm_is_killed(tmp_path, monkeypatch):
    monkeypatch.setattr("ami_cli.demo.children.GRACE", 0.2)
    with Children(tmp_path) as children:
        child = children.start("stubborn", [sys.executable, "-c", STUBBORN])
        children.ready(child, 30)

    assert child.process.poll() == -signal.SIGKILL


def test_one_that_ended_is_told_with_its_last_words(tmp_path):
    with Children(tmp_path) as children:
        child = children.start("short", [sys.executable, "-c", "raise SystemExit('no more ink')"])
        child.process.wait(30)

        with pytest.raises(CommandError, match=r"`short` ended with code 1: no more ink") as raised:
            children.check()

    assert "short.log" in raised.value.remedy


def test_the_guard_ends_them_when_we_are_killed(tmp_path):
    program = f"""
import sys, time
from pathlib import Path
from ami_cli.demo.children import Children
with Children(Path({str(tmp_path)!r})) as children:
    print(children.start("one", {sleeper()!r}).process.pid, flush=True)
    time.sleep(600)
"""
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as parent:
        pid = int(parent.stdout.readline())
        parent.kill()

    assert gone(pid)
