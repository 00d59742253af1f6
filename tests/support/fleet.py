"""A fleet in a process of its own, as `ami simulate fleet` runs it, and a client for its meters."""

import asyncio
import json
import select
import signal
import subprocess
import sys
import time
from contextlib import asynccontextmanager, contextmanager, suppress

from ami_dlms.client import Client, ClientSettings, Send
from ami_dlms.security import MemoryCounter
from ami_simulator.fleet import Members, read, read_log

AGENT_TITLE = bytes.fromhex("414d490000000001")


class RunningFleet:
    """A fleet that runs; `members` and `truth` say what it is and what it said."""

    def __init__(self, process, tree, folder, ready):
        self._process, self._folder, self.ready = process, folder, ready
        port = int(ready["listening"].rpartition(":")[2]) if "listening" in ready else None
        self.members = Members(read(tree))
        self.port = port
        self.folder = folder

    def meter(self, index):
        """The inventory's view of a meter."""
        return self.members.meter(index, self.port)

    def status(self, condition, what, within=60):
        """Wait for a status line that fulfils a condition; return it."""
        deadline = time.monotonic() + within
        while time.monotonic() < deadline:
            if not select.select([self._process.stdout], [], [], 1)[0]:
                continue
            line = self._process.stdout.readline()
            assert line, f"the fleet ended before: {what}"
            numbers = json.loads(line)
            if "ready" not in numbers and condition(numbers):
                return numbers
        raise AssertionError(f"not within {within} s: {what}")

    def pass_over(self):
        """Read what it has said so far: a full pipe would stop it."""
        while select.select([self._process.stdout], [], [], 0)[0]:
            assert self._process.stdout.readline(), "the fleet has ended"

    def end(self, *, by_itself=False):
        """End it as a user does, or wait until it does; return its last numbers and what its log says."""
        if not by_itself:
            self._process.send_signal(signal.SIGTERM)
        out, _ = self._process.communicate(timeout=60)
        assert self._process.returncode == 0
        last = json.loads(out.splitlines()[-1])
        assert last["ended"]
        return last, list(read_log(self._folder / "truth.jsonl"))


@contextmanager
def running_fleet(folder, tree, *options):
    """Run a fleet described by a mapping for a block."""
    config = folder / "fleet.json"
    config.write_text(json.dumps(tree))
    command = [sys.executable, "-m", "ami_cli", "simulate", "fleet", "--config", config, "--json"]
    command += ["--truth", folder / "truth.jsonl", *options]
    process = subprocess.Popen([*map(str, command)], stdout=subprocess.PIPE, text=True, bufsize=1)
    try:
        assert select.select([process.stdout], [], [], 60)[0], "the fleet says nothing"
        yield RunningFleet(process, tree, folder, json.loads(process.stdout.readline()))
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        process.stdout.close()


def client_of(meter, **change):
    """A client that knows a meter as the inventory does."""
    known = {
        "client_sap": meter.client_address,
        "server_sap": meter.logical_device,
        "server_physical": meter.physical_device,
        "framing": meter.framing,
        "authentication": meter.authentication,
        "password": meter.password,
        "suite": meter.suite,
        "keys": meter.keys,
        "client_system_title": AGENT_TITLE,
    }
    return Client(ClientSettings(**{**known, **change}), MemoryCounter(1))


class Talk:
    """A client on a connection; `seen` is every octet that came."""

    def __init__(self, client, reader, writer):
        self.client, self.seen, self.ended = client, b"", False
        self._reader, self._writer = reader, writer

    async def say(self, octets, patience=None):
        """Send, and return the first event that is not Send; None where the connection ended, or patience did."""
        self._writer.write(octets)
        while True:
            try:
                data = await asyncio.wait_for(self._reader.read(65536), patience)
            except asyncio.TimeoutError:
                return None
            except ConnectionError:
                data = b""
            self.seen += data
            if not data:
                self.ended = True
                return None
            for event in self.client.receive(data):
                if not isinstance(event, Send):
                    return event
                self._writer.write(event.data)


@asynccontextmanager
async def talking(meter, **change):
    """Connect to a meter."""
    reader, writer = await asyncio.open_connection(*meter.address)
    try:
        yield Talk(client_of(meter, **change), reader, writer)
    finally:
        writer.close()
        with suppress(ConnectionError):  # the fleet closed first
            await writer.wait_closed()
