"""A fleet of virtual meters: what a push and an association cost the simulator, and what an idle association takes.

Without sockets: the simulator must leave the machine to what is measured with it.
"""

import time
import tracemalloc
from argparse import Namespace
from collections.abc import Iterator
from typing import Any

from ami_dlms.apdu import CosemAttribute
from ami_dlms.client import Answer, Client, ClientSettings, Send
from ami_dlms.security import MemoryCounter, Protection
from ami_dlms.server import Server
from ami_simulator import PushSettings, VirtualMeter
from ami_simulator.fleet import read
from ami_simulator.fleet.composer import Composer
from ami_simulator.fleet.fleet import Fleet
from ami_simulator.fleet.members import Members
from ami_simulator.meter import IMPORT
from ami_simulator.push import PushComposer
from bench._rate import rate

METERS = 200_000
SECOND = 1_772_366_850
"""Of the meters' clocks."""
A_SECOND = 20_000
"""Pushes of the same second."""
ENERGY = CosemAttribute(3, IMPORT, 2)
IDLE = 500


def run(options: Namespace) -> Iterator[dict[str, Any]]:
    """Measure composing, serving and memory."""
    yield from composing(options.seconds)
    for authentication in ("lls", "hls-gmac"):
        for framing in ("wrapper", "hdlc"):
            yield from serving(authentication, framing, options.seconds)


def composing(seconds: float) -> Iterator[dict[str, Any]]:
    """Compose ciphered pushes of many meters, against making each of its meter's objects."""
    members = Members(read({"meters": METERS, "push": {"to": "127.0.0.1:1"}}))
    composer, zone = Composer(members), members.description.zone
    protection = Protection.AUTHENTICATED_ENCRYPTED

    def patched(index: int) -> bytes:
        return composer.apdu(index, index + 1, SECOND + index // A_SECOND, zone, protection)

    def made(index: int) -> bytes:
        meter = VirtualMeter(members.serial(index), seed=members.seed(index))
        settings = PushSettings("", 1, protection=protection, keys=members.keys(index))
        return PushComposer(meter, settings).next()

    generic = rate(made, range(0, METERS, 100), seconds)
    value = rate(patched, range(METERS), seconds)
    yield {
        "name": "fleet-push",
        "value": value,
        "unit": "pushes/s",
        "ratio": value / generic,
        "ratio_to": "from objects",
    }


class Talk:
    """A client and a meter that talk through memory; only what the meter's side takes is counted."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self.spent_s = 0.0

    def read(self, index: int) -> Server:
        """Associate with a meter and read its energy."""
        known = self._fleet.members.meter(index)
        settings = ClientSettings(
            client_sap=known.client_address,
            framing=known.framing,
            authentication=known.authentication,
            password=known.password,
            keys=known.keys,
            client_system_title=b"AMI\0\0\0\0\1",
        )
        client = Client(settings, MemoryCounter(1))
        began = time.process_time()
        condition = self._fleet.condition(index, 0.0, ())
        server = Server(self._fleet.settings(index, condition, ()), self._fleet.meter(index, condition).device)
        self.spent_s += time.process_time() - began
        self._say(client, server, client.associate())
        if not isinstance(self._say(client, server, client.get(ENERGY)), Answer):
            raise SystemExit("the meter cannot be read")
        return server

    def _say(self, client: Client, server: Server, octets: bytes) -> object:
        last: object = None
        while octets:
            began = time.process_time()
            answer = server.receive(octets)
            self.spent_s += time.process_time() - began
            octets = b""
            for event in client.receive(answer):
                if isinstance(event, Send):
                    octets += event.data
                else:
                    last = event
        return last


def serving(authentication: str, framing: str, seconds: float) -> Iterator[dict[str, Any]]:
    """Associate with meter after meter, and hold some associations."""
    tree = {"meters": METERS, "authentication": authentication, "framing": framing, "listen": {}}
    fleet = Fleet(read(tree))
    talk, index, until = Talk(fleet), 0, time.perf_counter() + seconds
    while time.perf_counter() < until:
        talk.read(index)
        index += 1
    name = f"fleet-{authentication}-{framing}"
    yield {"name": name, "value": index / talk.spent_s, "unit": "associations and reads/s"}
    tracemalloc.start()
    held = [talk.read(index + number) for number in range(IDLE)]
    octets, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    yield {"name": f"{name}-idle", "value": octets / len(held), "unit": "octets an association"}
