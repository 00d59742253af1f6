"""Workers are started again, ended in order, and end with their supervisor; one page tells of all."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import structlog
from prometheus_client.parser import text_string_to_metric_families

from ami_kafka.observe.endpoint import Address, serve
from ami_normalize.workers.gathered import Gathered
from ami_normalize.workers.supervisor import Supervisor

pytestmark = pytest.mark.wire

PATIENT = "import sys; sys.stdin.read()"
ENDS = "import sys; sys.exit(7)"
LOG = structlog.wrap_logger(structlog.ReturnLogger())


def until(condition, seconds=30):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


class Said:
    def __init__(self):
        self.lines = []

    def __getattr__(self, level):
        return lambda event, **fields: self.lines.append({"level": level, "event": event, **fields})


@pytest.fixture
def supervise():
    ended = []

    def run(*programs):
        said, stop = Said(), threading.Event()
        supervisor = Supervisor([[sys.executable, "-c", program] for program in programs], said)
        thread = threading.Thread(target=supervisor.run, args=(stop,))
        thread.start()
        ended.append((stop, thread))
        return supervisor, said

    yield run
    for stop, thread in ended:
        stop.set()
        thread.join()


def pids(supervisor):
    return [worker["pid"] for worker in supervisor.page()]


def test_a_killed_worker_is_started_again_and_the_others_are_left_alone(supervise):
    supervisor, said = supervise(PATIENT, PATIENT)
    until(lambda: all(pids(supervisor)))
    first, second = pids(supervisor)
    os.kill(first, signal.SIGKILL)
    until(lambda: pids(supervisor)[0] not in {first, None})
    assert pids(supervisor)[1] == second
    assert [worker["restarts"] for worker in supervisor.page()] == [1, 0]
    (line,) = [line for line in said.lines if line["level"] == "warning"]
    assert (line["worker"], line["code"], line["again_in_s"]) == (1, -9, 1.0)


def test_a_crash_loop_is_said(supervise):
    _, said = supervise(ENDS)
    until(lambda: any(line["level"] == "error" for line in said.lines))
    line = next(line for line in said.lines if line["level"] == "error")
    assert line["event"] == "a worker ends again and again, see what it said"
    assert (line["code"], line["times"]) == (7, 3)


def test_asked_to_end_it_ends_them_all():
    supervisor, stop = Supervisor([[sys.executable, "-c", PATIENT]] * 3, LOG), threading.Event()
    thread = threading.Thread(target=supervisor.run, args=(stop,))
    thread.start()
    until(lambda: all(pids(supervisor)))
    ran = pids(supervisor)
    stop.set()
    thread.join()
    for pid in ran:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


WORKER = """
import threading
from ami_normalize.workers.supervised import end_with_supervisor
stop = threading.Event()
end_with_supervisor(stop)
print("ready", flush=True)
stop.wait()
"""
SUPERVISOR = f"""
import os, subprocess, sys
worker = subprocess.Popen([sys.executable, "-c", {WORKER!r}], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
worker.stdout.readline()
print(worker.pid, flush=True)
os.kill(os.getpid(), 9)
"""


def test_a_worker_ends_with_its_supervisor_however_that_ends():
    ended = subprocess.run([sys.executable, "-c", SUPERVISOR], stdout=subprocess.PIPE, check=False)
    assert ended.returncode == -signal.SIGKILL
    pid = int(ended.stdout)

    def gone():
        try:
            return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
        except FileNotFoundError:
            return True

    until(gone)


class Worker:
    def __init__(self, lag):
        self.lag = lag

    def metrics(self):
        return (
            "# HELP ami_normalize_lag_records raw records\n# TYPE ami_normalize_lag_records gauge\n"
            f'ami_normalize_lag_records{{partition="{self.lag}"}} {self.lag}\n'
            "# HELP ami_normalize_rebuilds_total times\n# TYPE ami_normalize_rebuilds_total counter\n"
            "ami_normalize_rebuilds_total 2.0\n"
        ).encode()

    def page(self):
        return {"healthy": self.lag == 1, "reason": None if self.lag == 1 else "the disk is full", "state": "held"}


def test_one_page_tells_of_all(supervise, tmp_path):
    supervisor, _ = supervise(PATIENT, PATIENT, PATIENT)
    until(lambda: all(pids(supervisor)))
    sockets = {number: tmp_path / f"{number}.sock" for number in (1, 2, 3)}
    gathered = Gathered(supervisor, sockets)
    with (
        serve(Address("", 0, str(sockets[1])), Worker(1)),
        serve(Address("", 0, str(sockets[2])), Worker(2)),
    ):
        families = {family.name: family for family in text_string_to_metric_families(gathered.metrics().decode())}
        page = gathered.page()
    lag = {(s.labels["worker"], s.labels["partition"]): s.value for s in families["ami_normalize_lag_records"].samples}
    assert lag == {("1", "1"): 1, ("2", "2"): 2}
    rebuilds = families["ami_normalize_rebuilds"]
    assert (rebuilds.type, [sample.value for sample in rebuilds.samples]) == ("counter", [2.0, 2.0])
    up = {sample.labels["worker"]: sample.value for sample in families["ami_normalize_worker_up"].samples}
    assert up == {"1": 1, "2": 1, "3": 0}
    assert page["healthy"] is False
    assert page["reason"] == "worker 2: the disk is full; worker 3: it does not answer yet"
    assert [worker["pid"] for worker in page["workers"]] == pids(supervisor)
