"""The push listener on the loopback interface: every octet received is in a record, in order."""

import asyncio
import contextlib
import random
import socket

import pytest

from ami_dlms.apdu import GeneralBlockTransfer, decode
from ami_dlms.framing import wrapper
from ami_dlms.link import Connected, HdlcLinkClient, Transmit
from ami_ingest import keepalive
from ami_ingest.config.model import Listen, Push
from ami_ingest.frames import read_frames
from ami_ingest.push.listener import Listener, ListenerError
from ami_ingest.send import send

pytestmark = pytest.mark.wire

APDU = bytes.fromhex("0f40000000000001")
FRAME = wrapper.encode(APDU, 1, 16)
CONFIRMED = wrapper.encode(bytes.fromhex("0f 40000007 00 12 0001"), 1, 16)
TITLE = bytes.fromhex("4d4d4d0000000001")


class Sink(list):
    """Keeps records, and is full when told so."""

    def __init__(self):
        super().__init__()
        self.open = asyncio.Event()
        self.open.set()

    def offer(self, records, done=None):
        self.extend(records)
        if done is not None:
            done.set_result(None)
        return self.open.is_set()

    async def room(self):
        await self.open.wait()

    async def until(self, condition):
        """Wait until a condition on the records holds."""
        while not condition():  # noqa: ASYNC110  the condition is any
            await asyncio.sleep(0.005)

    def octets(self):
        return b"".join(record.value for record in self)


@pytest.fixture
async def sink():
    return Sink()


@pytest.fixture
async def listen(sink, log):
    """Start a listener on free ports; return it and its TCP and UDP address."""
    listeners = []

    async def listen(senders=(), **settings):
        listener = Listener(
            [Listen(transport="tcp", host="127.0.0.1", port=0), Listen(transport="udp", host="127.0.0.1", port=0)],
            sink,
            agent="edge-1",
            log=log.logger(),
            push=Push(**settings),
            senders=senders,
        )
        await listener.start()
        listeners.append(listener)
        places = {kind: (host, port) for kind, host, port in listener.addresses}
        return listener, places["tcp"], places["udp"]

    yield listen
    for listener in listeners:
        await listener.stop()


def headers(record):
    return dict(record.headers)


async def connect(place):
    _, writer = await asyncio.open_connection(*place)
    return writer


async def test_one_connection_may_push_often(sink, listen):
    _, tcp, _ = await listen()
    writer = await connect(tcp)
    for _ in range(3):
        writer.write(FRAME)
        await writer.drain()
    await sink.until(lambda: len(sink) == 3)
    writer.close()

    assert [record.value for record in sink] == [FRAME] * 3
    assert headers(sink[0])["ami-framing"] == b"wrapper"
    assert headers(sink[0])["ami-transport"] == b"tcp"
    assert sink[0].key == b"peer-127.0.0.1"
    assert "ami-incomplete" not in headers(sink[0])


async def test_bytes_arriving_one_by_one_are_one_record(sink, listen):
    _, tcp, _ = await listen()
    writer = await connect(tcp)
    for octet in FRAME:
        writer.write(bytes((octet,)))
        await writer.drain()
        await asyncio.sleep(0)
    await sink.until(lambda: sink)
    writer.close()

    assert [record.value for record in sink] == [FRAME]


async def test_what_is_unfinished_at_the_close_is_incomplete(sink, listen):
    _, tcp, _ = await listen()
    writer = await connect(tcp)
    writer.write(FRAME + FRAME[:-2])
    writer.close()
    await sink.until(lambda: len(sink) == 2)

    assert [record.value for record in sink] == [FRAME, FRAME[:-2]]
    assert headers(sink[1])["ami-incomplete"] == b"1"


async def test_what_is_unfinished_when_the_link_goes_idle_is_incomplete(sink, listen):
    _, tcp, udp = await listen(idle_timeout_s=0.1)
    writer = await connect(tcp)
    writer.write(FRAME[:-2])
    await sink.until(lambda: len(sink) == 1)
    writer.write(FRAME)
    await sink.until(lambda: len(sink) == 2)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.sendto(FRAME[:5], udp)
        await sink.until(lambda: len(sink) == 3)
    writer.close()

    assert [record.value for record in sink] == [FRAME[:-2], FRAME, FRAME[:5]]
    assert [headers(record).get("ami-incomplete") for record in sink] == [b"1", None, b"1"]


async def test_datagrams_are_put_together_for_each_peer(sink, listen):
    _, _, udp = await listen()
    first, second = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
    with first, second:
        first.sendto(FRAME[:4], udp)
        second.sendto(FRAME[:6], udp)
        first.sendto(FRAME[4:], udp)
        second.sendto(FRAME[6:], udp)
        await sink.until(lambda: len(sink) == 2)

    assert [record.value for record in sink] == [FRAME, FRAME]
    assert headers(sink[0])["ami-transport"] == b"udp"


async def test_stopping_keeps_what_is_unfinished(sink, listen):
    listener, tcp, udp = await listen()
    writer = await connect(tcp)
    writer.write(FRAME[:9])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.sendto(FRAME[:7], udp)
    await sink.until(lambda: listener.received == 16)
    await listener.stop()
    writer.close()

    assert sorted(len(record.value) for record in sink) == [7, 9]
    assert {headers(record)["ami-incomplete"] for record in sink} == {b"1"}


async def test_noise_never_ends_the_listener_and_is_kept(sink, listen):
    _, tcp, udp = await listen()
    noise = random.Random(7)
    sent = b""
    for _ in range(50):
        writer = await connect(tcp)
        data = noise.randbytes(noise.randrange(1, 5000))
        sent += data
        writer.write(data)
        await writer.drain()
        writer.close()
        await writer.wait_closed()
        await sink.until(lambda: len(sink.octets()) == len(sent))  # noqa: B023
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        for _ in range(50):
            sock.sendto(noise.randbytes(noise.randrange(0, 1400)), udp)
    writer = await connect(tcp)
    writer.write(FRAME)
    await sink.until(lambda: any(record.value == FRAME for record in sink))
    writer.close()

    assert sink.octets()[: len(sent)] == sent


async def test_connections_beyond_the_limit_are_closed(sink, listen, log):
    listener, tcp, _ = await listen(max_connections=2)
    writers = [await connect(tcp) for _ in range(2)]
    await sink.until(lambda: listener.connections == 2)
    reader, refused = await asyncio.open_connection(*tcp)
    refused.write(FRAME)
    with contextlib.suppress(ConnectionResetError):
        assert await reader.read() == b""
    refused.close()

    writers[0].close()
    await sink.until(lambda: listener.connections == 1)
    again = await connect(tcp)
    again.write(FRAME)
    await sink.until(lambda: sink)
    for writer in (writers[1], again):
        writer.close()

    assert [record.value for record in sink] == [FRAME]
    assert listener.refused == 1
    assert "connections are refused: the limit is reached" in log.events()


async def test_one_peer_cannot_take_all_connections(listen, sink):
    listener, tcp, _ = await listen(max_connections_per_peer=1)
    writer = await connect(tcp)
    await sink.until(lambda: listener.connections == 1)
    _, refused = await asyncio.open_connection(*tcp)
    await sink.until(lambda: listener.refused == 1)
    refused.close()
    writer.close()
    await sink.until(lambda: listener.connections == 0)

    assert listener.connections == 0


async def test_a_full_spool_stops_the_reading_until_there_is_room(sink, listen):
    listener, tcp, udp = await listen()
    sink.open.clear()
    writer = await connect(tcp)
    writer.write(FRAME)
    await sink.until(lambda: len(sink) == 1)
    writer.write(FRAME * 10)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.sendto(FRAME, udp)
        await sink.until(lambda: listener.dropped == len(FRAME))
    late = await connect(tcp)
    late.write(FRAME)
    await sink.until(lambda: listener.connections == 2)
    assert len(sink) == 1

    sink.open.set()
    await sink.until(lambda: len(sink) == 12)
    late.close()
    writer.close()


async def test_the_inventory_names_a_pushing_address(sink, listen):
    class Meter:
        id = "meter-1"
        system_title = None
        push_from = "127.0.0.1"

    _, tcp, _ = await listen(senders=[Meter()])
    writer = await connect(tcp)
    writer.write(FRAME)
    await sink.until(lambda: sink)
    writer.close()

    assert sink[0].key == b"meter-1"


async def test_a_taken_port_is_one_sentence(listen, log, sink):
    _, tcp, _ = await listen()
    second = Listener([Listen(transport="tcp", host="127.0.0.1", port=tcp[1])], sink, agent="edge-2", log=log.logger())

    with pytest.raises(ListenerError, match=r"Cannot listen on tcp 127.0.0.1:\d+ .*; stop what uses the port"):
        await second.start()


@pytest.mark.parametrize("transport", ["tcp", "udp"])
async def test_the_corpus_arrives_byte_for_byte(sink, listen, corpus_dir, transport):
    """Each vector on its own connection: its bytes are exactly the values of its records."""
    _, tcp, udp = await listen(idle_timeout_s=1.0 if transport == "udp" else 30.0)
    frames = read_frames(corpus_dir / "vectors.jsonl")
    assert len(frames) == 176
    if transport == "udp":
        frames = [one for one in frames if len(one.data) < 65_000]

    start = 0
    place = tcp if transport == "tcp" else udp
    async for sent in send(frames, *place, transport=transport):
        if transport == "udp":
            continue
        await sink.until(lambda: sum(len(record.value) for record in sink[start:]) == len(sent.data))  # noqa: B023
        assert b"".join(record.value for record in sink[start:]) == sent.data, sent.id
        start = len(sink)

    total = sum(len(one.data) for one in frames)
    await sink.until(lambda: sum(len(record.value) for record in sink) == total)
    if transport == "udp":
        by_peer = {}
        for record in sink:
            by_peer.setdefault(headers(record)["ce_subject"], []).append(record.value)
        assert sorted(b"".join(values) for values in by_peer.values()) == sorted(one.data for one in frames)


async def test_a_stream_of_one_meter_on_one_connection(sink, listen, corpus_dir):
    _, tcp, _ = await listen()
    frames = read_frames(corpus_dir / "streams" / "kaifa-han-20170914.hex")
    whole = b"".join(frame.data for frame in frames)
    writer = await connect(tcp)
    for start in range(0, len(whole), 333):
        writer.write(whole[start : start + 333])
        await writer.drain()
    writer.close()
    await sink.until(lambda: len(sink.octets()) == len(whole))

    assert sink.octets() == whole
    assert [record.value for record in sink] == [frame.data for frame in frames]
    assert len(frames) == 559


async def test_a_sender_that_waits_for_its_confirmation_gets_it_once_the_push_is_safe(listen, sink):
    class Slow(Sink):
        def __init__(self):
            super().__init__()
            self.waiting = []

        def offer(self, records, done=None):
            self.extend(records)
            self.waiting.append(done)
            return True

    listener, tcp, udp = await listen()
    listener._intake._sink = slow = Slow()
    reader, writer = await asyncio.open_connection(*tcp)
    writer.write(CONFIRMED)
    await slow.until(lambda: slow.waiting)
    silence = asyncio.ensure_future(reader.readexactly(14))
    await asyncio.sleep(0.05)
    assert not silence.done()
    slow.waiting[0].set_result(None)

    assert await silence == wrapper.encode(bytes.fromhex("10 40000007 00"), 16, 1)
    writer.close()

    listener._intake._sink = sink
    loop = asyncio.get_running_loop()
    answers = asyncio.Queue()

    class Meter(asyncio.DatagramProtocol):
        def datagram_received(self, data, addr):
            answers.put_nowait(data)

    endpoint, _ = await loop.create_datagram_endpoint(Meter, remote_addr=udp)
    endpoint.sendto(CONFIRMED)
    assert await answers.get() == wrapper.encode(bytes.fromhex("10 40000007 00"), 16, 1)
    endpoint.close()
    assert listener.confirmed == 2


async def test_a_peer_that_vanished_without_a_word_is_noticed_in_minutes(listen, sink):
    listener, tcp, _ = await listen()
    _, writer = await asyncio.open_connection(*tcp)
    await sink.until(lambda: listener.connections == 1)
    (connection,) = listener._intake.readers
    sock = connection._transport.get_extra_info("socket")

    assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
    asked = [sock.getsockopt(socket.IPPROTO_TCP, option) for option in (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL)]
    assert asked == [keepalive.IDLE_S, keepalive.EVERY_S]
    writer.close()


async def test_a_meter_that_streams_blocks_waits_for_each_confirmation(listen, sink):
    """It repeats what the listener says it does not have: here the second block, lost on the way."""
    _, tcp, _ = await listen()
    reader, writer = await asyncio.open_connection(*tcp)
    apdu = bytes.fromhex("0f00000001000902") + bytes(range(200))
    pieces = [apdu[start : start + 30] for start in range(0, len(apdu), 30)]
    lost, have, raw = {2}, 0, b""
    while have < len(pieces):
        window = list(enumerate(pieces, start=1))[have : have + 3]
        for number, piece in window:
            block = GeneralBlockTransfer(
                number == len(pieces), (number, piece) != window[-1], 3, number, 0, piece
            ).to_bytes()
            if number not in lost:
                writer.write(wrapper.encode(block, 1, 16))
                raw += wrapper.encode(block, 1, 16)
        lost.clear()
        header = await reader.readexactly(8)
        confirm = decode(await reader.readexactly(int.from_bytes(header[6:], "big")))
        have = confirm.block_number_ack
    writer.close()
    await sink.until(lambda: sink)

    assert sink.octets() == raw
    assert "ami-incomplete" not in headers(sink[0])


async def test_a_meter_that_sets_up_an_hdlc_link_gets_its_acknowledgements(listen, sink):
    _, tcp, _ = await listen()
    reader, writer = await asyncio.open_connection(*tcp)
    meter = HdlcLinkClient(1, 16)
    push = bytes.fromhex("0f00000001000982") + (600).to_bytes(2, "big") + bytes(600)

    writer.write(meter.connect())
    while not any(isinstance(event, Connected) for event in meter.receive(await reader.read(4096))):
        pass
    writer.write(meter.send(push))
    while not sink:
        # Each segment waits for the acknowledgement of the one before.
        for event in meter.receive(await reader.read(4096)):
            if isinstance(event, Transmit):
                writer.write(event.data)
        await asyncio.sleep(0)
    writer.close()

    assert headers(sink[0])["ami-framing"] == b"hdlc"
    assert "ami-incomplete" not in headers(sink[0])
    assert len(sink.octets()) > len(push)


async def test_strangers_are_refused_by_policy_and_let_in_after_a_reload(listen, sink, log):
    class Meter:
        id = "meter-1"
        system_title = TITLE
        push_from = None

    listener, tcp, udp = await listen(unknown="refuse", senders=[Meter()])
    known = wrapper.encode(b"\xdb\x08" + TITLE + b"\x05\x30" + bytes(4), 1, 16)
    writer = await connect(tcp)
    writer.write(FRAME + known)
    await sink.until(lambda: sink)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.sendto(FRAME, udp)
        await sink.until(lambda: listener.refused_messages == 2)
    assert [record.value for record in sink] == [known]
    assert listener.refused_octets == 2 * len(FRAME)
    assert log.events().count("pushes are refused: the inventory does not know the sender") == 1

    class Here(Meter):
        push_from = "127.0.0.1"

    listener.apply(Push(unknown="refuse"), [Here()])
    writer.write(FRAME)
    await sink.until(lambda: len(sink) == 2)
    assert sink[1].key == b"st-" + TITLE.hex().encode()
    writer.close()


async def test_a_peer_beyond_its_rate_is_read_slower_and_its_datagrams_counted(listen, sink):
    listener, tcp, udp = await listen(max_bytes_per_s_per_peer=4 * 1024.0)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        for _ in range(12):
            sock.sendto(wrapper.encode(b"\x0f" + bytes(1000), 1, 16), udp)
        await sink.until(lambda: listener.dropped and listener.dropped + listener.received == 12 * 1009)
    writer = await connect(tcp)
    began = asyncio.get_running_loop().time()
    for _ in range(3):
        writer.write(wrapper.encode(b"\x0f" + bytes(1000), 1, 16))
        await writer.drain()
    await sink.until(lambda: sum(headers(record)["ami-transport"] == b"tcp" for record in sink) == 3)
    assert asyncio.get_running_loop().time() - began < 60
    writer.close()


async def test_what_the_kernel_drops_is_counted(listen, sink):
    """A receive buffer too small for what comes at once, and nobody who reads meanwhile."""
    listener, _, udp = await listen()
    (transport, _), *_ = listener._datagrams
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        for _ in range(200):
            sock.sendto(wrapper.encode(b"\x0f" + bytes(1000), 1, 16), udp)
    await sink.until(lambda: listener.kernel_drops > 0 and len(sink) + listener.kernel_drops == 200)
