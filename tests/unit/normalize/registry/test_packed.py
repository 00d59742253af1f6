"""The packed registry says what the simple one would, at any time, and old views never change."""

import json
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ami_dlms.security import Protection
from ami_keys.keystore import FileKeyStore, NoKeyStore, add_kek
from ami_normalize.dialects import Dialects
from ami_normalize.errors import RegistryInvalid
from ami_normalize.keys import BEGIN, END, KeyKind, KeyRing
from ami_normalize.meter import Access, Limits, MeterFacts, Meters, ProfileFacts
from ami_normalize.model import ScalerUnit
from ami_normalize.registry import records
from ami_normalize.registry.packed import RegistryState
from ami_normalize.registry.records import KeyName, Record
from ami_normalize.shapes.profile import Column

pytestmark = pytest.mark.unit

TITLES = [bytes.fromhex(f"414d4900000000{number:02x}") for number in range(4)]
PROFILE = ProfileFacts(
    (
        Column(8, "0.0.1.0.0.255", 2, 0),
        Column(3, "1.0.1.8.0.255", 2, 0, ScalerUnit(-3, 30)),
        Column(3, "1.0.2.8.0.255", 2, 0, ScalerUnit(0, 30)),
    ),
    900,
)
FULL = MeterFacts(
    "MP-1",
    aliases=("st-414d490000000009", "old"),
    system_title=TITLES[1],
    logical_device_name="AMI0000000000001",
    serial="12345678",
    inventory_id="house-7",
    group="north",
    utility="Stadtwerke",
    zone="Europe/Vienna",
    dialect="kaifa",
    min_protection=Protection.AUTHENTICATED_ENCRYPTED,
    limits=Limits(63.0, 250.0, 3, 230.0),
    profiles={"1.0.99.1.0.255": PROFILE},
    access=Access("tcp://10.0.0.7", "edge-7", 1, 0, 17, "hls", "gmac", 0, "none", "s/{id}.json", "n", "l", ("a", "b")),
)


@pytest.fixture
def store(tmp_path):
    add_kek(tmp_path / "kek.json", "test")
    return FileKeyStore(tmp_path / "kek.json")


def state(*facts):
    made = RegistryState(NoKeyStore())
    assert not made.apply(map(records.meter_record, facts)).problems
    return made


def gone(meter_id):
    return Record(f"meter/{meter_id}".encode(), None)


def test_all_that_is_registered_comes_back():
    view = state(FULL, MeterFacts("bare")).view

    assert len(view) == 2
    for name in FULL.names():
        assert view.by_name(name) == FULL
    assert view.by_title(TITLES[1]) == FULL
    assert view.by_name("bare") == MeterFacts("bare")
    assert view.by_name("nobody") is None
    assert view.by_title(bytes(8)) is None
    assert sorted(view.meters(), key=lambda one: one.meter_id) == [FULL, MeterFacts("bare")]


@pytest.mark.parametrize("demanded", [None, *Protection])
def test_every_protection_comes_back(demanded):
    facts = MeterFacts("a", min_protection=demanded)

    assert records.facts_of(records.meter_record(facts)) == facts


NAMES = st.sampled_from(["a", "b", "c", "ldn-x", "sn-1"])
METERS = st.builds(
    MeterFacts,
    meter_id=NAMES,
    aliases=st.lists(NAMES, max_size=2).map(tuple),
    system_title=st.sampled_from([b"", *TITLES]),
    logical_device_name=st.sampled_from(["", "x"]),
    serial=st.sampled_from(["", "1"]),
    inventory_id=st.one_of(st.just(""), NAMES),
    group=st.sampled_from(["", "g"]),
)


@settings(max_examples=200)
@given(st.lists(st.lists(st.one_of(METERS, NAMES), max_size=5), max_size=6))
def test_after_any_changes_it_says_what_the_simple_registry_says(batches):
    packed, model, seen = RegistryState(NoKeyStore()), {}, []
    for batch in batches:
        before = packed.view
        for one in batch:
            if isinstance(one, str):
                model.pop(one, None)
            else:
                model[one.meter_id] = one
        changes = packed.apply(gone(one) if isinstance(one, str) else records.meter_record(one) for one in batch)
        simple = Meters(model.values())
        seen.append((packed.view, dict(model)))
        assert len(packed.view) == len(simple)
        for name in ("a", "b", "c", "ldn-x", "sn-1"):
            assert packed.view.by_name(name) == simple.by_name(name)
            if name not in changes.names:
                assert packed.view.by_name(name) == before.by_name(name)
        for title in TITLES:
            assert packed.view.by_title(title) == simple.by_title(title)
            if title not in changes.titles:
                assert packed.view.by_title(title) == before.by_title(title)
    for view, then in seen:
        assert {facts.meter_id: facts for facts in view.meters()} == then


def test_keys_come_back_wrapped_and_open_when_asked(store):
    made = RegistryState(store)
    name, first = records.key_record(KeyName(TITLES[0], KeyKind.GUEK, ""), bytes(16), store, until_us=1000)
    _, second = records.key_record(KeyName(TITLES[0], KeyKind.GUEK, ""), bytes([1]) * 16, store, from_us=1000)
    changes = made.apply([first, second])
    ring = KeyRing(timelines=made.view)

    assert (changes.titles, changes.names) == ({TITLES[0]}, set())
    assert ring.find(TITLES[0], 999).keys.encryption == bytes(16)
    assert ring.find(TITLES[0], 1000).keys.encryption == bytes([1]) * 16
    assert ring.find(TITLES[1]) is None
    assert [(one.from_us, one.until_us) for one in made.view.versions(TITLES[0])] == [(BEGIN, 1000), (1000, END)]
    assert made.view.keyed == 1
    made.apply([Record(first.key, None)])
    assert KeyRing(timelines=made.view).find(TITLES[0], 999) is None
    assert name.version == second.key.decode().rpartition("/")[0] or name.version in first.key.decode()


def test_a_key_is_replaced_and_withdrawn_by_its_record_key(store):
    made = RegistryState(store)
    _, record = records.key_record(KeyName(TITLES[0], KeyKind.GUEK, ""), bytes(16), store)
    _, ended = records.key_record(KeyName(TITLES[0], KeyKind.GUEK, ""), bytes(16), store, until_us=5_000_000)
    made.apply([record])
    made.apply([ended])

    assert record.key == ended.key
    assert [one.until_us for one in made.view.versions(TITLES[0])] == [5_000_000]
    made.apply([Record(record.key, None)])
    assert made.view.versions(TITLES[0]) == []
    assert made.view.keyed == 0
    assert made.view.timeline(TITLES[0]) is None


def test_no_key_stands_in_a_record(store):
    key = bytes(range(100, 116))
    _, record = records.key_record(KeyName(TITLES[0], KeyKind.GUEK, ""), key, store)

    assert key not in record.value
    assert key.hex().encode() not in record.value + record.key


def test_mappings_and_the_revision_are_known():
    made = RegistryState(NoKeyStore())
    changes = made.apply([Record(b"mapping/abc", b""), Record(b"promotion/2", b""), Record(b"promotion/1", b"")])

    assert (changes.mappings, made.view.mappings, made.view.revision) == ({"abc"}, {"abc"}, 2)


@pytest.mark.parametrize(
    "record",
    [
        Record(b"meter/a", b"\xff\xff"),
        Record(b"meter/", b""),
        Record(b"meter/" + b"x" * 300, b""),
        Record(b"key/414d/guek/00000000", b""),
        Record(b"key/414d490000000001/what/00000000", b""),
        Record(b"key/414d490000000001/guek/0000", b""),
        Record(b"key/414d490000000001/guek/00000000", b""),  # wraps nothing
        Record(b"key/414d490000000001/guek/00000000", b"\xff"),
        Record(b"promotion/x", b""),
        Record(b"\xff/x", b""),
        Record(b"unheard/of", b""),
    ],
)
def test_what_nobody_can_read_is_left_out_and_said(record):
    made = state(FULL)
    changes = made.apply([record, records.meter_record(MeterFacts("good"))])

    assert len(changes.problems) == 1
    assert len(made.view) == 2
    assert made.view.by_name("good") == MeterFacts("good")


def test_a_meter_takes_little_memory(store):
    count = 5_000
    made, batches = RegistryState(store), []
    for number in range(count):
        title = b"AMI" + number.to_bytes(5, "big")
        facts = MeterFacts(f"AT{number:010}", (), title, f"AMI{number:013}", f"{number:08}", group=f"g{number % 50}")
        keys = [records.key_record(KeyName(title, kind, ""), title * 2, store)[1] for kind in list(KeyKind)[:2]]
        batches.append([records.meter_record(facts), *keys])
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for at in range(0, count, 1000):
        made.apply(record for batch in batches[at : at + 1000] for record in batch)
    taken = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()

    assert len(made.view) == made.view.keyed == count
    assert taken / count < 900  # of which 200 for shards that a million meters fill


def test_a_mapping_comes_back_complete_and_a_changed_one_is_refused():
    columns = [{"type": "number", "obis": "1.0.1.8.0.255", "unit": "Wh"}]
    own = json.dumps([{"name": "mine", "layouts": [{"name": "one energy", "columns": columns}]}]).encode()
    dialects = Dialects.of_contents([("mine.json", own)])
    record = records.mapping_record(dialects)
    found = records.dialects_of_record(record)

    assert (found.content_hash, found.in_order, found.files) == (
        dialects.content_hash,
        dialects.in_order,
        dialects.files,
    )
    with pytest.raises(RegistryInvalid, match="holds another mapping"):
        records.dialects_of_record(record._replace(key=b"mapping/0000000000000000"))
    with pytest.raises(RegistryInvalid, match="not readable"):
        records.dialects_of_record(record._replace(value=b"\xff"))
