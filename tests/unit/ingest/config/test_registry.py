"""Meters of the registry as inventory: what is said there, what the configuration adds, what cannot be meant."""

import base64
import json

import pytest
import structlog

from ami.registry.v1 import registry_pb2 as pb
from ami_dlms.client import Authentication
from ami_dlms.security import Protection
from ami_ingest.config.file import read
from ami_ingest.config.registry import RegistryFollower, RegistryMeters, kept_entries, kept_meter
from ami_kafka.table import Row

pytestmark = pytest.mark.unit

CONFIG = """
agent: edge-1
kafka: {bootstrap: "localhost:9092"}
networks: {apn-1: {concurrency: 9, link: cellular}}
schedules: {hourly: {every: 1h, read: [1.0.1.8.0.255]}}
groups: {north: {client_address: 7}}
inventory: {topic: true}
"""
ALL = pb.Access(
    address="tcp://10.0.0.1:4060",
    agent="edge-1",
    client_address=1,
    logical_device_id=0,
    physical_device_id=17,
    authentication_level="hls",
    mechanism="gmac",
    security_suite=0,
    security_policy="encrypted",
    secrets="{id}.json",
    network="apn-1",
    link="serial",
    schedules=["hourly"],
)


@pytest.fixture
def loaded(tmp_path):
    path = tmp_path / "dlms_config.yaml"
    path.write_text(CONFIG)
    secrets = tmp_path / "house-7.json"
    secrets.write_text(f'{{"guek": "{"00" * 16}", "gak": "{"11" * 16}", "client_system_title": "414d490000000001"}}')
    secrets.chmod(0o600)
    return read(path)


def of(loaded, **meters):
    return RegistryMeters(loaded.resolver).of({name: meter.SerializeToString() for name, meter in meters.items()})


def test_all_that_is_registered_of_a_meter(loaded):
    traits = pb.Traits(group="north", zone="Europe/Vienna")
    message = pb.Meter(
        system_title=b"\x01" * 8, logical_device_name="X", inventory_id="house-7", traits=traits, access=ALL
    )
    ((meter,), problems) = of(loaded, MP1=message)

    assert not problems
    assert (meter.id, str(meter.address), meter.group) == ("house-7", "tcp://10.0.0.1:4060", "north")
    assert (meter.client_address, meter.logical_device_id, meter.physical_device_id) == (1, 0, 17)
    assert (meter.authentication, meter.security_policy) == (Authentication.HLS_GMAC, Protection.ENCRYPTED)
    assert meter.credentials.gak == b"\x11" * 16
    assert (meter.network.name, meter.link.name) == ("apn-1", "serial")
    assert (meter.system_title, meter.logical_device_name, meter.zone.key) == (b"\x01" * 8, "X", "Europe/Vienna")
    assert [schedule.name for schedule in meter.schedules] == ["hourly"]


def test_what_is_not_registered_is_as_group_and_defaults_say(loaded):
    north = pb.Meter(traits=pb.Traits(group="north"), access=pb.Access(address="tcp://h", network="apn-1"))
    other = pb.Meter(traits=pb.Traits(group="household"), access=pb.Access(address="tcp://h"))
    (meters, problems) = of(loaded, MP1=north, MP2=other)

    assert not problems
    assert [(meter.id, meter.group, meter.client_address) for meter in meters] == [
        ("MP1", "north", 7),
        ("MP2", "household", 16),
    ]
    assert meters[0].link.name == "cellular"


@pytest.mark.parametrize(
    ("access", "expected"),
    [
        (pb.Access(address="h"), "registry, MP1: address: 'h' is no endpoint; write"),
        (pb.Access(address="tcp://h", network="n"), "registry, MP1: network: 'n' is no network; add it to `networks`"),
        (pb.Access(address="tcp://h", schedules=["x"]), "registry, MP1: schedules[0]: 'x' is no schedule; add it"),
        (pb.Access(address="tcp://h", client_address=0), "registry, MP1: client_address: '0' is out of range; write"),
        (pb.Access(address="tcp://h", authentication_level="lls"), "registry, MP1: authentication_level: 'lls' needs"),
        (pb.Access(address="tcp://h", secrets="/etc/shadow"), "'/etc/shadow' leaves the configuration's folder; write"),
        (pb.Access(address="tcp://h", secrets="a/../../b"), "'a/../../b' leaves the configuration's folder; write"),
    ],
)
def test_what_cannot_be_meant_leaves_out_that_meter_alone(loaded, access, expected):
    (meters, problems) = of(loaded, MP1=pb.Meter(access=access), MP2=pb.Meter(access=pb.Access(address="tcp://h")))

    assert [meter.id for meter in meters] == ["MP2"]
    assert [expected in problem for problem in problems] == [True]


def test_all_that_is_wrong_with_a_meter_is_said(loaded):
    (_, unfit) = of(loaded, MP1=pb.Meter(access=pb.Access(address="tcp://h", network="n", authentication_level="lls")))
    (_, unformed) = of(loaded, MP1=pb.Meter(access=pb.Access(address="h", client_address=0)))

    assert [problem.split(":")[1].strip() for problem in unfit] == ["network", "authentication_level"]
    assert [problem.split(":")[1].strip() for problem in unformed] == ["client_address", "address"]


def test_a_record_that_nobody_can_read_is_said(loaded):
    assert RegistryMeters(loaded.resolver).of({"MP1": b"\xff"})[1] == [
        "registry, MP1: the record cannot be read; import the meter again"
    ]


def test_only_what_changed_is_made_again(loaded):
    made = RegistryMeters(loaded.resolver)
    first, other, changed = (pb.Meter(access=pb.Access(address=f"tcp://h{n}")).SerializeToString() for n in range(3))
    before, _ = made.of({"MP1": first, "MP2": other})
    after, _ = made.of({"MP1": first, "MP2": changed})

    assert after[0] is before[0]
    assert [meter.address.host for meter in after] == ["h0", "h2"]
    assert [meter.id for meter in made.of({"MP2": changed})[0]] == ["MP2"]


@pytest.mark.parametrize("order", [("MP1", "MP2", "MP3"), ("MP3", "MP2", "MP1")])
def test_of_two_entries_with_one_id_the_first_is_meant_and_both_are_named(loaded, tmp_path, order):
    messages = {
        "MP1": pb.Meter(inventory_id="a", access=pb.Access(address="wrong")),
        "MP2": pb.Meter(inventory_id="a", access=pb.Access(address="tcp://h2")),
        "MP3": pb.Meter(inventory_id="a", access=pb.Access(address="tcp://h3")),
    }
    (meters, problems) = of(loaded, **{name: messages[name] for name in order})

    assert [(meter.id, meter.address.host) for meter in meters] == [("a", "h2")]
    assert [problem.split(";")[0] for problem in problems] == [
        "registry, MP1: address: 'wrong' is no endpoint",
        "registry, MP3: inventory_id: 'a' is the id of MP2 too, which stays",
    ]
    kept = tmp_path / "registry.json"
    kept.write_text(json.dumps({name: base64.b64encode(messages[name].SerializeToString()).decode() for name in order}))
    assert kept_meter(kept, "a", loaded.resolver).address.host == "h2"


def test_meters_of_the_files_go_before(loaded, tmp_path):
    (tmp_path / "dlms_config.yaml").write_text(CONFIG + 'meters: [{id: a, address: "tcp://own"}]\n')
    whole = read(tmp_path / "dlms_config.yaml")
    (meters, _) = of(whole, a=pb.Meter(access=pb.Access(address="tcp://other")))

    assert [meter.address.host for meter in whole.with_registry(meters).meters] == ["own"]


def test_only_meters_with_an_address_of_this_agent_or_none_are_followed(tmp_path):
    follower = RegistryFollower("x:1", "edge-1", tmp_path / "kept.json", structlog.get_logger(), lambda: None)
    ours = pb.Meter(access=pb.Access(address="tcp://h", agent="edge-1")).SerializeToString()
    anyone = pb.Meter(access=pb.Access(address="tcp://h")).SerializeToString()
    other = pb.Meter(access=pb.Access(address="tcp://h", agent="edge-2")).SerializeToString()
    entries = {}
    rows = [
        Row(b"meter/ours", ours),
        Row(b"meter/anyone", anyone),
        Row(b"meter/other", other),
        Row(b"meter/none", pb.Meter(serial="1").SerializeToString()),
        Row(b"meter/broken", b"\xff"),
        Row(b"key/414d490000000001/guek/1", b"x"),
    ]

    assert follower._take(rows, entries)
    assert entries == {"ours": ours, "anyone": anyone}
    assert not follower._take(rows, entries)
    assert follower._take([Row(b"meter/ours", other), Row(b"meter/anyone", None)], entries)
    assert entries == {}


def test_what_was_read_is_kept(tmp_path):
    kept = tmp_path / "state" / "registry.json"
    follower = RegistryFollower("x:1", "edge-1", kept, structlog.get_logger(), lambda: None)
    follower._publish({"MP1": b"\x00\xff"})
    follower._keep()

    assert kept_entries(kept) == {"MP1": b"\x00\xff"}


@pytest.mark.parametrize("content", ["", "[]", "{", '{"a": 1}', '{"a": "?"}'])
def test_what_was_kept_and_makes_no_sense_is_nothing(tmp_path, content):
    kept = tmp_path / "registry.json"
    kept.write_text(content)

    assert kept_entries(kept) == {}
