"""TCP links: octets kept in order, back-pressure both ways, an end for every wait."""

import asyncio
import socket
import threading

import pytest

from ami_ingest.config.endpoint import Endpoint
from ami_ingest.errors import ConnectionClosed, ConnectionFailed, NoAnswer, NotCalled
from ami_ingest.transport import open_link, stream

pytestmark = pytest.mark.wire


@pytest.fixture
async def peer():
    """Open a link; give it and the other end, a socket that reads and writes only when told."""
    ends = []

    async def peer():
        with socket.create_server(("127.0.0.1", 0)) as listening:
            endpoint = Endpoint.parse(f"tcp://127.0.0.1:{listening.getsockname()[1]}")
            link = await open_link(endpoint, connect_timeout_s=5)
            other, _ = listening.accept()
        other.setblocking(False)
        ends.append((link, other))
        return link, other

    yield peer
    for link, other in ends:
        other.close()
        await link.close()


async def test_octets_come_in_order_and_then_the_end(peer):
    link, other = await peer()
    other.send(b"first")
    assert await link.receive(5) == b"first"
    other.send(b"second")
    other.close()

    assert await link.receive(5) == b"second"
    for _ in range(2):
        with pytest.raises(ConnectionClosed, match=r"^Connection Closed \(by the meter\)$"):
            await link.receive(5)
    with pytest.raises(ConnectionClosed):
        await link.send(b"x", 5)


async def test_silence_ends_a_wait_and_nothing_else(peer):
    link, other = await peer()
    with pytest.raises(asyncio.TimeoutError):
        await link.receive(0.05)
    other.send(b"late")
    assert await link.receive(5) == b"late"


async def test_a_cancelled_wait_loses_nothing(peer):
    link, other = await peer()
    waiting = asyncio.create_task(link.receive(30))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    other.send(b"kept")
    assert await link.receive(5) == b"kept"


async def test_octets_put_back_come_first(peer):
    link, other = await peer()
    other.send(b"early")
    link.put_back(await link.receive(5))
    other.send(b"later")
    assert await link.receive(5) == b"early"
    assert await link.receive(5) == b"later"
    host, port = link.peer
    assert (host, port) == other.getsockname()


async def test_who_sends_more_than_is_read_is_held(peer):
    link, other = await peer()
    block, sent, stuck = bytes(64 << 10), 0, 0
    while stuck < 50:
        try:
            sent += other.send(block)
            stuck = 0
        except BlockingIOError:
            stuck += 1
        await asyncio.sleep(0.001)

    received = 0
    while received < sent:
        received += len(await link.receive(5))
    assert received == sent


async def test_a_peer_that_takes_nothing_ends_the_sending(peer):
    link, _ = await peer()
    with pytest.raises(NoAnswer):
        await link.send(bytes(32 << 20), 0.2)


async def test_a_reset_is_said(peer):
    link, other = await peer()
    other.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
    other.close()
    with pytest.raises(ConnectionFailed, match=r"^Connection Reset \(Error 104\)$"):
        await link.receive(5)


async def test_each_address_of_a_host_is_tried(peer):
    with socket.create_server(("127.0.0.1", 0)) as listening:
        # `localhost` is often ::1 first, where nothing listens.
        endpoint = Endpoint.parse(f"tcp://localhost:{listening.getsockname()[1]}")
        await (await open_link(endpoint, connect_timeout_s=5)).close()


async def test_a_meter_that_calls_in_is_not_called():
    with pytest.raises(NotCalled, match=r"^Not Connected \(the meter has not called in\)$"):
        await open_link(Endpoint.parse("call-in://"), connect_timeout_s=5)


async def test_a_name_service_that_does_not_answer_holds_up_nobody_else(monkeypatch):
    answer = threading.Event()

    def deaf(host, port, **_):
        answer.wait()
        raise socket.gaierror(socket.EAI_AGAIN, "no answer")

    monkeypatch.setattr(socket, "getaddrinfo", deaf)
    asking = [asyncio.create_task(stream.connect(f"meter-{number}.invalid", 1, 30)) for number in range(50)]
    await asyncio.sleep(0)
    try:
        assert await asyncio.wait_for(asyncio.to_thread(lambda: "done"), 10) == "done"
    finally:
        answer.set()

    errors = await asyncio.gather(*asking, return_exceptions=True)
    assert {error.code for error in errors} == {"HOST_UNKNOWN"}


async def test_who_cancels_a_connection_is_heeded_at_any_moment(behave):
    """Also at the moment it comes about: else a session goes on that nobody wants."""
    at = await behave(lambda reader, _writer: reader.read())
    for steps in range(12):
        connecting = asyncio.create_task(stream.connect(at.host, at.port, 20.0))
        for _ in range(steps):
            await asyncio.sleep(0)
        if connecting.done():
            connecting.result().abort()
            break
        connecting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await connecting
