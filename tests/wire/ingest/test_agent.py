"""The whole agent, with a Kafka that only remembers."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import threading

import pytest

from ami_dlms.framing import wrapper
from ami_dlms.server import ServerSettings
from ami_ingest import agent
from ami_ingest.config.endpoint import location
from ami_ingest.config.file import load, read
from ami_ingest.config.watch import Watch
from ami_ingest.control.client import Agent
from ami_ingest.frames import Frames
from ami_ingest.send import send
from ami_simulator import MeterServer, VirtualMeter

pytestmark = pytest.mark.wire

FRAME = wrapper.encode(bytes.fromhex("0f40000000000001"), 1, 16)
CONFIG = """
agent: edge-1
kafka: {bootstrap: "127.0.0.1:1"}
state_dir: state
listen: [{transport: tcp, host: 127.0.0.1, port: 0}, {transport: udp, host: 127.0.0.1, port: 0}]
"""


class Kafka:
    """Delivers at once; `make` is its producer factory."""

    def __init__(self):
        self.values = []
        self.waiting = []
        self.lock = threading.Lock()

    def make(self, on_error):
        return self

    def produce(self, topic, value, key, *, headers, timestamp, on_delivery):
        self.waiting.append((value, on_delivery))

    def poll(self, timeout):
        with self.lock:
            waiting, self.waiting = self.waiting, []
            for value, on_delivery in waiting:
                self.values.append(value)
                on_delivery(None, None)
        return len(waiting)

    def flush(self, timeout):
        self.poll(0)
        return 0

    def purge(self):
        self.waiting.clear()


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "dlms_config.yaml"
    path.write_text(CONFIG)
    return path


async def test_a_push_reaches_kafka_and_the_stop_is_clean(config, log):
    kafka, stop = Kafka(), asyncio.Event()
    started = asyncio.get_running_loop().create_future()
    running = asyncio.create_task(
        agent.serve(load(config), stop, log=log.logger(), make_producer=kafka.make, started=started)
    )
    listener = await started
    for kind, host, port in listener.addresses:
        async for _ in send([Frames("one", FRAME, "")], host, port, transport=kind):
            pass
    while len(kafka.values) < 2:  # noqa: ASYNC110  another thread fills it
        await asyncio.sleep(0.005)
    stop.set()
    await running

    assert kafka.values == [FRAME, FRAME]
    assert log[-1]["event"] == "stopped"
    assert log[-1]["published"] == 2
    assert log[-1]["spooled"] == 0


async def test_what_kafka_did_not_take_is_published_by_the_next_agent(config, log):
    class Away(Kafka):
        def poll(self, timeout):
            return 0

    for kafka, expected in ((Away(), 0), (Kafka(), 1)):
        stop, started = asyncio.Event(), asyncio.get_running_loop().create_future()
        running = asyncio.create_task(
            agent.serve(load(config), stop, log=log.logger(), make_producer=kafka.make, started=started)
        )
        listener = await started
        if not expected:
            _, host, port = listener.addresses[0]
            async for _ in send([Frames("one", FRAME, "")], host, port):
                pass
        while len(kafka.values) < expected:  # noqa: ASYNC110  another thread fills it
            await asyncio.sleep(0.005)
        stop.set()
        await running

    assert kafka.values == [FRAME]


async def test_a_defect_of_one_part_ends_the_agent_in_order(config, log, monkeypatch):
    async def defect(self):
        raise RuntimeError("a defect")

    monkeypatch.setattr(agent.Scheduler, "run", defect)
    kafka, started = Kafka(), asyncio.get_running_loop().create_future()

    with pytest.raises(RuntimeError, match="a defect"):
        await agent.serve(load(config), asyncio.Event(), log=log.logger(), make_producer=kafka.make, started=started)

    assert started.result().addresses == [], "nobody can connect any more"
    assert not {"publisher", "spool-writer"} & {thread.name for thread in threading.enumerate()}


async def test_a_changed_configuration_reaches_meters_and_pushes_while_the_agent_runs(config, log):
    """A meter is added and read; a connection that is open stays; a bound of the listener holds from then on."""
    meter = VirtualMeter(7)
    server = MeterServer(meter, ServerSettings(system_title=meter.system_title))
    await server.start()
    kafka, stop = Kafka(), asyncio.Event()
    started = asyncio.get_running_loop().create_future()
    watch = Watch(read(config), period_s=0.01)
    running = asyncio.create_task(
        agent.serve(watch.config, stop, log=log.logger(), make_producer=kafka.make, started=started, watch=watch)
    )
    listener = await started
    _, host, port = listener.addresses[0]
    _, writer = await asyncio.open_connection(host, port)
    while not listener.connections:  # noqa: ASYNC110  the kernel's time
        await asyncio.sleep(0.005)

    config.write_text(
        CONFIG
        + "push: {max_connections: 1}\nschedules: {often: {every: 1s, read: ['3:1.0.1.8.0.255']}}\n"
        + f"meters: [{{id: m1, address: 'tcp://{location(*server.address)}', schedules: [often]}}]\n"
    )
    while not kafka.values:  # noqa: ASYNC110  another thread fills it
        await asyncio.sleep(0.005)
    refused, its_writer = await asyncio.open_connection(host, port)
    assert await refused.read() == b""
    assert listener.connections == 1
    (entry,) = [entry for entry in log if entry["event"] == "the configuration has changed"]
    assert (entry["added"], entry["keys"]) == (1, ["push.max_connections"])

    config.write_text(CONFIG)
    while len([entry for entry in log if entry["event"] == "the configuration has changed"]) < 2:  # noqa: ASYNC110
        await asyncio.sleep(0.005)
    stop.set()
    await running
    for each in (writer, its_writer):
        each.close()
        with contextlib.suppress(OSError):
            await each.wait_closed()
    await server.stop()

    assert log[-1]["event"] == "stopped"


RUN = """
import sys
from pathlib import Path
from ami_ingest import agent
from ami_ingest.config.file import read
from ami_ingest.config.watch import Watch

watch = Watch(read(Path(sys.argv[1])), period_s=3600)
agent.run(watch.config, watch=watch)
"""


def test_the_level_of_the_log_changes_while_the_agent_runs(config):
    config.write_text(CONFIG + "logs: {level: warning}\n")
    with subprocess.Popen([sys.executable, "-c", RUN, str(config)], stderr=subprocess.PIPE, text=True) as process:
        entries = (entry for entry in map(json.loads, process.stderr) if entry["level"] == "info")
        while not (config.parent / "state" / "control.sock").exists():
            pass
        config.write_text(CONFIG + "logs: {level: info}\nspool: {max_mb: 9}\n")
        with Agent(config.parent / "state" / "control.sock", 20.0) as found:
            found.reload()
        changed = next(entry for entry in entries if entry["event"] == "the configuration has changed")
        os.kill(process.pid, signal.SIGTERM)
        after = [entry["event"] for entry in entries]

    assert changed["keys"] == ["spool.max_mb", "logs.level"]
    assert after == ["stopping", "stopped"]


def test_sighup_reads_the_configuration_again_and_the_process_goes_on(config):
    with subprocess.Popen([sys.executable, "-c", RUN, str(config)], stderr=subprocess.PIPE, text=True) as process:
        entries = map(json.loads, process.stderr)
        for entry in entries:
            if entry["event"] == "collecting":
                break
        entries = (entry for entry in entries if "configuration" in entry["event"])
        config.write_text(CONFIG + "colour: red\n")
        os.kill(process.pid, signal.SIGHUP)
        refused = next(entries)
        config.write_text(CONFIG + "meters: [{id: m1, address: 'tcp://127.0.0.1:1'}]\n")
        os.kill(process.pid, signal.SIGHUP)
        again, changed = next(entries), next(entries)
        os.kill(process.pid, signal.SIGTERM)
        process.stderr.read()

    assert refused["reason"].endswith("colour: unknown key; remove it")
    assert again["event"] == "the configuration is in order again"
    assert (changed["event"], changed["added"]) == ("the configuration has changed", 1)
    assert process.returncode == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_process_cleanly_even_without_kafka(config, number):
    with subprocess.Popen([sys.executable, "-c", RUN, str(config)], stderr=subprocess.PIPE, text=True) as process:
        entries = []
        for line in process.stderr:
            entries.append(json.loads(line))
            if entries[-1]["event"] == "collecting":
                break
        os.kill(process.pid, number)
        entries += [json.loads(line) for line in process.stderr]

    assert process.returncode == 0
    assert entries[-1]["event"] == "stopped"
    assert {entry["agent"] for entry in entries} == {"edge-1"}


def test_a_kill_loses_nothing_that_was_spooled(config, log):
    """Kafka is away; the agent is killed after it took a push; the next one still has it."""
    with subprocess.Popen([sys.executable, "-c", RUN, str(config)], stderr=subprocess.PIPE, text=True) as process:
        port = None
        for line in process.stderr:
            entry = json.loads(line)
            if entry["event"] == "listening" and entry["transport"] == "tcp":
                port = int(entry["address"].rpartition(":")[2])
            if entry["event"] == "collecting":
                break

        async def push():
            async for _ in send([Frames(str(each), FRAME, "") for each in range(20)], "127.0.0.1", port):
                pass

        asyncio.run(push())
        spool = config.parent / "state" / "spool.sqlite"
        while count(spool) < 20:
            pass
        os.kill(process.pid, signal.SIGKILL)
        process.stderr.read()

    kafka = Kafka()

    async def again():
        stop = asyncio.Event()
        running = asyncio.create_task(agent.serve(load(config), stop, log=log.logger(), make_producer=kafka.make))
        while len(kafka.values) < 20:  # noqa: ASYNC110  another thread fills it
            await asyncio.sleep(0.005)
        stop.set()
        await running

    asyncio.run(again())
    assert kafka.values == [FRAME] * 20


def count(path):
    import sqlite3
    from contextlib import closing

    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("SELECT coalesce(sum(records), 0) FROM segment").fetchone()[0]
