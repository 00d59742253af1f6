"""The whole agent and its sockets for meters: one calls in, pushes and is read; another pushes over TLS."""

import asyncio
import contextlib
import socket

import pytest
from support.certificates import Authority

from ami_dlms.framing import wrapper
from ami_dlms.server import Server, ServerSettings
from ami_ingest import agent
from ami_ingest.config.endpoint import Endpoint
from ami_ingest.config.model import AgentConfig, Kafka, LinkProfile, Listen, Meter, Schedule
from ami_ingest.config.target import Target
from ami_ingest.control.client import Agent
from ami_ingest.transport.tls import client_context
from ami_simulator.meter import SERIAL, VirtualMeter
from ami_simulator.push import PushComposer, PushSettings

pytestmark = pytest.mark.wire


class Producer:
    """A Kafka that remembers what it was given, and takes it at once."""

    def __init__(self):
        self.values, self.waiting = [], []

    def produce(self, topic, value, key, *, headers, timestamp, on_delivery):
        self.values.append(value)
        self.waiting.append(on_delivery)

    def poll(self, timeout):
        waiting, self.waiting = self.waiting, []
        for on_delivery in waiting:
            on_delivery(None, None)
        return len(waiting)

    def flush(self, timeout):
        return self.poll(0) and 0

    def purge(self):
        self.waiting.clear()


def status(socket):
    with Agent(socket, 20.0) as found:
        return found.status()


async def test_a_meter_that_calls_is_read(tmp_path, log):
    with socket.create_server(("127.0.0.1", 0)) as found:
        port = found.getsockname()[1]
    meter, producer, stop = VirtualMeter(81), Producer(), asyncio.Event()
    started = asyncio.get_running_loop().create_future()
    config = AgentConfig(
        "edge-1",
        Kafka("127.0.0.1:1"),
        tmp_path,
        listen=(Listen("tcp", "127.0.0.1", port, role="call-in"),),
        meters=(
            Meter(
                "m81",
                Endpoint.parse("call-in://"),
                logical_device_name="AMV0000000000081",
                link=LinkProfile(request_timeout_s=5),
                schedules=(Schedule("s", 3600.0, read=(Target(1, SERIAL, 2),)),),
            ),
        ),
    )
    running = asyncio.create_task(
        agent.serve(config, stop, log=log.logger(), make_producer=lambda _: producer, started=started)
    )
    await started

    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    push = wrapper.encode(PushComposer(meter, PushSettings("", 0)).next(), 1, 103)
    writer.write(push)

    async def serve():
        server = Server(ServerSettings(), meter.device)
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                writer.write(server.receive(data))

    serving = asyncio.create_task(serve())
    # Its push does not tell who it is: it is asked, and then read.
    while not any(b"00000081" in value for value in producer.values if value != push):  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    told = await asyncio.to_thread(status, tmp_path / "control.sock")
    stop.set()
    await running
    await asyncio.wait_for(serving, 10)  # the agent has closed the connection
    writer.close()
    assert producer.values[0] == push
    assert "a meter called in" in log.events()
    assert told["calls"] == {"connections": 1, "identified": 1, "unknown": 0, "refused": 0}


async def test_a_push_over_tls_reaches_kafka(tmp_path, log):
    authority = Authority(tmp_path)
    tls = authority.issue("agent", hosts=["127.0.0.1"], trust=authority.trust)
    producer, stop = Producer(), asyncio.Event()
    started = asyncio.get_running_loop().create_future()
    config = AgentConfig("edge-1", Kafka("127.0.0.1:1"), tmp_path, listen=(Listen("tcp", "127.0.0.1", 0, tls=tls),))
    running = asyncio.create_task(
        agent.serve(config, stop, log=log.logger(), make_producer=lambda _: producer, started=started)
    )
    ((_, host, port),) = (await started).addresses
    push = wrapper.encode(PushComposer(VirtualMeter(82), PushSettings("", 0)).next(), 1, 103)

    meter = client_context(authority.issue("meter", trust=authority.trust))
    _, writer = await asyncio.open_connection(host, port, ssl=meter)
    writer.write(push)
    while push not in producer.values:  # noqa: ASYNC110  another thread fills it
        await asyncio.sleep(0.01)
    writer.close()
    stop.set()
    await running
