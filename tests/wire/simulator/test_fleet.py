"""A fleet on the loopback interface: a thousand meters at once, each fault as clients see it, pushes by their truth."""

import asyncio
import re
import resource
import socket
import subprocess
import sys
from collections import Counter, defaultdict

import pytest
from support.fleet import client_of, running_fleet, talking

from ami_cli.main import run
from ami_dlms.apdu import CosemAttribute, DataNotification, GeneralGloCiphering
from ami_dlms.apdu import decode as decode_apdu
from ami_dlms.client import Answer, Associated, Refused, Released
from ami_dlms.cosem.device import LOGICAL_DEVICE_NAME
from ami_dlms.cosem.units import ScalerUnit
from ami_dlms.cosem_time import CosemDateTime
from ami_dlms.errors import AssociationRefused, AuthenticationFailed
from ami_dlms.framing import Assembler, Framing, hdlc, unframe
from ami_dlms.obis import format_obis
from ami_dlms.security import Form, Protection, unprotect
from ami_dlms.selective import CLOCK
from ami_simulator.fleet import PushSent, RegisterRead, Value
from ami_simulator.fleet.truth import UNITS
from ami_simulator.meter import IMPORT

pytestmark = pytest.mark.wire

ENERGY = CosemAttribute(3, IMPORT, 2)
TIME = CosemAttribute(8, CLOCK, 2)
NAME = CosemAttribute(1, LOGICAL_DEVICE_NAME, 2)
DED_GET_RESPONSE = 0xD4
PATIENCE = 0.3
"""Seconds in which a meter on this machine that will answer has answered."""


def served(meters, faults=(), **change):
    return {"meters": meters, "seed": 11, "listen": {"port": 0}, "faults": list(faults), **change}


async def test_a_thousand_are_associated_and_read_at_the_same_time(tmp_path):
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    tree = served(
        1000, authentication={"none": 0.1, "lls": 0.45, "hls-gmac": 0.45}, framing={"wrapper": 0.8, "hdlc": 0.2}
    )
    with running_fleet(tmp_path, tree) as fleet:
        assert fleet.ready["sockets"] == 1
        all_associated, associated, energies = asyncio.Event(), 0, {}

        async def read(index, gate):
            nonlocal associated
            meter = fleet.meter(index)
            async with talking(meter) as talk:
                async with gate:
                    event = await talk.say(talk.client.associate())
                assert isinstance(event, Associated), event
                associated += 1
                if associated == 1000:
                    await asyncio.to_thread(fleet.status, lambda now: now["associated"] == 1000, "all associated")
                    all_associated.set()
                await all_associated.wait()
                async with gate:
                    answer = await talk.say(talk.client.get(ENERGY))
                assert isinstance(answer, Answer)
                energies[meter.id] = str(answer.result.value)

        gate = asyncio.Semaphore(100)
        await asyncio.gather(*(read(index, gate) for index in range(1000)))
        last, said = fleet.end()

    assert (last["associations"], last["requests"], last["associated"]) == (1000, 1000, 0)
    assert all(isinstance(each, RegisterRead) for each in said)
    assert {each.id: each.value.value for each in said} == energies
    assert len(energies) == 1000


@pytest.mark.parametrize("framing", ["wrapper", "hdlc"])
async def test_meters_behind_one_address(tmp_path, framing):
    with running_fleet(
        tmp_path, served(10, listen={"port": 0, "behind": 5}, framing=framing, authentication="lls")
    ) as fleet:
        assert fleet.meter(1).address == fleet.meter(4).address != fleet.meter(5).address
        names = []
        for index in (1, 4, 5):
            async with talking(fleet.meter(index)) as talk:
                assert isinstance(await talk.say(talk.client.associate()), Associated)
                names.append((await talk.say(talk.client.get(NAME))).result.value.decode())
                assert isinstance(await talk.say(talk.client.release()), Released)
        # and two on one connection, in turn
        async with talking(fleet.meter(2)) as talk:
            first = talk.client
            assert isinstance(await talk.say(first.associate()), Associated)
            talk.client = client_of(fleet.meter(3))
            assert isinstance(await talk.say(talk.client.associate()), Associated)
            names.append((await talk.say(talk.client.get(NAME))).result.value.decode())
            talk.client = first
            names.append((await talk.say(first.get(NAME))).result.value.decode())
        fleet.end()

    assert names == [fleet.members.meter(index).logical_device_name for index in (1, 4, 5, 3, 2)]


@pytest.mark.parametrize("framing", ["wrapper", "hdlc"])
async def test_a_dedicated_key_is_taken_and_answered_under(tmp_path, framing):
    with running_fleet(tmp_path, served(2, framing=framing, authentication="hls-gmac")) as fleet:
        carried = set()
        for _ in range(2):
            async with talking(fleet.meter(1), form=Form.DED) as talk:
                assert isinstance(await talk.say(talk.client.associate()), Associated)
                carried.add(talk.client.dedicated_key)
                answer = await talk.say(talk.client.get(ENERGY))
                (octets,) = unframe(answer.raw, Framing(framing)).apdus
                assert octets[0] == DED_GET_RESPONSE
                assert isinstance(await talk.say(talk.client.release()), Released)
        fleet.end()
    assert len(carried) == 2


async def test_faults_of_the_wire_as_a_client_sees_them(tmp_path):
    faults = [
        {"kind": "hang", "meters": [0], "phase": "read"},
        {"kind": "hang", "meters": [1]},
        {"kind": "drop", "meters": [2], "phase": "read", "after": 11},
        {"kind": "truncate", "meters": [3], "phase": "read", "after": 12},
        {"kind": "noise", "meters": [4], "octets": 50},
        {"kind": "noise", "meters": [5], "octets": 9, "in_front": True, "phase": "read"},
        {"kind": "slow", "meters": [6], "bytes_per_s": 200, "latency_s": 0.2},
    ]
    with running_fleet(tmp_path, served(8, faults, authentication="lls")) as fleet:

        async def begin(talk, patience=None):
            assert isinstance(await talk.say(talk.client.associate()), Associated)
            talk.seen = b""
            return await talk.say(talk.client.get(ENERGY), patience)

        async with talking(fleet.meter(0)) as talk:
            assert (await begin(talk, PATIENCE), talk.seen, talk.ended) == (None, b"", False)
        async with talking(fleet.meter(1)) as talk:
            assert (await talk.say(talk.client.associate(), PATIENCE), talk.seen, talk.ended) == (None, b"", False)
        async with talking(fleet.meter(2)) as talk:
            assert (await begin(talk), len(talk.seen), talk.ended) == (None, 11, True)
        async with talking(fleet.meter(3)) as talk:
            assert (await begin(talk, PATIENCE), len(talk.seen), talk.ended) == (None, 12, False)
            assert int.from_bytes(talk.seen[6:8], "big") > 12 - 8  # the header promises more
        async with talking(fleet.meter(4)) as talk:
            assert (await talk.say(talk.client.associate(), PATIENCE), len(talk.seen), talk.ended) == (None, 50, False)
            assert Assembler().receive(talk.seen) == []
        async with talking(fleet.meter(5)) as talk:
            assert isinstance(await begin(talk), Answer)
            assert len(talk.seen) > 9
            assert not talk.seen.startswith(b"\x00\x01\x00\x01")
        async with talking(fleet.meter(6)) as talk:
            pieces = []
            read = talk._reader.read

            async def noted(size):
                pieces.append(await read(size))
                return pieces[-1]

            talk._reader.read = noted
            assert isinstance(await talk.say(talk.client.associate()), Associated)
            assert len(pieces) > 2
        async with talking(fleet.meter(7)) as talk:
            assert isinstance(await begin(talk), Answer)
        last, _ = fleet.end()

    assert set(last["faults"]) == {"hang", "drop", "truncate", "noise", "slow"}


async def test_wrong_check_sequences(tmp_path):
    with running_fleet(tmp_path, served(1, [{"kind": "crc", "meters": [0]}], framing="hdlc")) as fleet:
        async with talking(fleet.meter(0)) as talk:
            assert await talk.say(talk.client.associate(), PATIENCE) is None
            found = hdlc.scan_frame(talk.seen, 0)
            assert isinstance(found, hdlc.HdlcFound)
            assert (found.intact, found.end) == (False, len(talk.seen))
        fleet.end()


async def test_refusals_and_wrong_keys(tmp_path):
    faults = [{"kind": "reject", "meters": [0, 1], "diagnostic": 3}, {"kind": "wrong-key", "meters": [2, 3]}]
    tree = served(4, faults, authentication={"lls": 0.5, "hls-gmac": 0.5})
    with running_fleet(tmp_path, tree) as fleet:
        for index in range(4):
            async with talking(fleet.meter(index)) as talk:
                event = await talk.say(talk.client.associate())
                assert isinstance(event, Refused)
                assert isinstance(event.error, (AssociationRefused, AuthenticationFailed))
                assert index > 1 or event.error.diagnostic == 3
        last, _ = fleet.end()

    assert last["faults"] == {"reject": 2, "wrong-key": 2}
    assert last["associations"] == 0


async def test_clocks_counters_and_swapped_meters(tmp_path):
    faults = [
        {"kind": "clock-drift", "meters": [0], "offset_s": -7200},
        {"kind": "dst", "meters": [1], "at": "2026-10-25T00:59:58Z"},
        {"kind": "swap", "meters": [2]},
        {"kind": "counter-reset", "meters": [3], "to": 5},
    ]
    with running_fleet(tmp_path, served(5, faults, authentication="hls-gmac", clock="2026-03-01T12:00:00Z")) as fleet:

        async def read(index, target, **change):
            async with talking(fleet.meter(index), **change) as talk:
                event = await talk.say(talk.client.associate())
                assert isinstance(event, Associated), event
                return event, talk, await talk.say(talk.client.get(target))

        _, _, drifted = await read(0, TIME)
        _, _, right = await read(4, TIME)
        behind = [CosemDateTime.from_bytes(each.result.value).utc() for each in (right, drifted)]
        assert 7100 < (behind[0] - behind[1]).total_seconds() < 7300

        stamps = []
        while not stamps or stamps[-1].daylight_saving:
            _, _, told = await read(1, TIME)
            stamps.append(CosemDateTime.from_bytes(told.result.value))
        assert stamps[0].deviation == -120
        assert stamps[-1].deviation == -60
        assert stamps[0].local() > stamps[-1].local()

        spare = fleet.members.keys(fleet.members.description.meters + 2)
        event, _, name = await read(2, NAME, keys=spare)
        assert event.server_system_title != fleet.meter(2).system_title
        assert name.result.value.decode() != fleet.meter(2).logical_device_name
        with pytest.raises(AssertionError, match="Refused"):
            await read(2, NAME)

        counters = {}
        for index in (3, 4):
            _, talk, _ = await read(index, ENERGY)
            counters[index] = int.from_bytes(re.search(rb"\xcc.\x30(....)", talk.seen, re.DOTALL)[1], "big")
        assert counters[3] < 20 < counters[4]
        last, said = fleet.end()

    assert set(last["faults"]) == {"clock-drift", "dst", "swap", "counter-reset"}
    assert {each.meter for each in said} == {3, 4}


async def test_faults_begin_and_end_while_the_fleet_runs(tmp_path):
    faults = [{"kind": "hang", "meters": [0], "until_s": 5}, {"kind": "reject", "meters": [1], "from_s": 5}]
    with running_fleet(tmp_path, served(2, faults)) as fleet:

        async def associate(index, patience=None):
            async with talking(fleet.meter(index)) as talk:
                return await talk.say(talk.client.associate(), patience)

        assert await associate(0, PATIENCE) is None
        assert isinstance(await associate(1), Associated)
        await asyncio.to_thread(fleet.status, lambda now: now["seconds"] > 5, "five seconds")
        assert isinstance(await associate(0), Associated)
        assert isinstance(await associate(1), Refused)
        fleet.end()


SINGLE = -1
"""As many connections as pushes."""


class Listener:
    """Takes pushes over TCP and UDP on one port; `streams` is what each connection brought."""

    def __init__(self):
        self.streams, self.datagrams = defaultdict(bytes), []

    async def __aenter__(self):
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self._udp.bind(("127.0.0.1", self.port))
        self._udp.setblocking(False)
        self._task = asyncio.create_task(self._receive())
        return self

    async def __aexit__(self, *exception):
        self._task.cancel()
        self._server.close()
        self._udp.close()

    async def _serve(self, reader, writer):
        peer = writer.get_extra_info("peername")
        try:
            while data := await reader.read(65536):
                self.streams[peer] += data
        finally:
            writer.close()

    async def _receive(self):
        loop = asyncio.get_running_loop()
        while True:
            self.datagrams.append(await loop.sock_recv(self._udp, 65536))

    def messages(self):
        for octets in (*self.streams.values(), *self.datagrams):
            assembler = Assembler()
            yield from assembler.receive(octets)
            rest = assembler.flush()
            if rest:
                yield rest


def opened(members, apdu):
    """The counter, serial number and values of a push."""
    received = decode_apdu(apdu)
    counter = None
    if isinstance(received, GeneralGloCiphering):
        counter = received.invocation_counter
        index = int.from_bytes(received.system_title[3:], "big") - members.description.first_serial
        received = decode_apdu(unprotect(received, members.keys(index)).plaintext)
    assert isinstance(received, DataNotification)
    serial, *elements = received.body.value
    values = {}
    for element in elements:
        obis, raw, unit = element.value
        scaled = ScalerUnit.from_data(unit)
        values[format_obis(obis.value)] = Value(format(scaled.quantity(raw.value), "f"), UNITS[scaled.unit])
    return int(serial.value[1].value), counter, received.long_invoke_id_and_priority & 0xFFFFFF, values


@pytest.mark.parametrize(
    ("push", "connections"),
    [
        ({"transport": "tcp", "connections": 7}, 14),
        ({"transport": "udp", "sources": 3}, 0),
        ({"transport": "tcp", "kept": 0}, SINGLE),
        ({"transport": {"tcp": 0.5, "udp": 0.5}, "kept": 0.5, "connections": 2}, None),
    ],
)
async def test_pushes_are_what_the_truth_says(tmp_path, push, connections):
    async with Listener() as listener:
        protection = {"none": 0.5, "authenticated-encrypted": 0.5}
        target = {"to": f"127.0.0.1:{listener.port}", "rate": 300, "seconds": 2, "protection": protection, **push}
        tree = {"meters": 100, "seed": 3, "framing": {"wrapper": 0.5, "hdlc": 0.5}, "push": target}
        with running_fleet(tmp_path, tree) as fleet:
            last, said = await asyncio.to_thread(fleet.end, by_itself=True)
        members, came = fleet.members, {}
        for message in listener.messages():
            assert message.complete
            serial, counter, sequence, values = opened(members, message.apdus[0])
            assert message.framing is members.framing(serial - 1)
            assert (serial, sequence) not in came
            came[serial, sequence] = counter, values

    assert {(each.serial, each.counter & 0xFFFFFF): each.values for each in said} == {
        key: values for key, (_, values) in came.items()
    }
    assert len(came) == last["pushes"] == sum(push_count(said).values())
    assert max(push_count(said).values()) - min(push_count(said).values()) <= 1
    assert last["push_octets"] == sum(map(len, (*listener.streams.values(), *listener.datagrams)))
    for each in said:
        counter, _ = came[each.serial, each.counter & 0xFFFFFF]
        assert counter == (None if each.protection is Protection.NONE else each.counter)
    if connections is not None:
        assert len(listener.streams) == (last["pushes"] if connections == SINGLE else connections)


def push_count(said):
    return Counter(each.meter for each in said)


async def test_spoiled_pushes_are_told_from_sound_ones(tmp_path):
    faults = [
        {"kind": "wrong-key", "meters": [0]},
        {"kind": "noise", "meters": [1], "octets": 40},
        {"kind": "drop", "meters": [2], "after": 60},
        {"kind": "hang", "meters": [3]},
        {"kind": "crc", "meters": [4]},
        {"kind": "counter-reset", "meters": [5], "to": 100},
        {"kind": "swap", "meters": [6]},
    ]
    async with Listener() as listener:
        target = {"to": f"127.0.0.1:{listener.port}", "rate": 80, "seconds": 1, "connections": 1}
        target["protection"] = "authenticated-encrypted"
        with running_fleet(tmp_path, {"meters": 8, "framing": "hdlc", "push": target, "faults": faults}) as fleet:
            last, said = await asyncio.to_thread(fleet.end, by_itself=True)
        messages = list(listener.messages())

    marks = defaultdict(set)
    for each in said:
        assert isinstance(each, PushSent)
        marks[each.meter].add(each.spoiled)
    assert marks == {
        0: {"wrong-key"},
        1: {"noise"},
        2: {"drop"},
        4: {"crc"},
        **{meter: {""} for meter in (5, 6, 7)},
    }
    assert set(last["faults"]) == {"wrong-key", "noise", "drop", "hang", "crc", "counter-reset", "swap"}
    sound = [message for message in messages if message.complete]
    titles = Counter(decode_apdu(message.apdus[0]).system_title.hex() for message in sound)
    expected = Counter(each.system_title for each in said if each.spoiled in ("", "wrong-key"))
    assert titles == expected
    assert fleet.members.system_title(8 + 6).hex() in titles
    assert fleet.members.system_title(6).hex() not in titles
    first = next(each for each in said if each.meter == 5)
    assert first.counter == 100


async def test_a_listener_that_comes_back_gets_what_was_not_sent(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    target = {"to": f"127.0.0.1:{port}", "rate": 50, "seconds": 4, "connections": 2}
    with running_fleet(tmp_path, {"meters": 10, "push": target}) as fleet:
        failed = await asyncio.to_thread(fleet.status, lambda now: now["push_failures"] > 0, "a refused connection")
        assert failed["pushes"] == 0
        assert failed["push_failures"] <= 2 * (failed["seconds"] + 1)  # each connection tries once a second
        streams = []

        async def serve(reader, writer):
            place = len(streams)
            streams.append(b"")
            while data := await reader.read(65536):
                streams[place] += data
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", port)
        async with server:
            last, said = await asyncio.to_thread(fleet.end, by_itself=True)
            server.close()
    came = [message for stream in streams for message in Assembler().receive(stream)]

    assert len(came) == len(said) == last["pushes"] > 50
    counters = defaultdict(list)
    for each in said:
        counters[each.meter].append(each.counter)
    assert all(each == list(range(each[0], each[0] + len(each))) for each in counters.values())


@pytest.fixture
def command(capsys):
    """Run `ami simulate …`; give its exit code and what it wrote."""

    def run_it(*options):
        code = run(["simulate", *map(str, options)])
        return code, *capsys.readouterr()

    return run_it


def test_help_and_mistakes_of_the_command(command, tmp_path):
    code, out, _ = command("fleet", "--help")
    assert code == 0
    assert "--push-protection" in out
    code, out, error = command("fleet", "--listen", "127.0.0.1:0", "--auth", "ssl")
    assert (code, out) == (2, "")
    assert error.startswith("error: authentication.ssl: is not known")
    assert "try: " in error
    code, _, error = command("fleet", "--listen", "127.0.0.1:0", "--only", "push")
    assert (code, error.splitlines()[0]) == (2, "error: The description has nothing to push.")
    code, _, error = command("truth", tmp_path / "none")
    assert code == 2
    assert "cannot be read" in error


def test_a_taken_port_is_one_sentence():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        options = ["--listen", f"127.0.0.1:{taken.getsockname()[1]}", "--meters", "1"]
        command = [sys.executable, "-m", "ami_cli", "simulate", "fleet", *options]
        told = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert told.returncode == 7
    assert "Address already in use" in told.stderr
    assert "Traceback" not in told.stderr


def test_the_truth_as_a_command(tmp_path, command):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind(("127.0.0.1", 0))
        target = {"to": f"127.0.0.1:{listener.getsockname()[1]}", "transport": "udp", "rate": 40, "seconds": 0.5}
        with running_fleet(tmp_path, {"meters": 2, "push": target}) as fleet:
            _, said = fleet.end(by_itself=True)
    code, out, _ = command("truth", tmp_path / "truth.jsonl")

    assert code == 0
    assert len(out.splitlines()) == len(said) > 0
    assert f'"{said[0].values["1.0.1.8.0.255"].value}"' in out.splitlines()[0]
