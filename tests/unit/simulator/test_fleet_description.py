"""A description is checked completely, and its shares are met exactly, by the seed."""

import json
from collections import Counter

import pytest

from ami_dlms.errors import UsageError
from ami_dlms.framing import Framing
from ami_dlms.server import Authentication
from ami_ingest.config.file import load as load_agent
from ami_simulator.fleet import FleetMeter, Members, load, read
from ami_simulator.fleet.command import described, parser
from ami_simulator.fleet.inventory import write

pytestmark = pytest.mark.unit

SERVED = {"meters": 1000, "seed": 5, "listen": {}}

WRONG = [
    ({}, "needs `listen`, `push` or both"),
    ({**SERVED, "meter": 3}, "meter: is not known; did you mean 'meters'"),
    ({**SERVED, "meters": 0}, "meters: '0' is no whole number from 1 to 1000000"),
    ({**SERVED, "seed": "x"}, "seed: 'x' is no whole number"),
    ({**SERVED, "authentication": "gmac"}, "authentication.gmac: is not known"),
    ({**SERVED, "authentication": {"lls": 0.5}}, "authentication: the shares add up to 0.5, not to 1"),
    ({**SERVED, "framing": {"wrapper": 2}}, "framing.wrapper: '2' is no number from 0 to 1"),
    ({**SERVED, "client_system_title": "12"}, "client_system_title: '12' is not 16 hexadecimal digits"),
    ({**SERVED, "zone": "Europe/Atlantis"}, "zone: 'Europe/Atlantis' is no time zone"),
    ({**SERVED, "clock": "noon"}, "clock: 'noon' is no time"),
    ({**SERVED, "listen": {"address": "0.0.0.0"}}, "listen.address: '0.0.0.0' is not on the loopback network"),
    ({**SERVED, "listen": {"address": "10.0.0.1"}}, "listen.address: '10.0.0.1' is not on the loopback network"),
    ({**SERVED, "listen": {"address": "127.255.255.0"}}, "there are not enough addresses for 1000 meters"),
    ({**SERVED, "listen": {"behind": 0}}, "listen.behind: '0' is no whole number"),
    ({**SERVED, "push": {"to": "host"}}, "push.to: give the listener as HOST:PORT"),
    (
        {**SERVED, "push": {"seconds": 60}},
        "push.to: nobody to push to; give the listener, or leave out what is said of pushes, also seconds",
    ),
    ({**SERVED, "push": {"to": "h:1", "rate": 1, "every_s": 1}}, "push.rate: give either rate or every_s"),
    ({**SERVED, "push": {"to": "h:1", "share": 0}}, "push.share: no meter is left to push"),
    ({**SERVED, "faults": [{"kind": "fire", "share": 1}]}, "faults[0].kind: 'fire' is none of hang, drop"),
    ({**SERVED, "faults": [{"kind": "hang"}]}, "faults[0].meters: give either meters or a share"),
    ({**SERVED, "faults": [{"kind": "hang", "meters": [1000]}]}, "faults[0].meters: there is no meter 1000"),
    ({**SERVED, "faults": [{"kind": "hang", "meters": ["a"]}]}, "faults[0].meters: 'a' is no meter and no range"),
    (
        {**SERVED, "faults": [{"kind": "hang", "share": 0.1, "from_s": 5, "until_s": 5}]},
        "faults[0].until_s: 5 is not after",
    ),
    ({**SERVED, "faults": [{"kind": "hang", "share": 0.1, "after": 5}]}, "faults[0].after: is not known"),
    ({**SERVED, "faults": {"kind": "hang"}}, "faults: a dict is no list"),
]


@pytest.mark.parametrize(("tree", "sentence"), WRONG)
def test_what_is_wrong_is_said_with_its_place(tree, sentence):
    with pytest.raises(UsageError) as told:
        read(tree)
    assert sentence in str(told.value)


def test_shares_are_met_exactly_and_drawn_by_the_seed():
    tree = {
        **SERVED,
        "authentication": {"none": 0.2, "lls": 0.3, "hls-gmac": 0.5},
        "framing": {"wrapper": 0.9, "hdlc": 0.1},
    }
    one, same, other = Members(read(tree)), Members(read(tree)), Members(read({**tree, "seed": 6}))

    def drawn(members):
        return [(members.authentication(index), members.framing(index)) for index in range(len(members))]

    assert Counter(authentication for authentication, _ in drawn(one)) == {
        Authentication.NONE: 200,
        Authentication.LLS: 300,
        Authentication.HLS_GMAC: 500,
    }
    assert Counter(framing for _, framing in drawn(one)) == {Framing.WRAPPER: 900, Framing.HDLC: 100}
    assert drawn(one) == drawn(same) != drawn(other)


def test_meters_differ_and_are_the_same_in_every_run():
    one, other = Members(read(SERVED)), Members(read({**SERVED, "seed": 6}))
    meters = [one.meter(index) for index in range(1000)]

    assert meters == [Members(read(SERVED)).meter(index) for index in range(1000)]
    for member in ("id", "system_title", "address", "password", "logical_device_name"):
        assert len({getattr(meter, member) for meter in meters}) == 1000, member
    assert len({meter.keys.encryption for meter in meters} | {meter.keys.authentication for meter in meters}) == 2000
    assert one.keys(3) != other.keys(3)
    assert one.system_title(3) == other.system_title(3)


def test_addresses_follow_each_other_and_may_be_shared():
    alone, behind = Members(read(SERVED)), Members(read({**SERVED, "listen": {"behind": 3}, "framing": "hdlc"}))

    assert [alone.meter(index).address[0] for index in (0, 1, 255, 256)] == [
        "127.16.0.1",
        "127.16.0.2",
        "127.16.1.0",
        "127.16.1.1",
    ]
    assert [behind.meter(index).address[0] for index in (0, 2, 3)] == ["127.16.0.1", "127.16.0.1", "127.16.0.2"]
    assert [behind.meter(index).physical_device for index in range(4)] == [16, 17, 18, 16]


def test_no_secret_is_shown():
    meter = Members(read(SERVED)).meter(0)

    assert isinstance(meter, FleetMeter)
    assert meter.keys.encryption.hex() not in repr(meter)
    assert meter.password.decode() not in repr(meter)


def test_the_inventory_is_what_the_other_side_reads(tmp_path):
    tree = {"meters": 40, "listen": {}, "authentication": {"none": 0.25, "lls": 0.25, "hls-gmac": 0.5}}
    members = Members(read(tree))
    write(tmp_path, members)
    write(tmp_path, members)  # and over it

    config = tmp_path / "agent.yaml"
    config.write_text(
        "agent: a\nkafka: {bootstrap: none}\nstate_dir: s\n"
        'inventory: {file: meters.yaml}\ndefaults: {secrets: "secrets/{id}.json"}\n'
    )
    served = load_agent(config, environ={}).meters
    keys = json.loads((tmp_path / "keys.json").read_text())
    assert [entry.id for entry in served] == [members.meter(index).id for index in range(40)]
    assert len(keys) == 20
    for index, entry in enumerate(served):
        meter = members.meter(index)
        assert str(entry.address) == f"tcp://{meter.address[0]}:4059"
        assert entry.authentication is meter.authentication
        assert entry.system_title == meter.system_title
        assert (tmp_path / "secrets" / f"{entry.id}.json").exists() is (meter.authentication is not Authentication.NONE)
        if meter.authentication is Authentication.LLS:
            assert entry.credentials.password == meter.password
        if meter.authentication is Authentication.HLS_GMAC:
            assert (entry.credentials.guek, entry.credentials.gak) == (meter.keys.encryption, meter.keys.authentication)
            assert keys[meter.system_title.hex()] == {
                "guek": meter.keys.encryption.hex(),
                "gak": meter.keys.authentication.hex(),
            }
    for private in (tmp_path / "keys.json", *(tmp_path / "secrets").iterdir()):
        assert private.stat().st_mode & 0o777 == 0o600
    listed = (tmp_path / "fleet.jsonl").read_text()
    assert members.meter(0).keys.encryption.hex() not in listed


def test_options_go_before_the_file(tmp_path):
    config = tmp_path / "fleet.yaml"
    config.write_text("meters: 10\nseed: 3\nlisten: {port: 5}\npush: {to: 'h:1', every_s: 9}\n")
    options = ["--config", str(config), "--meters", "20", "--auth", "lls=0.5,none=0.5", "--listen", "127.9.0.1:7"]
    options += ["--rate", "8", "--fault", "drop:share=0.5,from_s=3,after=12", "--fault", "hang:meters=7"]

    found = read(described(parser().parse_args(options)))

    assert (found.meters, found.seed, str(found.listen.address), found.listen.port) == (20, 3, "127.9.0.1", 7)
    assert found.authentication == {"none": 0.5, "lls": 0.5}
    assert found.push.rate == 8
    assert [(fault.kind.value, fault.share, fault.begin_s, fault.after, fault.named) for fault in found.faults] == [
        ("drop", 0.5, 3.0, 12, ()),
        ("hang", 0.0, 0.0, None, (7,)),
    ]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [(None, "cannot be read"), ("a: [", "line 1"), ("- 1", "holds no keys"), (b"\xff\xfe\x00", "is not")],
)
def test_a_file_that_is_none(tmp_path, content, sentence):
    path = tmp_path / "fleet.yaml"
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(UsageError) as told:
        load(path)
    assert sentence in str(told.value)
