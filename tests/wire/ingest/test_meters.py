"""Sessions, readings and polls against virtual meters."""

import asyncio
import os
import threading
from datetime import datetime, timedelta, timezone

import pytest
from support.conditions import until
from support.polled import Store

from ami.raw.v1.exchange_pb2 import Exchange
from ami_dlms import apdu
from ami_dlms.apdu import CosemAttribute
from ami_dlms.axdr import Data
from ami_dlms.client import Authentication
from ami_dlms.cosem_time import CosemDateTime
from ami_dlms.framing import Framing, unframe
from ami_dlms.obis import parse_obis
from ami_dlms.security import Keys, Protection, unprotect
from ami_dlms.server import ServerSettings
from ami_ingest.config.credentials import Credentials
from ami_ingest.config.endpoint import Endpoint
from ami_ingest.config.model import LinkProfile, Meter, Poll, Profile, Schedule
from ami_ingest.config.target import Target
from ami_ingest.errors import AssociationRejected, ExchangeFailed, NoAnswer
from ami_ingest.meters.access import MeterAccess
from ami_ingest.meters.counters import STEP, CounterStore
from ami_ingest.meters.read import ProfileRange, read_meter
from ami_ingest.meters.reading import MeterReader
from ami_ingest.schedule.scheduler import Scheduler
from ami_simulator import MeterServer, VirtualMeter

pytestmark = pytest.mark.wire

GUEK, GAK = bytes(range(16)), bytes(range(16, 32))
CLIENT_TITLE = bytes.fromhex("414d490000000001")
CREDENTIALS = Credentials(password=b"12345678", guek=GUEK, gak=GAK, client_system_title=CLIENT_TITLE)
PROFILE = parse_obis("1.0.99.1.0.255")
ENERGY = parse_obis("1.0.1.8.0.255")
NOW = datetime(2026, 3, 3, 12, 7, 30, tzinfo=timezone.utc)
SECURITY = {
    "none": {},
    "lls": {"password": b"12345678"},
    "hls-gmac": {"keys": Keys(GUEK, GAK), "protection": Protection.AUTHENTICATED_ENCRYPTED},
}
SCHEMES = {"tcp": Framing.WRAPPER, "hdlc+tcp": Framing.HDLC}


@pytest.fixture
async def start():
    """Start a virtual meter; return it and the access to it."""
    servers = []

    async def start(authentication="none", scheme="tcp", *, now=lambda: NOW, serial=7, timeout_s=20.0, **access):
        meter = VirtualMeter(serial, now=now)
        settings = ServerSettings(
            framing=SCHEMES[scheme],
            authentication=Authentication(authentication),
            system_title=meter.system_title,
            **SECURITY[authentication],
        )
        server = MeterServer(meter, settings)
        await server.start()
        servers.append(server)
        host, port = server.address
        access = {
            "authentication": Authentication(authentication),
            "client_address": 16 if authentication == "none" else 1,
            "credentials": CREDENTIALS,
            **access,
        }
        return meter, MeterAccess(Endpoint.parse(f"{scheme}://{host}:{port}"), **access).within(timeout_s)

    yield start
    for server in servers:
        await server.stop()


def result(record, meter):
    """Open a raw record as normalization would, and return the value in it."""
    headers = dict(record.headers)
    message = unframe(record.value, Framing(headers["ami-framing"].decode()))
    assert message.complete
    blocks = b""
    for octets in message.apdus:
        response = apdu.decode(octets)
        if not isinstance(response, (apdu.GetResponseNormal, apdu.GetResponseWithDatablock)):
            opened = unprotect(response, Keys(GUEK, GAK), meter.system_title)
            assert opened.verified
            response = apdu.decode(opened.plaintext)
        if isinstance(response, apdu.GetResponseNormal):
            return response.result
        blocks += response.result
    from ami_dlms.axdr import decode_exact

    return decode_exact(blocks)


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("authentication", SECURITY)
async def test_attributes(start, tmp_path, log, authentication, scheme):
    meter, access = await start(authentication, scheme)
    targets = [Target.parse(text) for text in ("3:1.0.1.8.0.255", "8:0.0.1.0.0.255:2", "3:1.0.32.7.0.255")]

    readings = await read_meter(access, targets, state_dir=tmp_path, log=log.logger())

    energy, clock, voltage = (reading.records[0] for reading in readings)
    assert result(energy, meter) == meter.register(ENERGY).read(2)
    assert result(clock, meter).value == meter.clock().to_bytes()
    assert result(voltage, meter) == meter.register(parse_obis("1.0.32.7.0.255")).read(2)

    headers = dict(energy.headers)
    context = Exchange.FromString(headers["ami-context"])
    assert context == readings[0].exchange
    assert (context.class_id, context.obis, context.attribute) == (3, ENERGY, 2)
    assert (context.scaler_unit.scaler, context.scaler_unit.unit) == (0, 30)
    assert readings[2].exchange.scaler_unit.scaler == -1
    assert apdu.decode(context.request).attribute == apdu.CosemAttribute(3, ENERGY, 2)
    assert headers["ami-exchange"] == b"poll"
    assert headers["ami-framing"].decode() == SCHEMES[scheme].value
    assert "ami-incomplete" not in headers
    if authentication == "hls-gmac":
        assert energy.key == b"st-" + meter.system_title.hex().encode()
        assert headers["ami-system-title"] == meter.system_title.hex().encode()


async def test_a_class_is_found_in_the_object_list(start, tmp_path, log):
    meter, access = await start("lls")

    (reading,) = await read_meter(access, [Target.parse("1.0.1.8.0.255")], state_dir=tmp_path, log=log.logger())

    assert reading.exchange.class_id == 3
    assert result(reading.records[0], meter) == meter.register(ENERGY).read(2)


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("authentication", ["lls", "hls-gmac"])
async def test_a_profile_by_range_cut_at_midnight(start, tmp_path, log, authentication, scheme):
    meter, access = await start(authentication, scheme)
    start_at, end_at = NOW - timedelta(hours=24), NOW

    readings = await read_meter(
        access, profile=ProfileRange(PROFILE, start_at, end_at), state_dir=tmp_path, log=log.logger()
    )

    days = [[stamp(row) for row in result(reading.records[0], meter).value] for reading in readings]
    rows = [row for day in days for row in day]
    first = datetime(2026, 3, 2, 12, 15, tzinfo=timezone.utc)
    assert rows == [first + timedelta(minutes=15) * index for index in range(96)]
    assert len(days) == 2
    assert days[1][0] == datetime(2026, 3, 2, 23, 0, tzinfo=timezone.utc)
    assert [max(reading.stamps) for reading in readings] == [day[-1] for day in days]
    context = readings[0].exchange
    assert context.capture_period_s == 900
    assert [column.class_id for column in context.capture_objects] == [8, 1, 3, 3]
    assert context.capture_objects[2].scaler_unit.unit == 30


async def test_both_ends_of_a_range_are_included(start, tmp_path, log):
    meter, access = await start("lls")
    start_at = datetime(2026, 3, 1, 10, 0, tzinfo=timezone.utc)

    (reading,) = await read_meter(
        access,
        profile=ProfileRange(PROFILE, start_at, start_at + timedelta(hours=1)),
        state_dir=tmp_path,
        log=log.logger(),
    )

    assert len(result(reading.records[0], meter).value) == 5


async def test_a_wrong_password_is_rejected(start, tmp_path, log):
    _, access = await start("lls", credentials=Credentials(password=b"wrong"))

    with pytest.raises(AssociationRejected, match=r"^DLMS Association Rejected \(.+\)$"):
        await read_meter(access, [Target(3, ENERGY, 2)], state_dir=tmp_path, log=log.logger())


async def test_wrong_keys_are_an_error_within_the_timeout(start, tmp_path, log):
    wrong = Credentials(guek=b"w" * 16, gak=b"w" * 16, client_system_title=CLIENT_TITLE)
    _, access = await start("hls-gmac", credentials=wrong, timeout_s=0.5)

    with pytest.raises((AssociationRejected, NoAnswer, ExchangeFailed)):
        await read_meter(access, [Target(3, ENERGY, 2)], state_dir=tmp_path, log=log.logger())


async def test_an_object_that_does_not_exist_still_gives_a_record(start, tmp_path, log):
    meter, access = await start("lls")

    (reading,) = await read_meter(access, [Target.parse("3:1.0.99.99.0.255")], state_dir=tmp_path, log=log.logger())

    assert isinstance(result(reading.records[0], meter), apdu.DataAccessResult)


async def test_a_lost_state_directory_does_not_bring_counters_back(start, tmp_path, log):
    meter, access = await start("hls-gmac")
    for state in ("first", "first", "second", "third"):
        await read_meter(access, [Target(3, ENERGY, 2)], state_dir=tmp_path / state, log=log.logger())

    values = [
        CounterStore(tmp_path / state / "counters").counter(CLIENT_TITLE, GUEK).next() for state in ("first", "third")
    ]
    assert values[1] > 0
    assert meter is not None


class SmallBlocks(CounterStore):
    """Reserves so few counters at a time that a session goes through many blocks."""

    def counter(self, system_title, key):
        return super().counter(system_title, key, block=2 * STEP)


async def test_the_event_loop_never_waits_for_the_disk_of_the_counters(start, tmp_path, log, monkeypatch):
    _, access = await start("hls-gmac")
    waited = []
    sync = os.fsync
    monkeypatch.setattr(os, "fsync", lambda file: (waited.append(threading.current_thread()), sync(file)))

    session = await MeterReader(access, SmallBlocks(tmp_path), agent="edge-1", log=log.logger()).open()
    for _ in range(6 * STEP):
        await session.get(CosemAttribute(3, ENERGY, 2))
    await session.close()

    assert len(waited) > 4
    assert threading.current_thread() not in waited


def configured(access, number=1, *, read=(), profiles=(), timeout_s=20.0):
    return Meter(
        id=f"meter-{number}",
        address=access.endpoint,
        client_address=access.client_address,
        authentication=access.authentication,
        credentials=CREDENTIALS,
        link=LinkProfile(connect_timeout_s=timeout_s, request_timeout_s=timeout_s),
        schedules=(Schedule("often", 1.0, read=tuple(map(Target.parse, read)), profiles=profiles),),
    )


def poller(meters, store, tmp_path, log, concurrency=4):
    return Scheduler(meters, store, CounterStore(tmp_path), agent="edge-1", poll=Poll(concurrency), log=log.logger())


def succeeded(polling):
    return polling.stats.results["default", "OK"]


def failed(polling):
    return polling.stats.results.total() - succeeded(polling)


async def test_polls_go_on_after_the_last_row(start, tmp_path, log):
    clock = [NOW]
    meter, access = await start("hls-gmac", now=lambda: clock[0])
    store = Store()
    polling = poller(
        [configured(access, read=["1.0.1.8.0.255"], profiles=(Profile(PROFILE, 7200),))],
        store,
        tmp_path,
        log,
    )
    task = asyncio.create_task(polling.run())
    await until(lambda: succeeded(polling) == 2)
    clock[0] += timedelta(minutes=30)
    before = succeeded(polling)
    await until(lambda: succeeded(polling) >= before + 2)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

    profiles = [record for record in store.records if context(record).class_id == 7]
    rows = [stamp(row) for record in profiles for row in result(record, meter).value]
    first = datetime(2026, 3, 3, 10, 15, tzinfo=timezone.utc)
    assert rows == [first + timedelta(minutes=15) * index for index in range(10)]
    assert len(profiles) == 2
    assert {record.key for record in store.records} == {b"st-" + meter.system_title.hex().encode()}
    assert failed(polling) == 0


async def say_nothing(reader, writer):
    while await reader.read(100):
        pass
    writer.close()


async def test_one_bad_meter_does_not_hold_up_the_others(start, tmp_path, log):
    silent = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
    _, good = await start("lls")
    bad = MeterAccess(Endpoint.parse(f"tcp://127.0.0.1:{silent.sockets[0].getsockname()[1]}"))
    store = Store()
    polling = poller(
        [
            configured(bad, 1, read=["3:1.0.1.8.0.255"], timeout_s=0.1),
            configured(good, 2, read=["3:1.0.1.8.0.255"]),
        ],
        store,
        tmp_path,
        log,
        concurrency=1,
    )
    task = asyncio.create_task(polling.run())
    await until(lambda: succeeded(polling) >= 2 and failed(polling) >= 2)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    silent.close()
    await silent.wait_closed()

    assert {record.key for record in store.records} == {b"meter-2"}
    warning = next(entry for entry in log if entry["level"] == "warning")
    assert warning["event"] == "Timer T1 Timeout (no answer within 0.1 s)"
    assert warning["meter"] == "meter-1"
    assert warning["remedy"]


def context(record):
    return Exchange.FromString(dict(record.headers)["ami-context"])


def stamp(row):
    assert isinstance(row, Data)
    return CosemDateTime.from_bytes(row.value[0].value).utc()
