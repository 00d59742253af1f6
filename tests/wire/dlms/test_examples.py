"""The examples of the documentation, run as a reader would: processes of their own, on real wires."""

import asyncio
import contextlib
import json
import os
import re
import select
import socket
import subprocess
import sys
import threading
import tty
from pathlib import Path

import pytest

from ami_dlms.framing import Framing
from ami_dlms.obis import format_obis
from ami_dlms.security import Keys, Protection
from ami_dlms.server import Server, ServerSettings
from ami_simulator.meter import SERIAL, VirtualMeter
from ami_simulator.push import Pusher, PushSettings

pytestmark = pytest.mark.wire

EXAMPLES = Path(__file__).resolve().parents[3] / "docs" / "examples"
KEYS = Keys(bytes(range(16)), bytes(range(0xD0, 0xE0)))


@pytest.fixture
def meter():
    return VirtualMeter(7)


@contextlib.contextmanager
def answering(wait_on, answer):
    """Call `answer` whenever `wait_on` has something to read, until the block ends."""
    end, stop = os.pipe()

    def run():
        while True:
            ready, _, _ = select.select([wait_on, end], [], [])
            if end in ready:
                return
            answer()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        os.write(stop, b"x")
        thread.join()
        os.close(end)
        os.close(stop)


@contextlib.contextmanager
def on_tcp(meter, scheme, framing):
    server = Server(ServerSettings(framing=framing), meter.device)
    connections = []
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def accept():
            connection, _ = listening.accept()
            connections.append(connection)
            while data := connection.recv(65536):
                connection.sendall(server.receive(data))

        with answering(listening, accept):
            yield f"{scheme}://127.0.0.1:{listening.getsockname()[1]}"
        for connection in connections:
            connection.close()


@contextlib.contextmanager
def on_udp(meter):
    server = Server(ServerSettings(), meter.device)
    with socket.socket(type=socket.SOCK_DGRAM) as bound:
        bound.bind(("127.0.0.1", 0))

        def answer():
            data, peer = bound.recvfrom(65536)
            bound.sendto(server.receive(data), peer)

        with answering(bound, answer):
            yield f"udp://127.0.0.1:{bound.getsockname()[1]}"


@contextlib.contextmanager
def on_a_serial_line(meter):
    server = Server(ServerSettings(framing=Framing.HDLC), meter.device)
    ours, theirs = os.openpty()
    tty.setraw(theirs)
    try:
        with answering(ours, lambda: os.write(ours, server.receive(os.read(ours, 4096)))):
            yield f"serial://{os.ttyname(theirs)}"
    finally:
        os.close(ours)
        os.close(theirs)


WIRES = {
    "tcp": lambda meter: on_tcp(meter, "tcp", Framing.WRAPPER),
    "hdlc+tcp": lambda meter: on_tcp(meter, "hdlc+tcp", Framing.HDLC),
    "udp": on_udp,
    "serial": on_a_serial_line,
}


@pytest.mark.parametrize("wire", WIRES)
def test_read_a_meter(wire, meter):
    with WIRES[wire](meter) as url:
        done = run("read_meter.py", url, format_obis(SERIAL), "1-0:1.8.0")
    assert done.returncode == 0, done.stderr
    associated, serial, energy, released = done.stdout.splitlines()
    assert (associated, released) == ("Associated", "Released")
    assert serial == f"{format_obis(SERIAL)} {meter.device.objects[SERIAL].read(2).value!r}"
    assert re.fullmatch(r"1-0:1\.8\.0 [1-9]\d+ x 10\^0 unit 30", energy)


def test_what_is_refused_is_one_sentence(meter):
    with WIRES["tcp"](meter) as url:
        done = run("read_meter.py", url, "1-0:99.99.99")
    assert done.returncode == 1
    assert done.stderr.strip() == "1-0:99.99.99 is not in the object list of this association"


@pytest.mark.parametrize("protection", [Protection.NONE, Protection.AUTHENTICATED_ENCRYPTED])
async def test_receive_pushes(protection, meter, tmp_path):
    keys = tmp_path / "keys.json"
    keys.touch(mode=0o600)
    content = {"guek": KEYS.encryption.hex(), "gak": KEYS.authentication.hex()}
    keys.write_text(json.dumps({meter.system_title.hex(): content}))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, EXAMPLES / "receive_pushes.py", "127.0.0.1:0", keys, "2"),
        stdout=asyncio.subprocess.PIPE,
    )
    word, port = (await process.stdout.readline()).split()
    assert word == b"listening"
    pusher = Pusher(meter, PushSettings("127.0.0.1", int(port), protection=protection, keys=KEYS))
    await pusher.push()
    await pusher.push()
    said, _ = await process.communicate()
    await pusher.close()
    lines = said.decode().splitlines()
    assert [line.split("(")[0] for line in lines] == ["DataNotification", "DataNotification"]


def run(name, *arguments):
    return subprocess.run(
        [sys.executable, EXAMPLES / name, *arguments], capture_output=True, text=True, timeout=60, check=False
    )
