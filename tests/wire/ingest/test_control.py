"""A running agent asked through its control socket: real agent, virtual meters, hostile askers."""

import asyncio
import json
import os
import signal
import socket
import stat
import subprocess
import sys
import threading
import urllib.request

import pytest

from ami.raw.v1.exchange_pb2 import Exchange
from ami_dlms.axdr import Data
from ami_dlms.client import Authentication
from ami_dlms.framing import Framing
from ami_dlms.obis import format_obis
from ami_dlms.security import Keys
from ami_dlms.server import ServerSettings
from ami_ingest import agent
from ami_ingest.config.credentials import Credentials
from ami_ingest.config.endpoint import Endpoint
from ami_ingest.config.model import AgentConfig, Kafka, LinkProfile, Meter
from ami_ingest.config.target import Target
from ami_ingest.control import server as server_module
from ami_ingest.control.client import Agent
from ami_ingest.control.errors import AgentRefused, AgentUnreachable, ControlError
from ami_ingest.control.place import Place
from ami_ingest.control.protocol import MAX_REQUEST
from ami_ingest.control.server import MAX_CONNECTIONS, ControlServer
from ami_kafka.errors import AddressUnusable
from ami_simulator import MeterServer, VirtualMeter

pytestmark = pytest.mark.wire

GUEK, GAK = bytes(range(16)), bytes(range(16, 32))
ENERGY = "3:1.0.1.8.0.255"


class NoKafka:
    """Takes nothing, and does not mind."""

    def produce(self, *args, **kwargs):
        raise BufferError

    def poll(self, timeout):
        return 0

    flush = poll

    def purge(self):
        pass


@pytest.fixture
async def running(tmp_path, log):
    """Run an agent with a ciphered meter, one that is away and one that refuses; give its socket."""
    meter = VirtualMeter(7)
    settings = ServerSettings(
        framing=Framing.WRAPPER,
        authentication=Authentication.HLS_GMAC,
        system_title=meter.system_title,
        keys=Keys(GUEK, GAK),
    )
    server = MeterServer(meter, settings)
    await server.start()
    address = Endpoint.parse("tcp://{}:{}".format(*server.address))
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        away = Endpoint.parse("tcp://{}:{}".format(*closed.getsockname()))
    credentials = Credentials(guek=GUEK, gak=GAK, client_system_title=bytes.fromhex("414d490000000001"))
    link = LinkProfile(connect_timeout_s=10, request_timeout_s=10)
    hls = Authentication.HLS_GMAC
    config = AgentConfig(
        "edge-1",
        Kafka("127.0.0.1:1"),
        tmp_path,
        listen=(),
        observe="0",
        meters=(
            Meter("good", address, client_address=1, authentication=hls, credentials=credentials, link=link),
            Meter("away", away, link=link),
            Meter("refuses", address, client_address=1, link=link),
        ),
    )
    stop, started = asyncio.Event(), asyncio.get_running_loop().create_future()
    task = asyncio.create_task(
        agent.serve(config, stop, log=log.logger(), make_producer=lambda _: NoKafka(), started=started)
    )
    await started
    yield tmp_path / "control.sock"
    stop.set()
    await task
    await server.stop()
    assert not (tmp_path / "control.sock").exists()


async def asked(path, what):
    """Ask in a thread, as a command in another process would."""

    def ask():
        with Agent(path, 30.0) as found:
            return what(found)

    return await asyncio.to_thread(ask)


async def test_a_meter_of_the_inventory_is_pinged_by_its_id(running, log):
    pinged = await asked(running, lambda found: found.ping("good"))

    assert pinged.logical_device_name == "AMV0000000000007"
    assert pinged.associate_s > 0
    assert abs(pinged.clock_error_s) < 60
    assert -89 <= pinged.signal_dbm <= -57
    line = next(entry for entry in log if entry["event"].startswith("OBIS Code"))
    assert line["event"] == "OBIS Code 0.0.42.0.0.255 = AMV0000000000007"
    assert (line["meter"], line["by"]) == ("good", f"uid {os.getuid()}")


async def test_what_is_read_comes_raw_and_plain(running, log):
    (reading,) = await asked(running, lambda found: found.read("good", [Target.parse(ENERGY)]))

    assert format_obis(reading.exchange.obis) == "1.0.1.8.0.255"
    assert isinstance(reading.result, Data)
    assert reading.result.value > 0
    (record,) = reading.records
    headers = dict(record.headers)
    assert headers["ami-exchange"] == b"poll"
    assert Exchange.FromString(headers["ami-context"]) == reading.exchange
    assert any(entry["event"].startswith("OBIS Code 1.0.1.8.0.255 = ") for entry in log)
    told = json.dumps(log)
    assert GUEK.hex() not in told
    assert GAK.hex() not in told


@pytest.mark.parametrize(
    ("meter", "code", "kind", "phase"),
    [
        ("away", "CONNECTION_REFUSED", "meter", "connect"),
        ("refuses", "ASSOCIATION_REJECTED", "refused", "associate"),
        ("strange", "METERUNKNOWN", "missing", ""),
    ],
)
async def test_a_failure_says_why_where_and_what_to_do(running, log, meter, code, kind, phase):
    with pytest.raises(AgentRefused) as refused:
        await asked(running, lambda found: found.ping(meter))

    failure = refused.value.failure
    assert (failure.code, failure.kind, failure.phase) == (code, kind, phase)
    assert failure.remedy
    if kind != "missing":
        line = next(entry for entry in log if entry["level"] == "warning" and entry.get("meter") == meter)
        assert line["event"] == failure.message


async def test_several_requests_in_one_connection_and_in_many(running):
    def several(found):
        return [found.ping("good").logical_device_name for _ in range(3)]

    answers = await asyncio.gather(*(asked(running, several) for _ in range(5)))
    assert {name for answer in answers for name in answer} == {"AMV0000000000007"}


async def test_status_and_meters(running):
    await asked(running, lambda found: found.ping("good"))
    status = await asked(running, lambda found: found.status())
    meters = await asked(running, lambda found: list(found.meters()))

    assert (status["agent"], status["healthy"], status["meters"]) == ("edge-1", True, 3)
    assert [meter["id"] for meter in meters] == ["good", "away", "refuses"]
    assert GUEK.hex() not in json.dumps([status, meters])


async def test_only_its_own_user_may_use_it(running):
    assert stat.S_IMODE(running.stat().st_mode) == 0o600


async def raw(path, data, lines=1):
    reader, writer = await asyncio.open_unix_connection(str(path))
    try:
        writer.write(data)
        return [json.loads(await asyncio.wait_for(reader.readline(), 20)) for _ in range(lines)]
    finally:
        writer.close()


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"GET / HTTP/1.1\r\n", "INVALID"),
        (b"\x00\xff\n", "INVALID"),
        (b"[" * 60_000 + b"\n", "INVALID"),
        (b"x" * (MAX_REQUEST + 1), "TOO_LONG"),
        (b'{"v":1,"id":1,"do":"shutdown"}\n', "UNKNOWN"),
        (b'{"v":1,"id":1,"do":"ping"}\n', "INVALID"),
        (b'{"v":1,"id":1,"do":"ping","meter":"good","timeout_s":"x"}\n', "INVALID"),
        (b'{"v":1,"id":1,"do":"read","meter":"good","targets":["nonsense"]}\n', "TARGETERROR"),
        (b'{"v":9,"id":1,"do":"status"}\n', "VERSION"),
        (b'{"v":1,"id":1,"do":"reload"}\n', "CONTROLERROR"),
    ],
)
async def test_hostile_and_wrong_requests_are_answered_and_the_agent_goes_on(running, log, data, code):
    (answer,) = await raw(running, data)
    assert (answer["ok"], answer["error"]["code"]) == (False, code)
    assert answer["error"]["message"]
    assert (await asked(running, lambda found: found.ping("good"))).logical_device_name
    assert "exception" not in {key for entry in log for key in entry}


async def test_who_asks_too_fast_is_put_off(running):
    answers = await raw(running, b'{"v":1,"do":"status"}\n' * 60, 51)
    assert [answer["ok"] for answer in answers] == [True] * 50 + [False]
    assert answers[-1]["error"]["code"] == "TOO_FAST"


async def test_connections_are_bounded(running):
    held = [await asyncio.open_unix_connection(str(running)) for _ in range(MAX_CONNECTIONS)]
    try:
        (answer,) = await raw(running, b"")
        assert answer["error"]["code"] == "BUSY"
    finally:
        for _, writer in held:
            writer.close()
    while True:
        try:
            assert (await asked(running, lambda found: found.status()))["healthy"]
        except AgentRefused:
            continue
        break


class Endless:
    """An agent with more meters than anybody wants to hear of."""

    def meters(self):
        while True:
            yield {"id": "m" * 1000}


async def test_who_never_listens_is_put_off(tmp_path, log, monkeypatch):
    monkeypatch.setattr(server_module, "_FLUSH_S", 0.2)
    server = ControlServer(Place(tmp_path / "control.sock"), None, Endless(), log=log.logger())
    await server.start()
    _, writer = await asyncio.open_unix_connection(str(tmp_path / "control.sock"), limit=1)
    writer.write(b'{"v":1,"do":"meters"}\n')
    while not server._open:  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    while server._open:  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    writer.close()
    await server.stop()


class Slow:
    """A meter with two readings; the second comes when it is told to, and the end too."""

    def __init__(self):
        self.go_on = asyncio.Semaphore(0)

    async def read(self, _meter, _targets, _profile, take):
        for reading in range(2):
            await take(reading)
            await self.go_on.acquire()


async def test_readings_are_given_as_they_come(tmp_path, log, monkeypatch):
    monkeypatch.setattr(server_module, "reading_line", str)
    monkeypatch.setattr(server_module.protocol, "reading_members", lambda reading: {"number": reading})
    slow = Slow()
    server = ControlServer(Place(tmp_path / "control.sock"), slow, None, log=log.logger())
    await server.start()
    reader, writer = await asyncio.open_unix_connection(str(tmp_path / "control.sock"))
    writer.write(b'{"v":1,"do":"read","meter":"m","targets":["1.0.1.8.0.255"]}\n')
    for number in range(2):
        answer = json.loads(await asyncio.wait_for(reader.readline(), 20))
        assert (answer["part"], answer["reading"]) == ("reading", {"number": number})
        slow.go_on.release()
    assert json.loads(await asyncio.wait_for(reader.readline(), 20))["readings"] == 2
    writer.close()
    await server.stop()


async def test_who_goes_away_leaves_nothing_behind(running):
    for _ in range(3):
        _, writer = await asyncio.open_unix_connection(str(running))
        writer.write(b'{"v":1,"id":1,"do":"ping","meter":"good"}\n')
        writer.close()
    assert (await asked(running, lambda found: found.ping("good"))).logical_device_name


RUN = """
import sys
from pathlib import Path
from ami_ingest import agent
from ami_ingest.config.model import AgentConfig, Kafka
agent.run(AgentConfig("edge-1", Kafka("127.0.0.1:1"), Path(sys.argv[1]), listen=(), control=Path(sys.argv[2])))
"""


def until_open(process):
    for line in process.stderr:
        if json.loads(line)["event"] == "collecting":
            return
    pytest.fail("the agent did not start")


def test_a_killed_agent_leaves_a_socket_that_the_next_one_replaces(tmp_path):
    path = tmp_path / "control.sock"
    for _ in range(2):
        command = [sys.executable, "-c", RUN, str(tmp_path / "state"), str(path)]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
            until_open(process)
            with Agent(path, 20.0) as found:
                assert found.status()["pid"] == process.pid
            process.send_signal(signal.SIGKILL)
    assert path.exists()
    with pytest.raises(AgentUnreachable, match="no agent runs there any more"):
        Agent(path)


def test_two_agents_cannot_have_one_socket(tmp_path):
    path = tmp_path / "control.sock"
    commands = [[sys.executable, "-c", RUN, str(tmp_path / name), str(path)] for name in ("one", "two")]
    with subprocess.Popen(commands[0], stderr=subprocess.PIPE, text=True) as first:
        until_open(first)
        second = subprocess.run(commands[1], stderr=subprocess.PIPE, text=True, check=False, timeout=60)
        with Agent(path, 20.0) as found:
            assert found.status()["pid"] == first.pid
        first.terminate()
        threading.Thread(target=first.stderr.read).start()
    assert second.returncode != 0
    assert "Another agent has the control socket" in second.stderr


def test_what_is_no_socket_is_left_alone(tmp_path):
    (tmp_path / "control.sock").write_text("precious")
    with pytest.raises(ControlError, match="is no socket"):
        Place(tmp_path / "control.sock").open()
    assert (tmp_path / "control.sock").read_text() == "precious"


def test_a_group_may_be_let_in(tmp_path):
    import grp

    place = Place(tmp_path / "control.sock", grp.getgrgid(os.getgid()).gr_name)
    with place.open():
        assert stat.S_IMODE(place.path.stat().st_mode) == 0o660
        assert place.path.stat().st_gid == os.getgid()
    place.close()
    with pytest.raises(ControlError, match="unknown; create it"):
        Place(tmp_path / "control.sock", "no-such-group").open()


def test_nobody_there_is_one_sentence(tmp_path):
    with pytest.raises(AgentUnreachable, match="start it"):
        Agent(tmp_path / "control.sock")


def got(at, path):
    with urllib.request.urlopen(at + path, timeout=20) as answer:
        return answer.read().decode()


async def test_metrics_and_health_of_a_real_agent(running, log):
    (at,) = (entry["at"] for entry in log if entry["event"] == "metrics and health are served")
    await asked(running, lambda found: found.ping("good"))
    with pytest.raises(AgentRefused):
        await asked(running, lambda found: found.ping("away"))

    metrics = await asyncio.to_thread(got, at, "/metrics")
    assert 'ami_agent_polls_total{group="default",result="OK"} 1.0' in metrics
    assert 'ami_agent_polls_total{group="default",result="CONNECTION_REFUSED"} 1.0' in metrics
    assert 'ami_agent_phase_seconds_count{phase="associate"} ' in metrics
    assert 'ami_agent_meters{group="default"} 3.0' in metrics
    assert (await asyncio.to_thread(got, at, "/healthz")) == "ok\n"
    page = json.loads(await asyncio.to_thread(got, at, "/health"))
    assert page["polls"] == {"OK": 1, "CONNECTION_REFUSED": 1}
    assert (
        page["config"]["fingerprint"] == (await asked(running, lambda found: found.status()))["config"]["fingerprint"]
    )


async def test_an_address_that_is_taken_is_one_sentence_and_nothing_stays_open(tmp_path, log):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        config = AgentConfig("edge-1", Kafka("127.0.0.1:1"), tmp_path, listen=(), observe=str(taken.getsockname()[1]))
        with pytest.raises(AddressUnusable, match="in use"):
            await agent.serve(config, asyncio.Event(), log=log.logger(), make_producer=lambda _: NoKafka())
    assert not (tmp_path / "control.sock").exists()
