"""The scheduler against virtual meters: turns, retries, what is asked meanwhile, rows that were missing."""

import asyncio
import itertools
import re
import time
from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from types import SimpleNamespace

import pytest
from support.asked import read_asked
from support.conditions import until
from support.polled import Store, silent
from support.proxy import Proxy

from ami.raw.v1.exchange_pb2 import Exchange
from ami_dlms import apdu, axdr
from ami_dlms.axdr import Data
from ami_dlms.client import Authentication
from ami_dlms.cosem_time import CosemDateTime
from ami_dlms.framing import Framing, unframe, wrapper
from ami_dlms.obis import parse_obis
from ami_dlms.security import Keys
from ami_dlms.server import ServerSettings
from ami_ingest.config.credentials import Credentials
from ami_ingest.config.endpoint import Endpoint, Scheme
from ami_ingest.config.model import ClockPolicy, LinkProfile, Meter, Network, Poll, Profile, Schedule
from ami_ingest.config.target import Target
from ami_ingest.errors import ConnectionFailed, MeterUnknown
from ami_ingest.meters.counters import CounterStore
from ami_ingest.schedule import backoff, breaker
from ami_ingest.schedule import scheduler as scheduler_module
from ami_ingest.schedule.scheduler import Scheduler
from ami_ingest.transport import open_link
from ami_normalize import render
from ami_normalize.join import joined
from ami_normalize.pipeline import Context, RawRecord, understand
from ami_simulator import MeterServer, VirtualMeter
from ami_simulator.load_profile import LoadProfile
from ami_simulator.modem import GSM_DIAGNOSTIC, GsmDiagnostic

pytestmark = pytest.mark.wire

NOW = datetime(2026, 3, 3, 12, 7, 30, tzinfo=timezone.utc)
PROFILE = parse_obis("1.0.99.1.0.255")
ENERGY = Target.parse("3:1.0.1.8.0.255")
LINK = LinkProfile(connect_timeout_s=20.0, request_timeout_s=20.0)
GUEK, GAK, TITLE = b"E" * 16, b"A" * 16, bytes.fromhex("414d490000000001")
GMAC = {
    "authentication": Authentication.HLS_GMAC,
    "credentials": Credentials(guek=GUEK, gak=GAK, client_system_title=TITLE),
}
ANY_CLOCK = ClockPolicy(warn_over_s=1e12)
ONCE = Schedule("once", 86_400.0, jitter_s=0.001, read=(ENERGY,))


def all_stamps(store):
    """Give the stamps of all rows, in the order they came."""
    return [stamp for record in store.records for stamp in stamps(record)]


def stamps(record):
    context = Exchange.FromString(dict(record.headers)["ami-context"])
    if context.class_id != 7:
        return []
    blocks = b""
    for octets in unframe(record.value, Framing(dict(record.headers)["ami-framing"].decode())).apdus:
        response = apdu.decode(octets)
        if isinstance(response, apdu.GetResponseNormal):
            rows = response.result
            break
        blocks += response.result
    else:
        from ami_dlms.axdr import decode_exact

        rows = decode_exact(blocks)
    return [CosemDateTime.from_bytes(row.value[0].value).utc() for row in rows.value] if isinstance(rows, Data) else []


class Served:
    """A virtual meter on its port."""

    def __init__(self, server):
        self.server = server
        self.meter = server.meter
        self.at = Endpoint.parse("tcp://{}:{}".format(*server.address))

    @property
    def connections(self):
        return len(self.server._connections)


@pytest.fixture
async def serve():
    """Serve a virtual meter."""
    servers = []

    async def serve(serial=7, now=lambda: NOW, authentication=Authentication.LLS, framing=Framing.WRAPPER):
        meter = VirtualMeter(serial, now=now)
        settings = ServerSettings(
            framing=framing,
            authentication=authentication,
            password=b"12345678",
            keys=Keys(GUEK, GAK),
            system_title=meter.system_title,
        )
        server = MeterServer(meter, settings)
        await server.start()
        servers.append(server)
        return Served(server)

    yield serve
    for server in servers:
        await server.stop()


def known(at, name="meter-1", **fields):
    lls = {"authentication": Authentication.LLS, "credentials": Credentials(password=b"12345678")}
    fields = {"link": LINK, "schedules": (ONCE,), "clock": ANY_CLOCK, **lls, **fields}
    return Meter(id=name, address=at, client_address=1, **fields)


@pytest.fixture
async def started(tmp_path, log):
    """Start a scheduler of these meters."""
    tasks = []

    def started(meters, store=None, poll=None, **options):
        scheduler = Scheduler(
            meters,
            store or Store(),
            CounterStore(tmp_path),
            agent="edge-1",
            poll=poll or Poll(8),
            log=log.logger(),
            **options,
        )
        tasks.append(asyncio.create_task(scheduler.run()))
        return scheduler

    yield started
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def ok(scheduler):
    return scheduler.stats.results["default", "OK"]


async def test_what_is_asked_is_given_reading_by_reading_and_none_twice(serve, started):
    """The kept association breaks on the way: the one made anew begins again."""
    served = await serve()
    scheduler = started([known(served.at, link=replace(LINK, keep_open_s=60.0))])
    await until(lambda: ok(scheduler) == 1)
    (connection,) = served.server._connections
    taken, go_on = [], asyncio.Event()

    async def take(reading):
        taken.append(reading)
        if len(taken) == 2:
            await go_on.wait()
            connection.cancel()

    asked = asyncio.create_task(scheduler.read("meter-1", [ENERGY, ENERGY, ENERGY], None, take))
    await until(lambda: len(taken) == 2)
    assert not asked.done()
    go_on.set()
    await asyncio.wait_for(asked, 20)

    assert len(taken) == 3
    assert connection not in served.server._connections


async def test_an_association_is_kept_and_used_again_then_released(serve, started, log):
    served = await serve()
    store = Store()
    link = replace(LINK, keep_open_s=2.0)
    scheduler = started([known(served.at, link=link)], store)
    await until(lambda: ok(scheduler) == 1)
    (connection,) = served.server._connections
    assert scheduler.stats.open_sessions == 1

    pinged = await scheduler.ping("meter-1")
    readings = await read_asked(scheduler, "meter-1", [ENERGY])

    assert list(served.server._connections) == [connection]
    assert (pinged.connect_s, pinged.associate_s) == (0.0, 0.0)
    assert pinged.logical_device_name == "AMV0000000000007"
    assert readings[0].exchange.obis == ENERGY.obis
    assert len(store.records) == 1, "what is asked goes to who asked"
    await until(lambda: scheduler.stats.open_sessions == 0 and not served.connections)


async def test_an_association_that_ended_unnoticed_is_made_anew(serve, started):
    served = await serve()
    scheduler = started([known(served.at, link=replace(LINK, keep_open_s=600.0))])
    await until(lambda: ok(scheduler) == 1)
    for writer in served.server._connections.values():
        writer.close()
    await until(lambda: not served.connections)

    await scheduler.ping("meter-1")

    assert ok(scheduler) == 2
    assert scheduler.stats.results.total() == 2
    assert scheduler.stats.open_sessions == 1


async def test_too_many_kept_associations_are_released(serve, started):
    served = [await serve(number) for number in range(4)]
    link = replace(LINK, keep_open_s=600.0)
    scheduler = started(
        [known(each.at, f"meter-{number}", link=link) for number, each in enumerate(served)], most_open=2
    )
    await until(lambda: ok(scheduler) == 4)

    await until(lambda: scheduler.stats.open_sessions == 2 and sum(each.connections for each in served) == 2)


async def test_meters_that_hang_cost_one_slot_for_one_timeout(serve, behave, started, log):
    """Eight hanging meters in one slot: the healthy one's turn comes after one timeout for each, at most."""
    hanging = [await behave(silent) for _ in range(8)]
    link = LinkProfile(connect_timeout_s=0.2, request_timeout_s=0.2, retries=0)
    served = await serve()
    meters = [known(at, f"hangs-{number}", link=link) for number, at in enumerate(hanging)]
    scheduler = started([*meters, known(served.at, "healthy")], poll=Poll(1))
    await until(lambda: scheduler.stats.results.total() == 9)

    assert scheduler.stats.results == {("default", "T1_TIMEOUT"): 8, ("default", "OK"): 1}
    assert scheduler.stats.phases["associate"].count == 1
    warnings = [entry for entry in log if entry["level"] == "warning"]
    assert {entry["meter"] for entry in warnings} == {meter.id for meter in meters}
    assert {entry["event"] for entry in warnings} == {"Timer T1 Timeout (no answer within 0.2 s)"}


async def test_what_is_asked_does_not_wait_for_meters_that_hang(serve, behave, started):
    served = await serve()
    hanging = await behave(silent)
    scheduler = started([known(hanging, "hangs"), known(served.at, schedules=())], poll=Poll(1))
    await until(lambda: scheduler.stats.running == 1)

    pinged = await scheduler.ping("meter-1")

    assert pinged.logical_device_name
    assert ("default", "T1_TIMEOUT") not in scheduler.stats.results


async def test_more_at_once_holds_for_meters_that_wait_already(serve, behave, started):
    served = await serve()
    meters = [known(await behave(silent), "hangs"), known(served.at, schedules=())]
    scheduler = started(meters, poll=Poll(1))
    await until(lambda: scheduler.stats.running == 1)
    meters[1] = replace(meters[1], schedules=(ONCE,))
    scheduler.apply(meters)
    await until(lambda: scheduler.stats.waiting["scheduled"] == 1)

    scheduler.apply(meters, Poll(2))
    await until(lambda: ok(scheduler) == 1)

    assert ("default", "T1_TIMEOUT") not in scheduler.stats.results


async def test_never_two_sessions_with_one_meter_and_asked_goes_first(serve, started):
    served = await serve()
    most = 0
    order = []

    class Slow(Store):
        async def put(self, records, positions=()):
            nonlocal most
            most = max(most, served.connections)
            order.append("turn")
            await asyncio.sleep(0.1)

    schedules = tuple(replace(ONCE, name=f"s{number}") for number in range(4))
    scheduler = started([known(served.at, schedules=schedules)], Slow())
    await until(lambda: order)
    await scheduler.ping("meter-1")
    order.append("ping")
    await until(lambda: ok(scheduler) == 5)

    assert most == 1
    assert order.index("ping") <= 2, "the turn that ran was finished, then came what was asked"


async def test_meters_behind_one_address_are_read_in_turn(serve, started):
    served = await serve()
    most = 0

    class Watching(Store):
        async def put(self, records, positions=()):
            nonlocal most
            most = max(most, served.connections)
            await asyncio.sleep(0.02)

    scheduler = started([known(served.at, f"meter-{number}") for number in range(5)], Watching())
    await until(lambda: ok(scheduler) == 5)

    assert most == 1


async def test_a_network_bounds_what_runs_at_a_time(serve, started):
    cell = Network("cell", concurrency=2)
    served = [await serve(number) for number in range(6)]
    most = 0

    class Watching(Store):
        async def put(self, records, positions=()):
            nonlocal most
            most = max(most, scheduler.stats.running)
            await asyncio.sleep(0.02)

    scheduler = started(
        [known(each.at, f"meter-{number}", network=cell) for number, each in enumerate(served)], Watching()
    )
    await until(lambda: ok(scheduler) == 6)

    assert most == 2


async def test_a_try_that_failed_on_the_way_is_repeated_within_the_turn(serve, behave, started, log, monkeypatch):
    monkeypatch.setattr(backoff, "BASE_S", 0.01)
    served = await serve()
    tries = []

    async def hangs_up_twice(reader, writer):
        tries.append(1)
        if len(tries) <= 2:
            return
        there = await asyncio.open_connection(served.at.host, served.at.port)
        await asyncio.gather(pump(reader, there[1]), pump(there[0], writer))

    scheduler = started([known(await behave(hangs_up_twice))])
    await until(lambda: ok(scheduler) == 1)

    assert scheduler.stats.results["default", "CONNECTION_CLOSED"] == 2
    assert scheduler.stats.by_deadline == {("default", "in-time"): 1}
    assert all("next_try_s" in entry for entry in log if entry["level"] == "warning")


async def pump(reader, writer):
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()


async def test_a_public_client_that_gets_no_answer_costs_one_timeout(serve, behave, started, log, monkeypatch):
    """The meter answers only those it knows: the first try ends with the silence, the next one goes without."""
    monkeypatch.setattr(backoff, "BASE_S", 0.01)
    served = await serve(authentication=Authentication.HLS_GMAC)
    asked = []

    async def deaf_to_strangers(reader, writer):
        first = await reader.read(1000)
        asked.append(int.from_bytes(first[2:4], "big"))
        if asked[-1] == 16:
            await silent(reader, writer)
            return
        there = await asyncio.open_connection(served.at.host, served.at.port)
        there[1].write(first)
        await asyncio.gather(pump(reader, there[1]), pump(there[0], writer))

    link = LinkProfile(connect_timeout_s=20.0, request_timeout_s=0.5)
    scheduler = started([known(await behave(deaf_to_strangers), link=link, **GMAC)])
    await until(lambda: ok(scheduler) == 1)

    assert asked == [16, 1]
    assert scheduler.stats.results["default", "T1_TIMEOUT"] == 1


async def test_a_key_that_other_meters_have_too_is_no_reason_to_warn(serve, started, log, tmp_path):
    served = await serve(authentication=Authentication.HLS_GMAC)
    before = CounterStore(tmp_path).counter(TITLE, GUEK)
    before.raise_to(1_000_000)
    scheduler = started([known(served.at, **GMAC)])
    await until(lambda: ok(scheduler) == 1)

    assert not [entry for entry in log if entry["level"] == "warning"]
    assert served.meter.counters.received > 1_000_000
    assert CounterStore(tmp_path).counter(TITLE, GUEK).next() > 1_000_000


async def test_a_meter_that_shows_a_lower_counter_than_before_is_told_and_ours_is_not_lowered(
    serve, behave, started, log, monkeypatch
):
    """Between two tries the meter is reset, or another one hangs there with its key."""
    monkeypatch.setattr(backoff, "BASE_S", 0.01)
    served = await serve(authentication=Authentication.HLS_GMAC)
    served.meter.counters.received = 5000
    clients = []

    async def reset_in_between(reader, writer):
        first = await reader.read(1000)
        clients.append(int.from_bytes(first[2:4], "big"))
        if clients == [16, 1]:
            served.meter.counters.received = 7
            writer.close()
            return
        there = await asyncio.open_connection(served.at.host, served.at.port)
        there[1].write(first)
        await asyncio.gather(pump(reader, there[1]), pump(there[0], writer))

    scheduler = started([known(await behave(reset_in_between), **GMAC)])
    await until(lambda: ok(scheduler) == 1)

    (warning,) = [entry for entry in log if "lower invocation counter" in entry["event"]]
    assert (warning["meter"], warning["shown"], warning["before"]) == ("meter-1", 7, 5000)
    assert warning["ours"] > 5000
    assert served.meter.counters.received > 5000
    assert clients == [16, 1, 16, 1]


def damages_one_frame_of(served):
    """Lead to a meter, and damage the first frame of its answers."""
    damaged = []

    async def damages_one(reader, writer):
        there = await asyncio.open_connection(served.at.host, served.at.port)

        async def back():
            while data := await there[0].read(65536):
                if not damaged:
                    damaged.append(1)
                    data = data[:-3] + bytes((data[-3] ^ 1,)) + data[-2:]
                writer.write(data)
                await writer.drain()

        await asyncio.gather(pump(reader, there[1]), back())

    return damages_one


async def test_frames_that_came_right_when_repeated_are_told_of_their_line(serve, behave, started, log):
    served = await serve(framing=Framing.HDLC)
    at = await behave(damages_one_frame_of(served), "hdlc+tcp")
    scheduler = started([known(at, link=replace(LINK, request_timeout_s=3.0))])
    await until(lambda: ok(scheduler) == 1)

    warning = next(entry for entry in log if entry.get("code") == "CRC_ERROR")
    assert re.fullmatch(rf"CRC Error \(1 of \d+ frames on {at.location}\)", warning["event"])
    assert scheduler.stats.crc_errors == {at.location: 1}


async def test_each_meter_that_calls_in_has_a_line_of_its_own(serve, behave, started, log):
    served = [await serve(serial, framing=Framing.HDLC) for serial in (1, 2)]
    ways = [await behave(damages_one_frame_of(served[0]), "hdlc+tcp"), served[1].at._replace(scheme=Scheme.HDLC_TCP)]
    address = Endpoint.parse("hdlc+call-in://")
    names = ["good", "bad"]
    scheduler = started([known(address, name, link=replace(LINK, request_timeout_s=3.0)) for name in names])
    for count, name in enumerate(names, 1):
        scheduler.adopt(name, await open_link(ways.pop(), connect_timeout_s=20.0))
        await until(lambda count=count: ok(scheduler) == count)

    warning = next(entry for entry in log if entry.get("code") == "CRC_ERROR")
    frames = int(re.fullmatch(r"CRC Error \(1 of (\d+) frames on hdlc\+call-in of bad\)", warning["event"])[1])
    assert scheduler.stats.crc_errors == {"hdlc+call-in of bad": 1}
    assert frames < 15, "those of the good meter are not among them"


async def test_a_push_behind_an_answer_is_kept(serve, behave, started):
    served = await serve()
    push = wrapper.encode(bytes.fromhex("0f40000000000001"), 1, 1)

    async def pushes(reader, writer):
        there = await asyncio.open_connection(served.at.host, served.at.port)

        async def back():
            while data := await there[0].read(65536):
                writer.write(data + push)
                await writer.drain()

        await asyncio.gather(pump(reader, there[1]), back())

    store = Store()
    scheduler = started([known(await behave(pushes))], store)
    await until(lambda: ok(scheduler) == 1)

    kinds = Counter(dict(record.headers)["ami-exchange"] for record in store.records)
    assert kinds[b"poll"] == 1
    assert kinds[b"push"] >= 4, "of the association, the name, the clock, the scaler and the register"


async def test_a_rejected_association_is_not_tried_again_in_a_turn(serve, started, log):
    served = await serve()
    wrong = replace(known(served.at), credentials=Credentials(password=b"wrong"))
    scheduler = started([wrong])
    await until(lambda: scheduler.stats.by_deadline)

    assert scheduler.stats.results == {("default", "ASSOCIATION_REJECTED"): 1}
    (warning,) = (entry for entry in log if entry["level"] == "warning")
    assert warning["event"] == "DLMS Association Rejected (authentication-failure)"
    assert (warning["meter"], warning["code"]) == ("meter-1", "ASSOCIATION_REJECTED")
    assert warning["cause"]
    assert warning["remedy"]


async def test_a_meter_that_fails_turn_after_turn_is_probed_less_often_until_it_answers(serve, started, log):
    served = await serve()
    await served.server.stop()
    often = Schedule("often", 0.05, read=(ENERGY,))
    link = LinkProfile(connect_timeout_s=1.0, request_timeout_s=1.0, retries=0)
    scheduler = started([known(served.at, schedules=(often,), link=link)])
    await until(lambda: scheduler.stats.breakers_open == 1)
    opened = time.monotonic()
    failed = scheduler.stats.results.total()
    assert failed == breaker.THRESHOLD
    await until(lambda: scheduler.stats.results.total() == failed + 3)
    assert time.monotonic() - opened >= (1 + 3 + 7) * 0.05 - 0.05, "turns pass in between"
    with pytest.raises(ConnectionFailed):
        await scheduler.ping("meter-1")

    await served.server.start()
    replaced = Endpoint.parse("tcp://{}:{}".format(*served.server.address))
    scheduler.apply([known(replaced, schedules=(often,), link=link)])
    await until(lambda: ok(scheduler) >= 2)

    assert scheduler.stats.breakers_open == 0
    assert scheduler.stats.by_deadline["default", "missed"] > scheduler.stats.results.total() - ok(scheduler)
    assert any("probed less often" in event for event in log.events())


async def test_what_is_asked_closes_the_breaker(serve, behave, started, log):
    served = await serve()
    answers = []

    async def hangs_up_until_told(reader, writer):
        if answers:
            there = await asyncio.open_connection(served.at.host, served.at.port)
            await asyncio.gather(pump(reader, there[1]), pump(there[0], writer))

    often = Schedule("often", 0.2, read=(ENERGY,))
    scheduler = started([known(await behave(hangs_up_until_told), schedules=(often,), link=replace(LINK, retries=0))])
    await until(lambda: scheduler.stats.breakers_open == 1)
    answers.append(1)
    await scheduler.ping("meter-1")
    done = ok(scheduler)
    await until(lambda: ok(scheduler) >= done + 2)

    assert scheduler.stats.breakers_open == 0
    assert "the meter answers again" in log.events()


async def test_a_new_configuration_leaves_alone_what_did_not_change(serve, started):
    first, second, third = [await serve(number) for number in (1, 2, 3)]
    link = replace(LINK, keep_open_s=600.0)
    meters = [known(each.at, f"meter-{number}", link=link) for number, each in enumerate((first, second))]
    scheduler = started(meters)
    await until(lambda: ok(scheduler) == 2)
    kept = list(first.server._connections)

    other = replace(ONCE, name="other")
    scheduler.apply([replace(meters[0], schedules=(ONCE, other)), known(third.at, "meter-2", link=link)])
    await until(lambda: ok(scheduler) == 4 and not second.connections)

    assert list(first.server._connections) == kept
    assert third.connections == 1
    assert scheduler.stats.open_sessions == 2
    with pytest.raises(MeterUnknown):
        await scheduler.ping("meter-1")


async def test_a_meter_that_is_reached_in_another_way_gets_a_new_session(serve, started):
    first, second = await serve(1), await serve(2)
    link = replace(LINK, keep_open_s=600.0)
    scheduler = started([known(first.at, link=link)])
    await until(lambda: ok(scheduler) == 1)

    scheduler.apply([known(second.at, link=link)])
    await until(lambda: ok(scheduler) == 2)
    await until(lambda: not first.connections)

    assert second.connections == 1
    assert (await scheduler.ping("meter-1")).logical_device_name == "AMV0000000000002"


async def test_a_meter_that_changes_twice_while_it_is_read_is_read_again(serve, behave, started):
    served, hanging = await serve(), await behave(silent)
    link = LinkProfile(connect_timeout_s=0.5, request_timeout_s=0.5, retries=0)
    scheduler = started([known(hanging, link=link)])
    await until(lambda: scheduler.stats.running == 1)

    scheduler.apply([known(hanging, link=replace(link, retries=1))])
    scheduler.apply([known(served.at)])

    await until(lambda: ok(scheduler) == 1)


async def test_a_meter_that_left_while_it_failed_is_no_open_breaker(behave, started):
    hanging = await behave(silent)
    often = Schedule("often", 0.05, read=(ENERGY,))
    link = LinkProfile(connect_timeout_s=0.1, request_timeout_s=0.1, retries=0)
    scheduler = started([known(hanging, schedules=(often,), link=link)])
    await until(lambda: scheduler.stats.results.total() == breaker.THRESHOLD - 1 and scheduler.stats.running == 1)

    scheduler.apply([])
    await until(lambda: scheduler.stats.running == 0)

    assert scheduler.stats.results.total() == breaker.THRESHOLD
    assert scheduler.stats.breakers_open == 0


async def test_turns_go_on_where_the_clock_of_this_machine_is_set_back(serve, started, log):
    ahead = [10 * 365 * 86_400.0]
    served = await serve()
    often = Schedule("often", 0.2, read=(ENERGY,))
    meters = [known(served.at, schedules=(often,))]
    scheduler = started(meters, now=lambda: time.time() + ahead[0])
    await until(lambda: ok(scheduler) >= 1)

    ahead[0] = 0.0
    scheduler.apply(meters)  # it looks at the clock once a minute in any case
    await until(lambda: "this machine's clock was set back: all turns are planned anew" in log.events())
    done = ok(scheduler)

    await until(lambda: ok(scheduler) >= done + 3)


async def test_what_nobody_waits_for_any_more_is_given_up(behave, started):
    hanging = await behave(silent)
    scheduler = started([known(hanging, schedules=())])
    asking = asyncio.create_task(scheduler.ping("meter-1"))
    await until(lambda: scheduler.stats.running == 1)

    asking.cancel()
    await until(lambda: scheduler.stats.running == 0)

    assert not scheduler.stats.results, "it did not wait for the meter's timeout"


async def test_what_is_asked_does_not_wait_for_a_slot_where_only_the_rate_holds_it_up(serve, behave, started):
    served, hanging = await serve(), await behave(silent)
    meters = [known(hanging, "hangs"), known(served.at, schedules=())]
    scheduler = started(meters, poll=Poll(1, connections_per_s=2.0))
    await until(lambda: scheduler.stats.running == 1)
    await scheduler.ping("meter-1")

    await scheduler.ping("meter-1")

    assert ("default", "T1_TIMEOUT") not in scheduler.stats.results


async def test_a_connection_of_a_meter_that_left_is_closed(serve, started):
    served = await serve()
    scheduler = started([known(Endpoint.parse("call-in://"), schedules=())])
    scheduler.adopt("meter-1", await open_link(served.at, connect_timeout_s=20.0))
    await until(lambda: served.connections == 1)

    scheduler.apply([])

    await until(lambda: not served.connections)


async def test_a_meter_that_calls_again_is_read_over_its_new_connection(serve, behave, started):
    served = await serve()
    calls = []

    async def deaf_when_it_has_called_again(reader, writer):
        call = len(calls)
        calls.append(writer)
        there = await asyncio.open_connection(served.at.host, served.at.port)

        async def back():
            while data := await there[0].read(65536):
                if call == len(calls) - 1:
                    writer.write(data)

        await asyncio.gather(pump(reader, there[1]), back())

    at = await behave(deaf_when_it_has_called_again)
    scheduler = started([known(Endpoint.parse("call-in://"))])
    scheduler.adopt("meter-1", await open_link(at, connect_timeout_s=20.0))
    await until(lambda: ok(scheduler) == 1)

    scheduler.adopt("meter-1", await open_link(at, connect_timeout_s=20.0))
    await until(lambda: len(calls) == 2)
    await scheduler.ping("meter-1")

    assert scheduler.stats.results == {("default", "OK"): 2}
    assert scheduler.stats.open_sessions == 1


async def test_a_call_that_cannot_be_used_is_ended_so_that_the_meter_calls_again(serve, started, tmp_path):
    served = await serve(authentication=Authentication.HLS_GMAC)
    CounterStore(tmp_path).counter(TITLE, GUEK)._path.write_text("no counter")
    scheduler = started([known(Endpoint.parse("call-in://"), **GMAC)])
    scheduler.adopt("meter-1", await open_link(served.at, connect_timeout_s=20.0))
    await until(lambda: scheduler.stats.results)

    assert scheduler.stats.results == {("default", "COUNTERERROR"): 1}
    await until(lambda: not served.connections)


async def test_an_association_without_an_end_leaves_nothing_behind_with_each_use(serve, started):
    served = await serve()
    scheduler = started([known(Endpoint.parse("call-in://"), schedules=())])
    scheduler.adopt("meter-1", await open_link(served.at, connect_timeout_s=20.0))
    for _ in range(150):
        await scheduler.ping("meter-1")

    assert scheduler.stats.open_sessions == 1
    assert len(scheduler._sessions._idle) < 110


async def test_a_meter_that_calls_is_read_over_its_own_connection(serve, started, log):
    served = await serve()
    scheduler = started([known(Endpoint.parse("call-in://"))])
    await until(lambda: scheduler.stats.waiting.get("scheduled") == 0 and not scheduler.stats.running)
    assert not scheduler.stats.results, "it waits for the meter"

    scheduler.adopt("meter-1", await open_link(served.at, connect_timeout_s=20.0))
    await until(lambda: ok(scheduler) == 1)

    assert served.connections == 1
    assert (await scheduler.ping("meter-1")).connect_s == 0.0
    with pytest.raises(MeterUnknown):
        scheduler.adopt("nobody", None)


async def test_a_meter_that_does_not_call_is_missed(started, log):
    scheduler = started([known(Endpoint.parse("call-in://"), schedules=(replace(ONCE, deadline_s=0.1),))])
    await until(lambda: scheduler.stats.by_deadline)

    assert scheduler.stats.by_deadline == {("default", "missed"): 1}
    assert scheduler.stats.results == {("default", "NOT_CALLED"): 1}


@pytest.mark.parametrize("set_over_s", [None, 60.0])
async def test_a_wrong_clock_is_said_and_set_where_that_is_wished(serve, started, log, set_over_s):
    ahead = timedelta(seconds=100)
    served = await serve(now=lambda: datetime.now(timezone.utc) + ahead)
    policy = ClockPolicy(warn_over_s=30.0, set_over_s=set_over_s)
    scheduler = started([known(served.at, clock=policy)])
    await until(lambda: ok(scheduler) == 1)

    said = next(entry for entry in log if entry["event"] == "the meter's clock is wrong")
    assert said["off_s"] == pytest.approx(100, abs=3)
    assert scheduler.stats.clocks_off["default"] == 1
    off_s = (served.meter.now() - datetime.now(timezone.utc)).total_seconds()
    if set_over_s is None:
        assert off_s == pytest.approx(100, abs=3)
        return
    assert abs(off_s) < 5
    assert scheduler.stats.clocks_set["default"] == 1
    entry = next(entry for entry in log if entry["event"] == "the meter's clock was set")
    assert entry["old"] != entry["new"]


async def test_a_clock_that_is_right_is_left_alone(serve, started, log):
    served = await serve(now=lambda: datetime.now(timezone.utc))
    scheduler = started([known(served.at, clock=ClockPolicy(set_over_s=60.0))])
    await until(lambda: ok(scheduler) == 1)

    assert not scheduler.stats.clocks_off
    assert not [event for event in log.events() if "clock" in event]


DAYS = 30
PERIOD = timedelta(minutes=15)


async def test_a_profile_of_thirty_days_over_a_link_that_drops_twice(serve, started, log, monkeypatch):
    """No row is missing and none comes twice, though the link is cut in the middle of answers."""
    monkeypatch.setattr(backoff, "BASE_S", 0.01)
    served = await serve()
    store = Store()
    cuts = [15_000, 45_000]
    with Proxy(1) as proxy:
        proxy.lead_to([served.at.port])
        octets = 0

        async def pass_on(data, writer):
            nonlocal octets
            octets += len(data)
            if cuts and octets > cuts[0]:
                cuts.pop(0)
                writer.write(data[: len(data) // 2])
                await writer.drain()
                writer.transport.abort()
                raise ConnectionResetError("as wished")
            writer.write(data)
            await writer.drain()

        async def cutting(reader, writer):
            there = await asyncio.open_connection("127.0.0.1", proxy.ports[0])

            async def back():
                while data := await there[0].read(65536):
                    await pass_on(data, writer)
                writer.close()

            try:
                await asyncio.gather(pump(reader, there[1]), back())
            except OSError:
                pass
            finally:
                there[1].close()

        server = await asyncio.start_server(cutting, "127.0.0.1", 0)
        at = Endpoint.parse(f"tcp://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        schedule = Schedule("rows", 3600.0, jitter_s=0.001, profiles=(Profile(PROFILE, DAYS * 86_400),))
        scheduler = started([known(at, schedules=(schedule,))], store)
        await until(lambda: "missing rows were looked for" in log.events())
        server.close()

    assert not cuts, "the link was cut twice"
    failed = scheduler.stats.results.total() - ok(scheduler)
    assert failed == 2
    first = datetime(2026, 2, 1, 12, 15, tzinfo=timezone.utc)
    wanted = [first + PERIOD * number for number in range(DAYS * 96)]
    came = Counter(all_stamps(store))
    assert sorted(came) == wanted
    assert set(came.values()) == {1}
    columns = {one["obis"]: one for one in normalized(store.records)}
    assert {obis for obis in columns if obis.startswith("1.")} == {"1.0.1.8.0.255", "1.0.2.8.0.255"}
    for one in columns.values():
        assert (one["start"], one["period_s"]) == ("2026-02-01T12:00:00Z", 900)
        assert len(one["values"]) == len(wanted)
        assert None not in one["values"]


def normalized(records):
    """Interval blocks of raw records, as normalization makes them, those that follow each other joined."""
    blocks = []
    for one in records:
        raw = RawRecord("-", 0, 0, one.key, one.value, dict(one.headers), one.timestamp_us // 1000)
        for part in understand(raw, replace(Context(), unidentified="accept")).parts:
            blocks += part.statement.blocks
    return [render.block(block) for block in joined(sorted(blocks, key=lambda block: block.first_end.utc))]


async def test_rows_of_an_absence_are_read_after_the_newest_and_after_a_restart(serve, started, log):
    """The agent was away for five days; it is stopped in the middle of catching up, and the next one goes on."""
    clock = [NOW - timedelta(days=5)]
    served = await serve(now=lambda: clock[0])
    store = Store()
    schedule = Schedule("rows", 3600.0, jitter_s=0.001, profiles=(Profile(PROFILE, 3600),))
    first = started([known(served.at, schedules=(schedule,))], store)
    await until(lambda: ok(first) == 1)
    clock[0] = NOW

    class Dies(Store):
        """Holds everything back when two days of the absence are read."""

        async def put(self, records, positions=()):
            if len(self.records) >= 5:
                await asyncio.Event().wait()
            await super().put(records, positions)

    dying = Dies()
    dying.records, dying.positions = store.records, store.positions
    second = started([known(served.at, schedules=(schedule,))], dying)
    await until(lambda: len(dying.records) == 5 and second.stats.running == 1)
    assert max(all_stamps(store)) == datetime(2026, 3, 3, 12, 0, tzinfo=timezone.utc), "the newest came first"

    third = started([known(served.at, schedules=(schedule,))], store)
    await until(lambda: "missing rows were looked for" in log.events())
    assert third.stats.results.total() == ok(third)

    came = Counter(all_stamps(store))
    start = min(came)
    assert sorted(came) == [start + PERIOD * number for number in range(len(came))]
    assert max(came) == datetime(2026, 3, 3, 12, 0, tzinfo=timezone.utc)
    assert set(came.values()) == {1}


async def test_backfill_lets_go_after_its_share_of_time_and_goes_on(serve, started, log, monkeypatch):
    clock = [NOW - timedelta(days=6)]
    served = await serve(now=lambda: clock[0])
    store = Store()
    schedule = Schedule("rows", 3600.0, jitter_s=0.001, profiles=(Profile(PROFILE, 3600),))
    first = started([known(served.at, schedules=(schedule,))], store)
    await until(lambda: ok(first) == 1)
    clock[0] = NOW

    hours = itertools.count(0.0, 3600.0)
    monkeypatch.setattr(scheduler_module, "time", SimpleNamespace(monotonic=lambda: next(hours)))
    second = started([known(served.at, schedules=(schedule,))], store)
    await until(lambda: "missing rows were looked for" in log.events())

    assert ok(second) > 4, "the turn, and backfill day by day"
    assert second.stats.results.total() == ok(second)
    came = Counter(all_stamps(store))
    assert sorted(came) == [min(came) + PERIOD * number for number in range(len(came))]
    assert set(came.values()) == {1}


CELL = Target.parse("47:0.0.25.6.0.255:6")
CELL_ONCE = Schedule("cell", 86_400.0, jitter_s=0.001, read=(CELL, ENERGY))


async def test_a_weak_signal_is_told_with_its_meter_and_the_answer_is_published(serve, started, log):
    weak, strong = await serve(1), await serve(2)
    weak.meter.signal = lambda: -109
    store = Store()
    meters = [known(each.at, f"meter-{number}", schedules=(CELL_ONCE,)) for number, each in enumerate((weak, strong))]
    scheduler = started(meters, store)
    await until(lambda: ok(scheduler) == 2)

    (warning,) = [entry for entry in log if entry["event"] == "the meter's signal is weak"]
    assert (warning["meter"], warning["dbm"], warning["signal"]) == ("meter-0", -109, "hardly any")
    assert scheduler.stats.signals_weak == {"default": 1}
    assert scheduler.stats.signals["default"].count == 2
    assert len(store.records) == 4
    cells = [one for one in store.records if Exchange.FromString(dict(one.headers)["ami-context"]).class_id == 47]
    for one in cells:
        raw = RawRecord("-", 0, 0, one.key, one.value, dict(one.headers), one.timestamp_us // 1000)
        (part,) = understand(raw, replace(Context(), unidentified="accept")).parts
        (reading,) = part.statement.readings
        assert reading.obis == "0.0.25.6.0.255"


@pytest.mark.parametrize("cell", [axdr.NULL, axdr.uint8(3), axdr.structure(*[axdr.octets(b"x")] * 9), None])
async def test_a_cell_in_the_makers_own_form_hinders_no_poll(serve, started, log, monkeypatch, cell):
    served = await serve()
    made = GsmDiagnostic(lambda: -60)
    if cell is None:
        del made.attributes[6]
    else:
        made.attributes[6] = cell
    make = VirtualMeter.make
    monkeypatch.setattr(VirtualMeter, "make", lambda self, name: made if name == GSM_DIAGNOSTIC else make(self, name))
    store = Store()
    scheduler = started([known(served.at, schedules=(CELL_ONCE,))], store)
    await until(lambda: ok(scheduler) == 1)

    assert len(store.records) == 2
    assert not scheduler.stats.signals
    assert (await scheduler.ping("meter-1")).signal_dbm is None
    assert "the meter's signal is weak" not in log.events()


async def test_rows_are_read_on_where_the_clock_of_the_meter_was_set_back(serve, started):
    clock = [NOW + timedelta(days=2)]
    served = await serve(now=lambda: clock[0])
    store = Store()
    schedule = Schedule("rows", 3600.0, jitter_s=0.001, profiles=(Profile(PROFILE, 3600),))
    first = started([known(served.at, schedules=(schedule,))], store)
    await until(lambda: ok(first) == 1)
    ahead = len(store.records)

    clock[0] = NOW
    second = started([known(served.at, schedules=(schedule,))], store)
    await until(lambda: ok(second) == 1)

    noon = datetime(2026, 3, 3, 12, 0, tzinfo=timezone.utc)
    assert stamps(store.records[ahead])[-1] == noon
    assert list(store.positions.values()) == [round(noon.timestamp() * 1e6)]


async def test_rows_that_the_meter_stores_late_are_found(serve, started, log, monkeypatch):
    served = await serve()
    late = datetime(2026, 3, 3, 11, 15, tzinfo=timezone.utc)
    select = LoadProfile.select
    answers = []

    def without_it_at_first(self, attribute, access):
        rows = select(self, attribute, access)
        answers.append(rows)
        if len(answers) > 1:
            return rows
        return axdr.array(*(row for row in rows.value if CosemDateTime.from_bytes(row.value[0].value).utc() != late))

    monkeypatch.setattr(LoadProfile, "select", without_it_at_first)
    store = Store()
    schedule = Schedule("rows", 3600.0, jitter_s=0.001, profiles=(Profile(PROFILE, 7200),))
    scheduler = started([known(served.at, schedules=(schedule,))], store)
    await until(lambda: "missing rows were looked for" in log.events())

    assert all_stamps(store)[-1] == late
    assert len(all_stamps(store)) == len(set(all_stamps(store)))
    assert scheduler.stats.rows_missing.total() == 0
