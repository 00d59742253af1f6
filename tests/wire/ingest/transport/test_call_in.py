"""Meters that connect to us: known by what they say or are asked, read over their own connection, strangers refused."""

import asyncio
import contextlib
from dataclasses import replace
from datetime import datetime, timezone

import pytest
from support.asked import read_asked
from support.certificates import Authority
from support.conditions import until

from ami_dlms import apdu, axdr
from ami_dlms.framing import Framing, unframe, wrapper
from ami_dlms.security import Form, Keys, Protection, protect
from ami_dlms.server import Authentication, Server, ServerSettings
from ami_ingest.config.credentials import Credentials
from ami_ingest.config.endpoint import Endpoint
from ami_ingest.config.model import LinkProfile, Listen, Meter, Poll, Push, Schedule
from ami_ingest.config.target import Target
from ami_ingest.errors import ConfigError, MeterUnknown
from ami_ingest.meters.counters import CounterStore
from ami_ingest.schedule.scheduler import Scheduler
from ami_ingest.transport.call_in import Callers
from ami_ingest.transport.tls import client_context
from ami_keys.keystore import FileKeyStore, add_kek
from ami_keys.session_key import unwrap_session_key
from ami_simulator.meter import SERIAL, VirtualMeter
from ami_simulator.push import PushComposer, PushSettings

pytestmark = pytest.mark.wire

KEYS = Keys(bytes(range(16)), bytes(range(0xD0, 0xE0)))
NOON = datetime(2026, 11, 1, 12, 30, tzinfo=timezone.utc)
TARGET = Target(1, SERIAL, 2)


class Sink(list):
    def offer(self, records):
        self.extend(records)
        return True

    async def room(self):
        pass


class Caller:
    """A virtual meter that connects to a head-end, says what it likes, and is then read."""

    def __init__(self, serial, framing=Framing.WRAPPER):
        self.meter = VirtualMeter(serial, now=lambda: NOON)  # some times of day look like the start of a frame
        self.server = Server(ServerSettings(framing=framing), self.meter.device)
        self.closed = asyncio.Event()

    async def call(self, address, *says, ssl=None, host=None):
        self.reader, self.writer = await asyncio.open_connection(
            *address, ssl=ssl, server_hostname=None if ssl is None else host
        )
        for octets in says:
            self.writer.write(octets)
        self.task = asyncio.create_task(self._serve())
        return self

    async def _serve(self):
        with contextlib.suppress(OSError):
            while data := await self.reader.read(65536):
                self.writer.write(self.server.receive(data))
        self.closed.set()

    def push(self, protection=Protection.NONE):
        settings = PushSettings("", 0, protection=protection, keys=KEYS)
        return wrapper.encode(PushComposer(self.meter, settings).next(), 1, 103)

    async def hang_up(self):
        self.writer.close()
        await self.task


@pytest.fixture
def sink():
    return Sink()


@pytest.fixture
async def house(sink, log):
    """Open a call-in socket for meters; give what it counts, its address, and a queue of who was handed over."""
    opened = []

    async def house(*meters, tls=None, on_call=None, **options):
        handed = asyncio.Queue()
        made = Callers(
            [Listen("tcp", "127.0.0.1", 0, tls=tls, role="call-in"), Listen("udp", "127.0.0.1", 0)],
            meters,
            sink,
            on_call or (lambda meter, link: handed.put_nowait((meter, link))),
            agent="edge-1",
            log=log.logger(),
            **{"hello_s": 0.2, "answer_s": 5.0, **options},
        )
        await made.start()
        opened.append(made)
        return made, made.addresses[0], handed

    yield house
    for made in opened:
        await made.stop()


def inventory(serial=1, scheme="call-in", **options):
    options.setdefault("id", f"m{serial}")
    return Meter(
        address=Endpoint.parse(f"{scheme}://"),
        link=LinkProfile(connect_timeout_s=5, request_timeout_s=5),
        **options,
    )


def ldn(serial):
    return f"AMV{serial:013d}"


async def test_known_by_the_system_title_of_its_first_message(house, sink):
    caller = Caller(1)
    made, address, handed = await house(inventory(system_title=caller.meter.system_title))
    first = caller.push(Protection.AUTHENTICATED_ENCRYPTED)
    await caller.call(address, first)

    meter, _ = await asyncio.wait_for(handed.get(), 10)

    assert meter == "m1"
    assert [record.value for record in sink] == [first]
    assert sink[0].key == b"st-" + caller.meter.system_title.hex().encode()
    assert (made.calls, made.identified, made.unknown) == (1, 1, 0)
    await caller.hang_up()


async def test_known_by_the_name_in_its_first_message(house, sink):
    caller = Caller(2)
    _, address, handed = await house(inventory(2, logical_device_name=ldn(2)), inventory(3, logical_device_name=ldn(3)))
    body = axdr.structure(axdr.octets(ldn(2).encode()), axdr.uint32(7))
    heartbeat = wrapper.encode(apdu.DataNotification(1, b"", body).to_bytes(), 1, 16)
    await caller.call(address, heartbeat[:10], heartbeat[10:])

    assert (await asyncio.wait_for(handed.get(), 10))[0] == "m2"
    assert [record.value for record in sink] == [heartbeat]
    await caller.hang_up()


async def test_known_by_its_address_and_a_message_on_its_way_is_not_lost(house, sink):
    caller = Caller(3)
    made, address, handed = await house(inventory(3, push_from="127.0.0.1"))
    await caller.call(address, caller.push())

    meter, _ = await asyncio.wait_for(handed.get(), 10)
    await until(lambda: made.connections == 1)
    await caller.hang_up()
    await until(lambda: made.connections == 0)

    assert meter == "m3"
    assert len(sink) == 1  # nobody read it while the connection stood
    assert dict(sink[0].headers)["ce_subject"] == b"m3"


@pytest.mark.parametrize(("scheme", "framing"), [("call-in", Framing.WRAPPER), ("hdlc+call-in", Framing.HDLC)])
async def test_who_says_nothing_is_asked_for_its_name(house, sink, scheme, framing):
    caller = Caller(4, framing)
    _, address, handed = await house(inventory(4, scheme, id=ldn(4)), inventory(5, scheme, logical_device_name=ldn(5)))
    await caller.call(address)

    assert (await asyncio.wait_for(handed.get(), 10))[0] == ldn(4)
    assert sink == []
    await caller.hang_up()


async def test_an_address_that_two_meters_share_names_neither(house):
    caller = Caller(6)
    _, address, handed = await house(
        inventory(5, push_from="127.0.0.1", logical_device_name=ldn(5)),
        inventory(6, push_from="127.0.0.1", logical_device_name=ldn(6)),
    )
    await caller.call(address)

    assert (await asyncio.wait_for(handed.get(), 10))[0] == "m6"
    await caller.hang_up()


@pytest.mark.parametrize("policy", ["accept", "refuse"])
async def test_strangers_are_turned_away_counted_and_named_once(house, sink, log, policy):
    made, address, handed = await house(inventory(1, logical_device_name=ldn(1)), push=Push(unknown=policy))
    for _ in range(2):
        caller = Caller(9)
        await caller.call(address, caller.push())
        await asyncio.wait_for(caller.closed.wait(), 10)
        await caller.hang_up()
        made.apply([inventory(2, logical_device_name=ldn(2))], Push(unknown=policy))

    assert handed.empty()
    assert (made.calls, made.identified, made.unknown) == (2, 0, 2)
    assert len(sink) == (2 if policy == "accept" else 0)
    named = [entry for entry in log if entry["event"] == "a meter called in that the inventory does not know"]
    assert [entry["logical_device_name"] for entry in named] == [ldn(9)], "once, whatever else changes"
    assert "call-in://" in named[0]["remedy"]


async def test_noise_and_silence_are_turned_away(house, sink, log):
    made, address, _ = await house(inventory(1), answer_s=0.3)

    async def babbler(octets):
        reader, writer = await asyncio.open_connection(*address)
        writer.write(octets)
        await asyncio.wait_for(reader.read(), 10)
        writer.close()

    await asyncio.gather(babbler(b"\xff" * 50), babbler(b""))

    assert made.unknown == 2
    await until(lambda: made.connections == 0)
    assert "exception" not in str(log)


async def test_limits_hold(house, log):
    made, address, _ = await house(inventory(1), push=Push(max_connections_per_peer=1), hello_s=30)
    first = await Caller(1).call(address)
    await until(lambda: made.connections == 1)
    second = await Caller(2).call(address)
    await asyncio.wait_for(second.closed.wait(), 10)

    assert (made.calls, made.refused, made.connections) == (2, 1, 1)
    assert "calls are refused: the limit is reached" in log.events()
    await first.hang_up()
    await second.hang_up()


async def test_what_is_said_while_nobody_reads_becomes_records(house, sink, monkeypatch):
    monkeypatch.setattr("ami_ingest.transport.call_in._UNREAD_S", 0.05)
    monkeypatch.setattr("ami_ingest.transport.call_in._SWEEP_S", 0.05)
    caller = Caller(1)
    _, address, handed = await house(inventory(1, logical_device_name=ldn(1)))
    await caller.call(address)
    await asyncio.wait_for(handed.get(), 10)
    first, second = caller.push(), caller.push()

    caller.writer.write(first + second[:20])
    await until(lambda: len(sink) == 1)
    caller.writer.write(second[20:])
    await until(lambda: len(sink) == 2)
    caller.writer.write(first[:30])
    await caller.hang_up()
    await until(lambda: len(sink) == 3)

    assert b"".join(record.value for record in sink) == first + second + first[:30]
    assert dict(sink[2].headers)["ami-incomplete"] == b"1"


async def test_a_stop_loses_nothing_of_who_is_not_known_yet(house, sink):
    made, address, _ = await house(inventory(1), hello_s=30)
    caller = Caller(1)
    octets = caller.push()[:50]
    await caller.call(address, octets)
    await until(lambda: made.received == len(octets))
    await made.stop()
    assert b"".join(record.value for record in sink) == octets
    await caller.hang_up()


async def test_a_stop_loses_nothing_of_who_is_being_asked(house, sink):
    made, address, _ = await house(inventory(1), answer_s=30)
    push = Caller(9).push()
    reader, writer = await asyncio.open_connection(*address)
    writer.write(push)
    assert await reader.read(100), "it is asked for its name, and does not answer"

    await made.stop()

    assert [record.value for record in sink] == [push]
    writer.close()


async def test_a_meter_removed_by_a_reload_is_let_go(house, log):
    def on_call(meter, link):
        raise MeterUnknown(f"There is no meter {meter}")

    made, address, _ = await house(inventory(1, logical_device_name=ldn(1)), on_call=on_call)
    caller = await Caller(1).call(address)
    await asyncio.wait_for(caller.closed.wait(), 10)
    assert "There is no meter m1" in log.events()
    made.apply([inventory(1, id="renamed", logical_device_name=ldn(1))], Push())
    await caller.hang_up()


async def test_over_tls(house, tmp_path):
    authority = Authority(tmp_path)
    tls = authority.issue("head-end", hosts=["127.0.0.1"], trust=authority.trust)
    _, address, handed = await house(inventory(1, logical_device_name=ldn(1)), tls=tls)
    ours = client_context(authority.issue("meter-1", trust=authority.trust))
    caller = await Caller(1).call(address, ssl=ours, host="127.0.0.1")

    assert (await asyncio.wait_for(handed.get(), 10))[0] == "m1"
    await caller.hang_up()


async def test_a_taken_port_and_udp_are_said(sink, log):
    def opened(*sockets):
        return Callers(sockets, [], sink, lambda *_: None, agent="edge-1", log=log.logger())

    with pytest.raises(ConfigError, match="meters call in over tcp"):
        await opened(Listen("udp", "127.0.0.1", 0, role="call-in")).start()
    first = opened(Listen("tcp", "127.0.0.1", 0, role="call-in"))
    await first.start()
    with pytest.raises(ConfigError, match=r"^Cannot listen on tcp .+; stop what uses the port"):
        await opened(Listen("tcp", *first.addresses[0], role="call-in")).start()
    await first.stop()


class Store(Sink):
    async def put(self, records, positions=()):
        self.extend(records)

    def position(self, meter, profile):
        return None


async def test_a_meter_that_called_is_read_by_the_scheduler(house, tmp_path, log):
    store = Store()
    meters = [inventory(1, logical_device_name=ldn(1), schedules=(Schedule("s", 3600.0, read=(TARGET,)),))]
    scheduler = Scheduler(meters, store, CounterStore(tmp_path), agent="edge-1", poll=Poll(), log=log.logger())
    running = asyncio.create_task(scheduler.run())
    _, address, _ = await house(*meters, on_call=scheduler.adopt)
    caller = await Caller(1).call(address)

    await asyncio.wait_for(until(lambda: any(b"00000001" in record.value for record in store)), 20)
    (reading,) = await asyncio.wait_for(read_asked(scheduler, "m1", [TARGET]), 20)

    assert b"00000001" in reading.records[0].value
    await caller.hang_up()
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running


async def test_what_it_says_under_the_key_of_its_association_brings_that_key(house, sink, tmp_path, log, monkeypatch):
    """Also what it says while nobody reads."""
    monkeypatch.setattr("ami_ingest.transport.call_in._UNREAD_S", 0.05)
    monkeypatch.setattr("ami_ingest.transport.call_in._SWEEP_S", 0.05)
    add_kek(tmp_path / "kek.json", "edge")
    caller = Caller(1)
    caller.server = Server(
        ServerSettings(
            authentication=Authentication.HLS_GMAC,
            system_title=caller.meter.system_title,
            keys=KEYS,
            protection=Protection.AUTHENTICATED_ENCRYPTED,
        ),
        caller.meter.device,
    )
    meter = inventory(
        1,
        logical_device_name=ldn(1),
        client_address=1,
        authentication=Authentication.HLS_GMAC,
        credentials=Credentials(guek=KEYS.encryption, gak=KEYS.authentication, client_system_title=b"AMI\0\0\0\0\1"),
        dedicated_key=True,
    )
    scheduler = Scheduler(
        [meter],
        Store(),
        CounterStore(tmp_path / "counters"),
        agent="edge-1",
        poll=Poll(),
        log=log.logger(),
        key_store=tmp_path / "kek.json",
    )
    running = asyncio.create_task(scheduler.run())
    called = asyncio.Event()

    def on_call(meter, link):
        scheduler.adopt(meter, link)
        called.set()

    _, address, _ = await house(meter, on_call=on_call)
    await caller.call(address)
    await asyncio.wait_for(called.wait(), 20)
    (reading,) = await asyncio.wait_for(read_asked(scheduler, "m1", [TARGET]), 20)

    carried = dict(reading.records[0].headers)["ami-session-key"]
    dedicated = unwrap_session_key(carried, caller.meter.system_title, FileKeyStore(tmp_path / "kek.json"))
    said = protect(
        apdu.DataNotification(1, b"", axdr.octets(b"unasked")).to_bytes(),
        keys=replace(KEYS, dedicated=dedicated),
        system_title=caller.meter.system_title,
        invocation_counter=900,
        protection=Protection.AUTHENTICATED_ENCRYPTED,
        form=Form.GENERAL_DED,
    )
    caller.writer.write(wrapper.encode(said, 1, 1))
    await until(lambda: len(sink) == 1)

    (pushed,) = sink
    assert unframe(pushed.value, Framing.WRAPPER).apdus == (said,)
    assert dict(pushed.headers)["ami-session-key"] == carried
    assert dict(pushed.headers)["ami-exchange"] == b"push"

    await caller.hang_up()
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running
