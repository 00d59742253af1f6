"""The agent's own sessions read the Java meter in every authentication and suite it has, over every way it can have.

Left out is hls-ecdsa: the Java meter's signature verifies nowhere (simulator/gurux/README.md).
"""

import asyncio
import json
from dataclasses import replace
from datetime import datetime

import pytest
from support.log import Log
from support.serial_bus import SerialBus

from ami.readings.v1.meter_readings_pb2 import MeterReadings
from ami_cli.interpret import interpret
from ami_dlms.client import Authentication
from ami_dlms.framing import unframe
from ami_dlms.obis import parse_obis
from ami_dlms.security import Keys, Protection
from ami_ingest.config.credentials import read_credentials
from ami_ingest.config.endpoint import Endpoint
from ami_ingest.config.model import LinkProfile
from ami_ingest.config.target import Target
from ami_ingest.meters.access import MeterAccess
from ami_ingest.meters.counters import CounterStore
from ami_ingest.meters.read import ProfileRange, read_meter, readings_in
from ami_ingest.meters.reading import MeterReader
from ami_ingest.meters.session_keys import SessionKeys
from ami_keys.keystore import FileKeyStore, add_kek
from ami_normalize.keys import KeyRing, MeterKeys
from ami_normalize.pipeline import Context, RawRecord, ReadingsOutcome, normalize
from ami_normalize.session_keys import SessionKeys as Opened

pytestmark = pytest.mark.wire

ENERGY = "1.0.1.8.0.255"
KINDS = [
    ("none", 0, None),
    ("lls", 0, None),
    *(("lls", suite, Protection.AUTHENTICATED_ENCRYPTED) for suite in (0, 1, 2)),
    *((auth, suite, None) for auth in ("hls-md5", "hls-sha1", "hls-gmac", "hls-sha256") for suite in (0, 1, 2)),
    *(("hls-sha256", suite, Protection.AUTHENTICATED_ENCRYPTED) for suite in (1, 2)),
]
CIPHERED = [number for number, (auth, _, policy) in enumerate(KINDS) if policy or auth == "hls-gmac"]
NAMES = [f"{auth}-{suite}{'' if policy is None else '-ciphered'}" for auth, suite, policy in KINDS]
DED_GET_RESPONSE = 0xD4
PHYSICAL = (17, 18, 19)
PATIENCE = LinkProfile(connect_timeout_s=20.0, request_timeout_s=20.0)


@pytest.fixture(scope="module")
def secrets(tmp_path_factory, private):
    """Files of the secrets by suite, ours and the meter's."""
    folder = tmp_path_factory.mktemp("secrets")

    def write(suite):
        size = 32 if suite == 2 else 16
        both = {"guek": bytes(range(size)).hex(), "gak": bytes(range(100, 100 + size)).hex(), "password": "a secret"}
        ours = private(folder / f"ours-{suite}.json", {**both, "client_system_title": "414d490000000001"})
        return ours, private(folder / f"meter-{suite}.json", {**both, "system_title": "4752580000000007"})

    return {suite: write(suite) for suite in (0, 1, 2)}


@pytest.fixture(scope="module")
def meters(gurux_meters, secrets):
    """All meters in one process: what each says, by kind and by way ("wrapper", "hdlc", or its physical address)."""
    wanted = []
    for number, (auth, suite, _) in enumerate(KINDS):
        options = ("--auth", auth, "--suite", suite, "--client", 16 if auth == "none" else 1)
        options += ("--secrets", secrets[suite][1], "--serial", number + 1)
        wanted.append(((number, "wrapper"), options))
        wanted.append(((number, "hdlc"), (*options, "--framing", "hdlc")))
        physical = PHYSICAL[number % 3]
        wanted.append(((number, physical), (*options, "--framing", "hdlc", "--physical", physical)))
    with gurux_meters(*(options for _, options in wanted)) as said:
        yield {key: truth for (key, _), truth in zip(wanted, said, strict=True)}


def access_to(endpoint, number, secrets, physical=None):
    auth, suite, policy = KINDS[number]
    return MeterAccess(
        Endpoint.parse(endpoint),
        client_address=16 if auth == "none" else 1,
        physical_device=physical,
        authentication=Authentication(auth),
        suite=suite,
        security_policy=policy,
        credentials=read_credentials(secrets[suite][0]),
        link=PATIENCE,
    )


async def check(access, truth, state_dir):
    """Read a register and a day of the load profile through the agent's session, and hold both against the truth."""
    rows = truth["profile"]["rows"][96:192]
    first, last = (datetime.fromisoformat(rows[place][0].replace("Z", "+00:00")) for place in (0, -1))
    answers = await read_meter(
        access,
        [Target.parse(f"3:{ENERGY}")],
        ProfileRange(parse_obis(truth["profile"]["obis"]), first, last),
        state_dir=state_dir,
        log=Log().logger(),
    )
    found = interpret(answers, access)
    (register,) = found.readings
    assert register["value"] == str(truth["registers"][0]["raw"])
    values = [value for column in found.intervals if column["obis"] == ENERGY for value in column["values"]]
    assert values == [str(row[2]) for row in rows]


@pytest.mark.parametrize("framing", ["wrapper", "hdlc"])
@pytest.mark.parametrize("number", range(len(KINDS)), ids=NAMES)
async def test_over_tcp(meters, secrets, tmp_path, framing, number):
    truth = meters[number, framing]
    scheme = {"wrapper": "tcp", "hdlc": "hdlc+tcp"}[framing]
    await check(access_to(f"{scheme}://{truth['listening']}", number, secrets), truth, tmp_path)


@pytest.mark.parametrize("framing", ["wrapper", "hdlc"])
@pytest.mark.parametrize("number", CIPHERED, ids=[NAMES[number] for number in CIPHERED])
async def test_under_a_dedicated_key(meters, secrets, tmp_path, framing, number):
    """As the agent does it: each association has another key, and the records bring it to the normalizer."""
    truth = meters[number, framing]
    scheme = {"wrapper": "tcp", "hdlc": "hdlc+tcp"}[framing]
    access = replace(access_to(f"{scheme}://{truth['listening']}", number, secrets), dedicated_key=True)
    add_kek(tmp_path / "kek.json", "edge")
    log = Log().logger()
    reader = MeterReader(
        access, CounterStore(tmp_path), agent="edge", log=log, session_keys=SessionKeys(tmp_path / "kek.json", log)
    )
    ring = KeyRing(any_title=MeterKeys(Keys(access.credentials.guek, access.credentials.gak), "test"))
    context = Context(keys=ring, session_keys=Opened(FileKeyStore(tmp_path / "kek.json")))
    carried = set()
    for _ in range(2):
        session = await reader.open()
        (answer,) = [answer async for answer in readings_in(reader, session, [Target.parse(f"3:{ENERGY}")])]
        await session.close()
        (record,) = answer.records
        (answered,) = unframe(record.value, access.framing).apdus
        assert answered[0] == DED_GET_RESPONSE
        carried.add(dict(record.headers)["ami-session-key"])
        raw = RawRecord("ami.raw.v1", 0, 0, record.key, record.value, dict(record.headers))
        (outcome,) = normalize(raw, context)
        assert isinstance(outcome, ReadingsOutcome), outcome
        (reading,) = MeterReadings.FromString(outcome.messages[0]).readings
        assert reading.mantissa == truth["registers"][0]["raw"]
    assert len(carried) == 2


@pytest.mark.parametrize("numbers", [range(n, min(n + 3, len(KINDS))) for n in range(0, len(KINDS), 3)], ids=str)
async def test_three_in_turn_on_a_serial_line(meters, secrets, tmp_path, numbers):
    bus = SerialBus(tmp_path / "ttyUSB0")
    bus.plug_in()
    try:
        reads = []
        for number in numbers:
            physical = PHYSICAL[number % 3]
            truth = meters[number, physical]
            host, port = truth["listening"].rsplit(":", 1)
            await bus.join(host, int(port))
            access = access_to(f"serial://{bus.path}?baud=115200", number, secrets, physical)
            reads.append(check(access, truth, tmp_path / str(number)))
        await asyncio.gather(*reads)
    finally:
        bus.unplug()


async def test_the_command_reads_a_meter_on_a_serial_line(meters, secrets, tmp_path, ami):
    number = KINDS.index(("hls-gmac", 1, None))
    physical = PHYSICAL[number % 3]
    truth = meters[number, physical]
    bus = SerialBus(tmp_path / "ttyUSB0")
    bus.plug_in()
    try:
        host, port = truth["listening"].rsplit(":", 1)
        await bus.join(host, int(port))
        done = await asyncio.to_thread(
            ami,
            *("read", f"serial://{bus.path}?baud=115200", f"3:{ENERGY}", "--server", f"1/{physical}", "--client", 1),
            *("--auth", "hls-gmac", "--suite", 1, "--secrets", secrets[1][0], "--json"),
        )
    finally:
        bus.unplug()
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["value"] == str(truth["registers"][0]["raw"])
