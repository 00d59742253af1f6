"""Virtual meters for the commands that talk to one."""

import asyncio
import json
import threading

import pytest

from ami_cli.main import run
from ami_dlms.framing import Framing
from ami_dlms.security import Keys
from ami_dlms.server import Authentication, ServerSettings
from ami_simulator.meter import VirtualMeter
from ami_simulator.server import MeterServer

KEYS = {"guek": "000102030405060708090a0b0c0d0e0f", "gak": "d0d1d2d3d4d5d6d7d8d9dadbdcdddedf"}
SECRETS = {**KEYS, "client_system_title": "414d490000000001", "password": "right"}


@pytest.fixture(scope="module")
def meters():
    """Addresses of virtual meters by kind, served by a thread of their own."""
    keys = Keys(bytes.fromhex(KEYS["guek"]), bytes.fromhex(KEYS["gak"]))
    kinds = {
        "none": ("tcp", Framing.WRAPPER, Authentication.NONE, {}),
        "lls": ("hdlc+tcp", Framing.HDLC, Authentication.LLS, {"password": b"right"}),
        "hls-gmac": ("tcp", Framing.WRAPPER, Authentication.HLS_GMAC, {"keys": keys}),
    }
    addresses, ready, stop = {}, threading.Event(), None

    async def serve():
        nonlocal stop
        stop = asyncio.Event()
        servers = []
        for serial, (kind, (scheme, framing, authentication, more)) in enumerate(kinds.items(), 1):
            meter = VirtualMeter(serial)
            settings = ServerSettings(
                framing=framing, authentication=authentication, system_title=meter.system_title, **more
            )
            server = MeterServer(meter, settings, "127.0.0.1", 0)
            await server.__aenter__()
            servers.append(server)
            addresses[kind] = "{}://{}:{}".format(scheme, *server.address)
        ready.set()
        await stop.wait()
        for server in servers:
            await server.__aexit__(None, None, None)

    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
    thread.start()
    assert ready.wait(30)
    yield addresses
    loop.call_soon_threadsafe(stop.set)
    thread.join(30)
    loop.close()


@pytest.fixture
def secrets(tmp_path, monkeypatch):
    monkeypatch.setenv("AMI_STATE", str(tmp_path))
    path = tmp_path / "secrets.json"
    path.write_text(json.dumps(SECRETS))
    path.chmod(0o600)
    return path


@pytest.fixture
def objects(capsys):
    def read(*arguments):
        code = run([*map(str, arguments), "--json"])
        captured = capsys.readouterr()
        assert code == 0, captured.err
        assert captured.err == ""
        return [json.loads(line) for line in captured.out.splitlines()]

    return read
