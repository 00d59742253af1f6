"""Associations with a key of their own: drawn anew each time, wrapped once, opened by who normalizes."""

import asyncio
from datetime import datetime, timedelta, timezone

import pytest
from support.asked import read_asked
from support.polled import Store

from ami.readings.v1 import meter_readings_pb2 as pb
from ami_dlms.apdu import GeneralGloCiphering, ServiceCiphered, decode
from ami_dlms.client import Authentication
from ami_dlms.framing import Framing, unframe
from ami_dlms.obis import parse_obis
from ami_dlms.security import Keys, Protection
from ami_dlms.server import ServerSettings
from ami_ingest.config.credentials import Credentials
from ami_ingest.config.endpoint import Endpoint
from ami_ingest.config.model import LinkProfile, Meter, Poll
from ami_ingest.config.target import Target
from ami_ingest.errors import SessionKeyFailed
from ami_ingest.meters.access import MeterAccess
from ami_ingest.meters.counters import CounterStore
from ami_ingest.meters.read import ProfileRange, read_meter, readings_in
from ami_ingest.meters.reading import MeterReader
from ami_ingest.meters.session_keys import SessionKeys
from ami_ingest.schedule.scheduler import Scheduler
from ami_keys.keystore import FileKeyStore, KeyStoreAway, add_kek
from ami_keys.session_key import unwrap_session_key
from ami_normalize import session_keys
from ami_normalize.keys import KeyRing, MeterKeys
from ami_normalize.pipeline import Context, RawRecord, ReadingsOutcome, normalize
from ami_schemas import headers
from ami_simulator import MeterServer, VirtualMeter

pytestmark = pytest.mark.wire

CLIENT_TITLE = bytes.fromhex("414d490000000001")
ENERGY = Target.parse("3:1.0.1.8.0.255")
NOW = datetime(2026, 3, 3, 12, 7, 30, tzinfo=timezone.utc)
SCHEMES = {"tcp": Framing.WRAPPER, "hdlc+tcp": Framing.HDLC}
LENGTHS = {0: 16, 1: 16, 2: 32}


@pytest.fixture
def kek(tmp_path):
    path = tmp_path / "kek.json"
    add_kek(path, "edge-1")
    return path


@pytest.fixture
async def start():
    """Start a virtual meter with keys; return it and the access to it."""
    servers = []

    async def start(scheme="tcp", suite=0, **access):
        meter = VirtualMeter(7, now=lambda: NOW)
        size = LENGTHS[suite]
        keys = Keys(bytes(range(size)), bytes(range(100, 100 + size)))
        server = MeterServer(
            meter,
            ServerSettings(
                framing=SCHEMES[scheme],
                authentication=Authentication.HLS_GMAC,
                suite=suite,
                system_title=meter.system_title,
                keys=keys,
                protection=Protection.AUTHENTICATED_ENCRYPTED,
            ),
        )
        await server.start()
        servers.append(server)
        host, port = server.address
        credentials = Credentials(guek=keys.encryption, gak=keys.authentication, client_system_title=CLIENT_TITLE)
        of = {
            "authentication": Authentication.HLS_GMAC,
            "suite": suite,
            "client_address": 1,
            "credentials": credentials,
            "dedicated_key": True,
            **access,
        }
        return meter, MeterAccess(Endpoint.parse(f"{scheme}://{host}:{port}"), **of).within(20.0)

    yield start
    for server in servers:
        await server.stop()


def under(record):
    """The tags of the ciphered APDUs in a record."""
    found = unframe(record.value, Framing(dict(record.headers)["ami-framing"].decode()))
    apdus = [decode(octets) for octets in found.apdus]
    assert all(isinstance(each, (ServiceCiphered, GeneralGloCiphering)) for each in apdus)
    return {each.tag for each in apdus}


def normalized(records, access, kek):
    """What the normalizer makes of records, knowing the meter's global keys and the key encryption keys."""
    secrets = access.credentials
    ring = KeyRing(any_title=MeterKeys(Keys(secrets.guek, secrets.gak), "test"))
    context = Context(keys=ring, session_keys=session_keys.SessionKeys(FileKeyStore(kek)))
    messages = []
    for offset, record in enumerate(records):
        raw = RawRecord("ami.raw.v1", 0, offset, record.key, record.value, dict(record.headers))
        (outcome,) = normalize(raw, context)
        assert isinstance(outcome, ReadingsOutcome), outcome
        messages += map(pb.MeterReadings.FromString, outcome.messages)
    return messages


@pytest.mark.parametrize("suite", LENGTHS)
@pytest.mark.parametrize("scheme", SCHEMES)
async def test_what_is_read_under_one_opens_with_what_its_records_bring(start, tmp_path, log, kek, scheme, suite):
    meter, access = await start(scheme, suite)
    reader = MeterReader(
        access,
        CounterStore(tmp_path / "counters"),
        agent="edge-1",
        log=log.logger(),
        session_keys=SessionKeys(kek, log.logger()),
    )
    carried = []
    for _ in range(2):
        session = await reader.open()
        rows = ProfileRange(parse_obis("1.0.99.1.0.255"), NOW - timedelta(hours=6), NOW)
        answers = [answer async for answer in readings_in(reader, session, [ENERGY], rows)]
        await session.close()
        records = [record for answer in answers for record in answer.records]
        assert {tag for record in records for tag in under(record)} == {0xD4}
        (header,) = {dict(record.headers)[headers.SESSION_KEY] for record in records}
        carried.append(header)

        energy, profile = normalized(records, access, kek)
        assert energy.readings[0].mantissa == meter.register(ENERGY.obis).read(2).value
        assert len(profile.interval_blocks[0].mantissas) >= 24
        assert energy.provenance.protection == pb.PROTECTION_AUTHENTICATED_ENCRYPTED

    keys = {unwrap_session_key(value, meter.system_title, FileKeyStore(kek)) for value in carried}
    assert len(keys) == 2, "each association has another"
    assert {len(key) for key in keys} == {LENGTHS[suite]}
    said = f"{log} {reader.access} {session.session_key!r}"
    assert not any(key.hex() in said for key in keys)


async def test_who_reads_without_publishing_uses_the_global_key(start, tmp_path, log):
    _, access = await start()
    (answer,) = await read_meter(access, [ENERGY], state_dir=tmp_path, log=log.logger())
    assert under(answer.records[0]) == {0xCC}
    assert headers.SESSION_KEY not in dict(answer.records[0].headers)


async def test_the_public_client_never_has_one(start, kek, log):
    _, access = await start()
    assert not access.public_settings().form.dedicated
    assert access.settings().form.dedicated


class Away:
    """A key store that does not answer."""

    current = "hsm"

    def wrap(self, key, bound_to):
        raise KeyStoreAway("the module does not answer")

    def refresh(self):
        return False


@pytest.mark.parametrize(
    ("store", "words"),
    [
        (None, r"^Session Key Not Wrapped \(no key store\)$"),
        (Away(), r"^Session Key Not Wrapped \(the module does not answer\)$"),
    ],
)
async def test_nothing_is_read_that_nobody_could_open(start, tmp_path, log, store, words):
    _, access = await start()
    wrapping = SessionKeys(None, log.logger())
    wrapping._store = store
    reader = MeterReader(
        access, CounterStore(tmp_path / "counters"), agent="edge-1", log=log.logger(), session_keys=wrapping
    )
    with pytest.raises(SessionKeyFailed, match=words) as raised:
        await reader.open()
    assert (raised.value.code, raised.value.phase, raised.value.again) == ("SESSION_KEY_FAILED", "associate", True)
    assert raised.value.remedy
    assert raised.value.cause


async def test_the_agents_polls_wait_for_a_key_store_and_go_on_with_it(start, tmp_path, log, kek):
    """Also a key encryption key that is added while it runs is the one that wraps from then on."""
    _, access = await start()
    meter = Meter(
        id="m-1",
        address=access.endpoint,
        client_address=1,
        authentication=Authentication.HLS_GMAC,
        credentials=access.credentials,
        dedicated_key=True,
        link=LinkProfile(request_timeout_s=20.0, connect_timeout_s=20.0),
    )
    store = Store()
    scheduler = Scheduler(
        [meter],
        store,
        CounterStore(tmp_path / "counters"),
        agent="edge-1",
        poll=Poll(),
        log=log.logger(),
    )
    running = asyncio.create_task(scheduler.run())
    try:
        with pytest.raises(SessionKeyFailed):
            await read_asked(scheduler, "m-1", [ENERGY])
        assert scheduler.stats.results["default", "SESSION_KEY_FAILED"] == 1
        assert store.records == []

        scheduler.wrap_by(kek)
        (answer,) = await read_asked(scheduler, "m-1", [ENERGY])
        (message,) = normalized(answer.records, access, kek)
        assert message.readings

        add_kek(kek, "edge-2")
        (answer,) = await read_asked(scheduler, "m-1", [ENERGY])
        assert b"edge-2" in dict(answer.records[0].headers)[headers.SESSION_KEY]
        assert any(line["event"] == "key encryption keys read again" for line in log)

        kek.write_text("{broken")
        (answer,) = await read_asked(scheduler, "m-1", [ENERGY])
        assert b"edge-2" in dict(answer.records[0].headers)[headers.SESSION_KEY]
        assert any("refused, the old ones stay" in line["event"] for line in log)
    finally:
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
