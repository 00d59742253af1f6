"""Virtual meters on the loopback interface: read by our client, pushing, and as a process."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import socket
import sys

import pytest

from ami_dlms.apdu import CosemAttribute, DataNotification, GeneralGloCiphering
from ami_dlms.apdu import decode as decode_apdu
from ami_dlms.axdr import Tag
from ami_dlms.client import (
    Answer,
    Associated,
    Authentication,
    Client,
    ClientSettings,
    ClientState,
    Refused,
    Released,
    Send,
)
from ami_dlms.framing import Assembler, Framing
from ami_dlms.security import Keys, MemoryCounter, Protection
from ami_dlms.selective import entry_descriptor
from ami_dlms.server import ServerSettings
from ami_simulator import MeterServer, Pusher, PushSettings, Transport, VirtualMeter
from ami_simulator.meter import IMPORT, LOAD_PROFILE, SERIAL

pytestmark = pytest.mark.wire

KEYS = Keys(bytes(range(16)), bytes(range(0xD0, 0xE0)))
ENERGY = CosemAttribute(3, IMPORT, 2)


class Wire:
    """A client on a socket."""

    def __init__(self, client: Client, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.client, self._reader, self._writer = client, reader, writer

    async def say(self, octets: bytes):
        """Send, and return the first event that is not Send."""
        self._writer.write(octets)
        while data := await self._reader.read(4096):
            for event in self.client.receive(data):
                if not isinstance(event, Send):
                    return event
                self._writer.write(event.data)
        (event,) = self.client.connection_lost()
        return event


@contextlib.asynccontextmanager
async def wire(server: MeterServer, **change):
    settings = server.settings
    common = {"framing": settings.framing, "authentication": settings.authentication, "password": settings.password}
    known = {"keys": settings.keys, "client_system_title": b"AMI\0\0\0\0\1", "client_sap": 1}
    client = Client(ClientSettings(**{**common, **known, **change}), MemoryCounter(1))
    reader, writer = await asyncio.open_connection(*server.address)
    try:
        yield Wire(client, reader, writer)
    finally:
        writer.close()
        await writer.wait_closed()


def settings_of(meter: VirtualMeter, authentication: Authentication, framing: Framing) -> ServerSettings:
    return ServerSettings(
        framing=framing,
        authentication=authentication,
        password=b"12345678",
        keys=KEYS,
        system_title=meter.system_title,
    )


@pytest.mark.parametrize("framing", [Framing.WRAPPER, Framing.HDLC])
@pytest.mark.parametrize("authentication", [Authentication.NONE, Authentication.LLS, Authentication.HLS_GMAC])
async def test_read_a_meter(authentication, framing) -> None:
    meter = VirtualMeter(3)
    async with MeterServer(meter, settings_of(meter, authentication, framing)) as server, wire(server) as talk:
        assert isinstance(await talk.say(talk.client.associate()), Associated)
        energy = await talk.say(talk.client.get(ENERGY))
        rows = await talk.say(talk.client.get(CosemAttribute(7, LOAD_PROFILE, 2), entry_descriptor(1, 96)))
        assert isinstance(await talk.say(talk.client.release()), Released)

    assert energy.result.tag == Tag.UINT32
    assert len(rows.result.value) == 96


async def test_several_meters_and_clients_at_once() -> None:
    meters = [VirtualMeter(serial) for serial in (1, 2, 3)]
    serial = CosemAttribute(1, SERIAL, 2)

    async def read(server: MeterServer) -> bytes:
        async with wire(server) as talk:
            await talk.say(talk.client.associate())
            answer = await talk.say(talk.client.get(serial))
            assert isinstance(answer, Answer)
            return answer.result.value

    async with contextlib.AsyncExitStack() as stack:
        servers = [
            await stack.enter_async_context(
                MeterServer(meter, settings_of(meter, Authentication.HLS_GMAC, Framing.WRAPPER))
            )
            for meter in meters
        ]
        found = await asyncio.gather(*(read(server) for server in servers * 2))

    assert found == [b"00000001", b"00000002", b"00000003"] * 2


async def test_a_wrong_password_is_refused() -> None:
    meter = VirtualMeter(1)
    settings = settings_of(meter, Authentication.LLS, Framing.HDLC)
    async with MeterServer(meter, settings) as server, wire(server, password=b"wrong") as talk:
        assert isinstance(await talk.say(talk.client.associate()), Refused)


async def test_a_client_that_goes_away_leaves_the_meter_usable() -> None:
    meter = VirtualMeter(1)
    async with MeterServer(meter, settings_of(meter, Authentication.NONE, Framing.WRAPPER)) as server:
        async with wire(server) as talk:
            talk._writer.write(talk.client.associate()[:5])
        async with wire(server) as talk:
            assert isinstance(await talk.say(talk.client.associate()), Associated)


async def test_stopping_ends_open_connections() -> None:
    meter = VirtualMeter(1)
    async with MeterServer(meter, settings_of(meter, Authentication.NONE, Framing.WRAPPER)) as server:
        _, port = server.address
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        client = Client(ClientSettings())
        writer.write(client.associate())
        client.receive(await reader.read(4096))  # so the connection is served
        assert client.state is ClientState.READY
    assert await reader.read() == b""
    writer.close()
    await writer.wait_closed()


class Listener:
    """Takes pushes; `first` is what the first of them was."""

    def __init__(self) -> None:
        self._assembler = Assembler(Framing.WRAPPER)
        self.apdus: asyncio.Queue[bytes] = asyncio.Queue()

    def take(self, data: bytes) -> None:
        for message in self._assembler.receive(data):
            for apdu in message.apdus:
                self.apdus.put_nowait(apdu)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(4096):
            self.take(data)
        writer.close()
        await writer.wait_closed()


class Datagrams(asyncio.DatagramProtocol):
    def __init__(self, listener: Listener) -> None:
        self._listener = listener

    def datagram_received(self, data, addr) -> None:
        self._listener.take(data)


@contextlib.asynccontextmanager
async def listening(transport: Transport):
    listener = Listener()
    if transport is Transport.UDP:
        loop = asyncio.get_running_loop()
        endpoint, _ = await loop.create_datagram_endpoint(lambda: Datagrams(listener), local_addr=("127.0.0.1", 0))
        yield listener, endpoint.get_extra_info("sockname")[1]
        endpoint.close()
    else:
        server = await asyncio.start_server(listener.serve, "127.0.0.1", 0)
        yield listener, server.sockets[0].getsockname()[1]
        server.close()
        await server.wait_closed()


@pytest.mark.parametrize("transport", list(Transport))
@pytest.mark.parametrize("protection", [Protection.NONE, Protection.AUTHENTICATED_ENCRYPTED])
async def test_pushes(transport, protection) -> None:
    stop = asyncio.Event()
    async with listening(transport) as (listener, port):
        settings = PushSettings("127.0.0.1", port, transport, protection, KEYS, every_s=0.01)
        pushing = asyncio.ensure_future(Pusher(VirtualMeter(1), settings).run(stop))
        found = [decode_apdu(await listener.apdus.get()) for _ in range(3)]
        stop.set()
        await pushing

    kind = DataNotification if protection is Protection.NONE else GeneralGloCiphering
    assert all(isinstance(item, kind) for item in found)


async def test_a_pusher_waits_for_its_listener() -> None:
    stop = asyncio.Event()
    async with listening(Transport.TCP) as (_, port):
        pass  # a port that nobody listens on now
    pusher = Pusher(VirtualMeter(1), PushSettings("127.0.0.1", port, every_s=0.01))
    pushing = asyncio.ensure_future(pusher.run(stop))
    listener = Listener()
    server = await asyncio.start_server(listener.serve, "127.0.0.1", port)

    await listener.apdus.get()

    stop.set()
    await pushing
    server.close()
    await server.wait_closed()


async def test_the_command(tmp_path) -> None:
    keys = tmp_path / "keys.json"
    keys.write_text(json.dumps({"guek": KEYS.encryption.hex(), "gak": KEYS.authentication.hex()}))
    keys.chmod(0o600)
    options = ["--listen", "127.0.0.1:0", "--auth", "hls-gmac", "--keys", str(keys), "--serial", "42"]
    async with listening(Transport.TCP) as (listener, port):
        push = ["--push", f"127.0.0.1:{port}", "--push-protection", "authenticated-encrypted", "--every", "60"]
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "ami_simulator", *options, *push, stdout=asyncio.subprocess.PIPE
        )
        said = json.loads(await process.stdout.readline())
        pushed = decode_apdu(await listener.apdus.get())
        process.send_signal(signal.SIGTERM)
        code = await process.wait()

    assert said["serial"] == 42
    assert said["listening"].startswith("127.0.0.1:")
    assert pushed.system_title.hex() == said["system_title"]
    assert code == 0


@pytest.mark.parametrize(
    "options",
    [
        [],
        ["--listen", "nowhere"],
        ["--listen", "127.0.0.1:0", "--auth", "lls"],
        ["--listen", "127.0.0.1:0", "--keys", "missing.json"],
        ["--listen", "127.0.0.1:0", "--system-title", "xyz"],
        ["--push", "127.0.0.1:1", "--push-protection", "encrypted"],
    ],
)
async def test_a_wrong_command_line_is_one_sentence(options, tmp_path) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "ami_simulator", *options, stderr=asyncio.subprocess.PIPE, cwd=tmp_path
    )
    _, said = await process.communicate()

    assert process.returncode == 2
    assert b"Traceback" not in said
    assert said.strip()


async def test_a_taken_port_is_one_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "ami_simulator", "--listen", address, stderr=asyncio.subprocess.PIPE
        )
        _, said = await process.communicate()

    first, second = said.decode().splitlines()
    assert process.returncode == 7
    assert first == f"error: Cannot listen on {address}: Address already in use."
    assert second.startswith("  try: ")
