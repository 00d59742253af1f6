"""The demo shows readings of all its meters, and leaves nothing running, whichever way it ends."""

import contextlib
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ami_cli.demo.scene import METERS

pytestmark = [pytest.mark.e2e, pytest.mark.kafka, pytest.mark.timeout(240)]

GURUX = Path(__file__).resolve().parents[2] / ".venv-gurux" / "bin" / "python"
WITHIN_S = 150


@pytest.fixture(autouse=True)
def gurux(require):
    if not GURUX.is_file():
        require("the Gurux programs are not installed; run `make .venv-gurux/run.stamp`")


def demo(folder, *options):
    return [sys.executable, "-m", "ami_cli", "demo", "--state", str(folder), *options]


def left_running(folder):
    """Command lines of processes that belong to the demo of this folder."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        line = ""
        with contextlib.suppress(OSError):
            line = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        if str(folder) in line:
            found.append(line)
    return found


def nothing_left(folder):
    deadline = time.monotonic() + 30
    while left_running(folder):
        if time.monotonic() > deadline:
            return left_running(folder)
        time.sleep(0.2)
    return []


def environment():
    return {name: value for name, value in os.environ.items() if name not in {"COLUMNS", "LINES", "KAFKA_BOOTSTRAP"}}


def test_readings_of_every_meter_arrive(tmp_path):
    done = subprocess.run(
        demo(tmp_path, "--duration", "3"),
        capture_output=True,
        text=True,
        timeout=WITHIN_S,
        env=environment(),
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "\x1b" not in done.stdout
    assert "Traceback" not in done.stderr
    for meter in METERS:
        assert re.search(rf"^\s*{meter.name} .* {re.escape(meter.protection)}$", done.stdout, re.MULTILINE), done.stdout
    assert re.search(r"raw records in\s+[1-9]", done.stdout)
    assert re.search(r"readings out\s+[1-9]", done.stdout)
    assert re.search(r"dead letters\s+0\b", done.stdout), done.stdout
    assert re.search(r"parked\s+0\b", done.stdout), done.stdout
    assert "Where to look next" in done.stdout
    assert nothing_left(tmp_path) == []


def test_an_existing_kafka_is_used(tmp_path, own_kafka):
    done = subprocess.run(
        demo(tmp_path, "--duration", "1", "--bootstrap", own_kafka),
        capture_output=True, text=True, timeout=WITHIN_S, env=environment(), check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stdout + done.stderr
    assert own_kafka in done.stdout
    assert not (tmp_path / "kafka").exists()
    assert nothing_left(tmp_path) == []


def test_ctrl_c_leaves_nothing_running(tmp_path):
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(sys.executable, demo(tmp_path), environment())
    shown = b""
    try:
        deadline = time.monotonic() + WITHIN_S
        while b"protection" not in shown and time.monotonic() < deadline:
            if select.select([terminal], [], [], 1)[0]:
                shown += os.read(terminal, 65536)
        os.write(terminal, b"\x03")
        with contextlib.suppress(OSError):  # the terminal is gone when the demo is
            while time.monotonic() < deadline:
                if select.select([terminal], [], [], 1)[0]:
                    shown += os.read(terminal, 65536)
    finally:
        _, status = os.waitpid(pid, 0)
        os.close(terminal)

    assert b"protection" in shown, shown.decode(errors="replace")
    assert b"Traceback" not in shown
    assert os.waitstatus_to_exitcode(status) in {0, 9, 130}
    assert nothing_left(tmp_path) == []


def test_sigterm_while_it_prepares_leaves_nothing_running(tmp_path):
    with subprocess.Popen(
        demo(tmp_path), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment()
    ) as running:
        for line in running.stdout:
            if "broker" in line:
                break
        running.send_signal(signal.SIGTERM)
        rest = running.stdout.read()
        code = running.wait(60)

    assert code == 130, rest
    assert "Traceback" not in rest
    assert nothing_left(tmp_path) == []
