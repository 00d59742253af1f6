"""Inventories and key lists as people write them: every form, and one sentence with the place for what is wrong."""

import json
from pathlib import Path

import pytest

from ami_dlms.security import Protection
from ami_keys.errors import KeysUnreadable
from ami_normalize.errors import RegistryInvalid
from ami_normalize.keys import BEGIN, END, KeyKind
from ami_normalize.meter import Access, Limits, MeterFacts
from ami_normalize.model import ScalerUnit
from ami_normalize.registry.inventory import described, inventory
from ami_normalize.registry.key_lists import listed_keys, validity
from ami_normalize.registry.tables import instant_of

pytestmark = pytest.mark.unit

TITLE = "414d490000000001"
GUEK, GAK = "00" * 16, "11" * 16
FULL = {
    "id": "MP-1",
    "system_title": TITLE,
    "logical_device_name": "AMI0000000000001",
    "serial": "12345678",
    "inventory_id": "house-7",
    "group": "north",
    "utility": "Stadtwerke",
    "zone": "Europe/Vienna",
    "dialect": "kaifa",
    "aliases": ["old", "st-414d490000000009"],
    "min_protection": "authenticated-encrypted",
    "fuse_a": 63.0,
    "ct_primary_a": 250.5,
    "phases": 3,
    "nominal_v": 230.0,
    "address": "hdlc+tcp://10.0.0.7:4059",
    "agent": "edge-7",
    "client_address": 1,
    "logical_device_id": 0,
    "physical_device_id": 17,
    "authentication_level": "hls",
    "mechanism": "gmac",
    "security_suite": 0,
    "security_policy": "authenticated-encrypted",
    "secrets": "secrets/{id}.json",
    "network": "apn-1",
    "link": "cellular",
    "schedules": ["hourly", "daily"],
    "profiles": [
        {
            "obis": "1.0.99.1.0.255",
            "period_s": 900,
            "columns": [
                {"class_id": 8, "obis": "0.0.1.0.0.255", "attribute": 2},
                {"class_id": 3, "obis": "1.0.1.8.0.255", "attribute": 2, "scaler": -3, "unit": "Wh"},
            ],
        }
    ],
}


def of_json(*rows):
    return inventory(json.dumps(rows).encode(), "meters.json")


def test_all_that_can_be_said_of_a_meter_is_read_and_told_again():
    (facts,) = of_json(FULL)

    assert described(facts) == FULL
    assert facts.limits == Limits(63.0, 250.5, 3, 230.0)
    assert facts.min_protection is Protection.AUTHENTICATED_ENCRYPTED
    assert facts.profiles["1.0.99.1.0.255"].columns[1].scaler_unit == ScalerUnit(-3, 30)


@pytest.mark.parametrize("separator", [",", ";"])
def test_csv_with_either_separator(separator):
    rows = [
        ("id", "system_title", "group", "fuse_a", "zone"),
        ("MP-1", TITLE, "north", "63", ""),
        ("MP-2", "", "", "", "Europe/Vienna"),
    ]
    content = "\ufeff" + "\r\n".join(separator.join(row) for row in rows) + "\r\n"

    assert inventory(content.encode(), "meters.csv") == [
        MeterFacts("MP-1", system_title=bytes.fromhex(TITLE), group="north", limits=Limits(63.0)),
        MeterFacts("MP-2", zone="Europe/Vienna"),
    ]


def test_aliases_in_csv_are_separated_by_semicolons():
    (facts,) = inventory(b"id,aliases\nMP-1,a; b\n", "meters.csv")

    assert facts.aliases == ("a", "b")


def test_schedules_in_csv_are_separated_by_spaces():
    (facts,) = inventory(b"id,address,client_address,schedules\nMP-1,tcp://h,1,hourly  daily\n", "meters.csv")

    assert facts.access == Access("tcp://h", client_address=1, schedules=("hourly", "daily"))


def test_yaml_as_a_list_and_by_id():
    assert inventory(b"- id: MP-1\n  group: north\n", "m.yaml") == inventory(b"MP-1:\n  group: north\n", "m.yml")


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({}, '"id" is missing'),
        ({"id": "a", "grup": "x"}, '"grup" is not known'),
        ({"id": "a", "system_title": "12"}, "no system title"),
        ({"id": "a", "zone": "Mars/Base"}, "no time zone"),
        ({"id": "a", "min_protection": "much"}, "none of none, authenticated"),
        ({"id": "a", "fuse_a": -1}, '"fuse_a" is not a number above 0'),
        ({"id": "a", "fuse_a": "nan"}, '"fuse_a" is not'),
        ({"id": "a", "phases": 4}, "1, 2 or 3"),
        ({"id": "a", "aliases": [1]}, "no list of texts"),
        ({"id": "a" * 300}, "longer than 200"),
        ({"id": "a", "group": ["x"]}, "no text"),
        ({"id": "a", "address": "10.0.0.7"}, '"address" is no address; write for example tcp://10.0.0.7:4059'),
        ({"id": "a", "link": "cellular"}, 'not where; give it an "address"'),
        ({"id": "a", "address": "tcp://h", "client_address": 0}, '"client_address" is no integer from 1 to 65535'),
        ({"id": "a", "address": "tcp://h", "authentication_level": "md5"}, "none of none, lls, hls"),
        ({"id": "a", "address": "tcp://h", "schedules": [1]}, '"schedules" is no list of texts'),
        ({"id": "a", "profiles": [{"obis": "1.0.99.1.0.255"}]}, '"columns"'),
        ({"id": "a", "profiles": [{"obis": "x", "columns": [{"obis": "1.0.1.8.0.255"}]}]}, "A.B.C.D.E.F"),
        (
            {"id": "a", "profiles": [{"obis": "1.0.99.1.0.255", "columns": [{"obis": "1.0.1.8.0.255", "unit": "x"}]}]},
            "profile 1, column 1",
        ),
    ],
)
def test_what_is_wrong_is_said_with_its_place(row, words):
    with pytest.raises(RegistryInvalid, match="entry 2") as raised:
        of_json({"id": "good"}, row)
    assert words in str(raised.value)


def test_two_meters_cannot_have_one_name():
    with pytest.raises(RegistryInvalid, match=r"entry 2: sn-1 is a name of the meter at m\S* entry 1"):
        of_json({"id": "a", "serial": "1"}, {"id": "b", "serial": "1"})


@pytest.mark.parametrize("content", [b"{", b"\xff", b"3", b"[3]", b"a: b: c"])
def test_a_file_that_is_no_list_is_one_sentence(content):
    for name in ("m.json", "m.yaml"):
        with pytest.raises(RegistryInvalid, match=name):
            inventory(content, name)
    with pytest.raises(RegistryInvalid, match="line 2 has more fields"):
        inventory(b"id\na,b\n", "m.csv")


def private(tmp_path, name, content):
    path = tmp_path / name
    path.write_text(content)
    path.chmod(0o600)
    return path


def test_keys_as_a_key_file_and_as_csv_with_validity(tmp_path):
    (one,) = listed_keys(private(tmp_path, "keys.json", json.dumps({TITLE: {"guek": GUEK, "gak": None}})))
    assert (one.system_title.hex(), dict(one.material)) == (TITLE, {KeyKind.GUEK: bytes(16)})
    assert (one.from_us, one.until_us) == (BEGIN, END)

    text = f"system_title,guek,gak,valid_from\n{TITLE},{GUEK},{GAK},2026-01-01\n"
    (one,) = listed_keys(private(tmp_path, "keys.csv", text))
    assert set(one.material) == {KeyKind.GUEK, KeyKind.GAK}
    assert one.from_us == 1_767_225_600_000_000
    assert GUEK not in repr(one)
    assert repr(bytes(16)) not in repr(one)


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"guek": GUEK}, "system_title"),
        ({"system_title": TITLE}, "no key"),
        ({"system_title": TITLE, "guek": "00" * 15}, "hex digits"),
        ({"system_title": TITLE, "guek": GUEK, "valid_from": "soon"}, "no instant"),
        ({"system_title": TITLE, "guek": GUEK, "valid_from": "2026-01-02", "valid_until": "2026-01-01"}, "ends before"),
        ({"system_title": TITLE, "geuk": GUEK}, '"geuk" is not known'),
    ],
)
def test_what_is_wrong_with_keys_never_names_them(tmp_path, row, words):
    path = private(tmp_path, "keys.json", json.dumps([row]))
    with pytest.raises((RegistryInvalid, KeysUnreadable), match=words) as raised:
        listed_keys(path)
    assert "0" * 20 not in str(raised.value)


def test_a_list_of_keys_that_others_can_read_is_refused(tmp_path):
    path = private(tmp_path, "keys.csv", f"system_title,guek\n{TITLE},{GUEK}\n")
    path.chmod(0o644)
    with pytest.raises(KeysUnreadable, match="chmod 600"):
        listed_keys(path)


@pytest.mark.parametrize(
    ("text", "micros"),
    [
        ("2026-01-01", 1_767_225_600_000_000),
        ("2026-01-01T01:00:00+01:00", 1_767_225_600_000_000),
        ("2026-01-01T00:00:00.500Z", 1_767_225_600_500_000),
    ],
)
def test_instants(text, micros):
    assert instant_of(text, "x") == micros
    assert validity(text, "", "x") == (micros, END)


@pytest.mark.parametrize("text", ["2026-01-01T00:00:00", "yesterday", "1969-01-01", ""])
def test_what_is_no_instant(text):
    with pytest.raises(RegistryInvalid, match="no instant"):
        instant_of(text, "x")


def test_the_example_inventory_is_one():
    path = Path(__file__).resolve().parents[4] / "deploy" / "examples" / "meters.yaml"

    assert [facts.meter_id for facts in inventory(path.read_bytes(), path.name)] == ["MP-0001", "MP-0002", "MP-0003"]
