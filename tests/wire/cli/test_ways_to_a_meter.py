"""`ami read` and `ami ping` over each way to a meter that an address can name."""

import asyncio
import json
import threading

import pytest
from support.certificates import Authority
from support.serial_bus import SerialBus

from ami_cli.errors import ExitCode
from ami_cli.main import run
from ami_dlms.framing import Framing
from ami_dlms.server import Server, ServerSettings
from ami_ingest.transport.tls import server_context
from ami_simulator.meter import VirtualMeter

pytestmark = pytest.mark.wire

ENERGY = "1.0.1.8.0.255"


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, server):
        self.server = server

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, addr):
        self.transport.sendto(self.server.receive(data), addr)


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="module")
def ways(tmp_path_factory, authority):
    """Addresses of one virtual meter, by way, served by a thread of their own."""
    meter = VirtualMeter(77)
    folder = tmp_path_factory.mktemp("dev")
    addresses, ready, stop = {}, threading.Event(), None

    async def serve():
        nonlocal stop
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()

        async def stream(reader, writer):
            server = Server(ServerSettings(), meter.device)
            while data := await reader.read(65536):
                writer.write(server.receive(data))
            writer.close()

        datagrams, _ = await loop.create_datagram_endpoint(
            lambda: _Datagrams(Server(ServerSettings(datagrams=True), meter.device)), local_addr=("127.0.0.1", 0)
        )
        context = server_context(authority.issue("meter", hosts=["127.0.0.1"]))
        tls = await asyncio.start_server(stream, "127.0.0.1", 0, ssl=context)
        bus = SerialBus(
            folder / "ttyUSB0",
            Server(ServerSettings(framing=Framing.HDLC, server_physical=17), meter.device).receive,
        )
        bus.plug_in()
        addresses["udp"] = f"udp://127.0.0.1:{datagrams.get_extra_info('sockname')[1]}"
        addresses["tls"] = f"tls://127.0.0.1:{tls.sockets[0].getsockname()[1]}"
        addresses["serial"] = f"serial://{bus.path}?baud=115200"
        ready.set()
        await stop.wait()
        datagrams.close()
        tls.close()
        bus.unplug()

    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
    thread.start()
    assert ready.wait(30)
    yield addresses
    loop.call_soon_threadsafe(stop.set)
    thread.join(30)
    loop.close()


@pytest.fixture(autouse=True)
def surroundings(tmp_path, monkeypatch, authority):
    monkeypatch.setenv("AMI_STATE", str(tmp_path))
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.trust))


@pytest.mark.parametrize("way", ["udp", "tls", "serial"])
def test_a_meter_is_read_and_pinged(ways, capsys, way):
    server = ["--server", "1/17"] if way == "serial" else []

    assert run(["read", ways[way], f"3:{ENERGY}", *server, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["obis"] == ENERGY

    assert run(["ping", ways[way], *server, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["logical_device_name"] == "AMV0000000000077"


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("serial:///dev/ttyAbsent", "Serial Port Missing (Error 2)"),
        ("udp://127.0.0.1:1", "Connection Refused (Error 111)"),
        ("call-in://", "Not Connected (the meter has not called in)"),
    ],
)
def test_a_way_that_leads_nowhere_is_a_sentence(capsys, address, said):
    assert run(["read", address, f"3:{ENERGY}", "--json"]) == ExitCode.METER
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith(f"error: {said}")
