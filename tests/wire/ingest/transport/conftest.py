"""Virtual meters for every way to a meter."""

import asyncio

import pytest
from support.log import Log
from support.serial_bus import SerialBus

from ami_dlms.framing import Framing
from ami_dlms.server import Server, ServerSettings
from ami_ingest.config.endpoint import Endpoint
from ami_ingest.config.model import LinkProfile
from ami_ingest.meters.access import MeterAccess
from ami_simulator.meter import VirtualMeter

QUICK = LinkProfile(connect_timeout_s=5.0, request_timeout_s=5.0)


@pytest.fixture
def log():
    return Log()


@pytest.fixture
async def bus(tmp_path):
    """Make serial lines; they vanish in the end."""
    made = []

    def bus(*meters, name="ttyUSB0", plugged=True, **options):
        line = SerialBus(tmp_path / name, *meters, **options)
        made.append(line)
        if plugged:
            line.plug_in()
        return line

    yield bus
    for line in made:
        line.unplug()


def hdlc_server(serial, physical=None, **settings):
    """Return a virtual meter and its server on an HDLC line."""
    meter = VirtualMeter(serial)
    return meter, Server(ServerSettings(framing=Framing.HDLC, server_physical=physical, **settings), meter.device)


def access_on(line, physical=None, *, options="baud=115200", link=QUICK, **more):
    """Return the access to a meter on a serial line."""
    return MeterAccess(Endpoint.parse(f"serial://{line.path}?{options}"), physical_device=physical, link=link, **more)


class DatagramMeter(asyncio.DatagramProtocol):
    """A meter on UDP that loses the datagrams it is told to."""

    def __init__(self, server, lose=()):
        self.server, self.lose = server, set(lose)
        self.count = 0

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, addr):
        self.count += 1
        if self.count not in self.lose and (answer := self.server.receive(data)):
            self.transport.sendto(answer, addr)


@pytest.fixture
async def datagram_meter():
    """Start a meter on UDP; give it and its address."""
    opened = []

    async def start(meter, *, lose=(), **settings):
        server = Server(ServerSettings(datagrams=True, **settings), meter.device)
        transport, protocol = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: DatagramMeter(server, lose), local_addr=("127.0.0.1", 0)
        )
        opened.append(transport)
        return protocol, Endpoint.parse("udp://127.0.0.1:{}".format(transport.get_extra_info("sockname")[1]))

    yield start
    for transport in opened:
        transport.close()
