"""Registered meters: who a message is from, how well it must be protected, which zone its clock is in."""

from dataclasses import replace

import pytest

from ami.readings.v1 import meter_readings_pb2 as pb
from ami_dlms.apdu import DataNotification, EventNotification
from ami_dlms.axdr import Data, Tag, structure
from ami_dlms.security import Form, Keys, Protection, protect
from ami_normalize.keys import KeyRing, meter_keys
from ami_normalize.meter import MeterFacts, Meters, title_of
from ami_normalize.pipeline import Context, EventsOutcome, RawRecord, ReadingsOutcome, Rejected, normalize
from ami_schemas.reasons import Reason

pytestmark = pytest.mark.unit

TITLE, OTHER = bytes.fromhex("414d490000000001"), bytes.fromhex("414d490000000002")
EK, AK = bytes(range(16)), bytes(range(16, 32))
RING = KeyRing({TITLE: meter_keys({"guek": EK.hex(), "gak": AK.hex()}, "test")})
NAME = b"AMI0000000000001"
FACTS = MeterFacts(
    "MP-1",
    aliases=(f"st-{OTHER.hex()}",),
    system_title=TITLE,
    logical_device_name=NAME.decode(),
    serial="12345678",
    inventory_id="house-7",
)
UNTITLED = replace(FACTS, system_title=b"", aliases=("old-7",))
LOCAL_NOON = bytes.fromhex("07e80301050c0000ff800000")


@pytest.fixture(scope="module")
def context():
    return Context()


def row(obis, data):
    return structure(Data(Tag.OCTET_STRING, bytes(obis)), data, structure(Data(Tag.INT8, 0), Data(Tag.ENUM, 30)))


def named(obis, text):
    return structure(Data(Tag.OCTET_STRING, bytes(obis)), Data(Tag.OCTET_STRING, text))


ENERGY = row((1, 0, 1, 8, 0, 255), Data(Tag.UINT32, 12345))
DEVICE = named((0, 0, 42, 0, 0, 255), NAME)
SERIAL = named((0, 0, 96, 1, 0, 255), b"12345678")


def push(*rows):
    return DataNotification(1, LOCAL_NOON, structure(*rows)).to_bytes()


def record(apdu, key=b"peer-192.0.2.1", **headers):
    found = {"ami-framing": b"none", "ce_time": b"2024-03-01T12:00:01Z", "ami-exchange": b"push"}
    found.update({name.replace("_", "-"): value for name, value in headers.items()})
    return RawRecord("ami.raw.v1", 0, 1, key, apdu, found)


def sealed(apdu, title=TITLE, protection=Protection.AUTHENTICATED_ENCRYPTED):
    return protect(
        apdu,
        keys=Keys(EK, AK),
        system_title=title,
        invocation_counter=7,
        protection=protection,
        suite=0,
        form=Form.GENERAL_GLO,
    )


def message(outcomes):
    (outcome,) = outcomes
    assert isinstance(outcome, ReadingsOutcome), outcome
    (octets,) = outcome.messages
    assert outcome.meter_id == pb.MeterReadings.FromString(octets).meter.id
    return pb.MeterReadings.FromString(octets)


def rejection(outcomes):
    (outcome,) = outcomes
    assert isinstance(outcome, Rejected), outcome
    return outcome


@pytest.mark.parametrize(
    ("facts", "rows", "key", "headers"),
    [
        (FACTS, (ENERGY,), b"x", {"ami_system_title": TITLE.hex().encode()}),
        (FACTS, (ENERGY,), f"st-{TITLE.hex()}".encode(), {}),
        (FACTS, (ENERGY,), f"st-{OTHER.hex()}".encode(), {}),  # the title it had before
        (UNTITLED, (ENERGY, DEVICE), b"peer-192.0.2.1", {}),
        (UNTITLED, (ENERGY, DEVICE), f"st-{OTHER.hex()}".encode(), {}),
        (UNTITLED, (ENERGY, SERIAL), b"peer-192.0.2.1", {}),
        (UNTITLED, (ENERGY,), b"house-7", {}),
        (UNTITLED, (ENERGY,), b"old-7", {}),
        (UNTITLED, (ENERGY,), b"MP-1", {}),
        (UNTITLED, (ENERGY, DEVICE), b"house-7", {"ami_exchange": b"poll"}),
    ],
)
def test_any_name_of_a_registered_meter_leads_to_its_id(context, facts, rows, key, headers):
    registered = replace(context, registry=Meters([facts]))

    assert message(normalize(record(push(*rows), key, **headers), registered)).meter.id == "MP-1"
    assert message(normalize(record(push(ENERGY), b"other"), registered)).meter.id == "other"


def test_the_title_says_more_than_what_the_payload_claims(context):
    neighbour = MeterFacts("MP-2", system_title=OTHER)
    registered = replace(context, registry=Meters([replace(FACTS, aliases=()), neighbour]))
    claimed = push(ENERGY, DEVICE, SERIAL)

    assert message(normalize(record(claimed, f"st-{OTHER.hex()}".encode()), registered)).meter.id == "MP-2"
    stranger = f"st-{bytes(8).hex()}"
    assert message(normalize(record(claimed, stranger.encode()), registered)).meter.id == stranger


def test_a_plain_message_cannot_claim_the_name_of_a_meter_that_has_keys(context):
    registered = replace(context, registry=Meters([FACTS]), keys=RING)

    assert message(normalize(record(sealed(push(ENERGY))), registered)).meter.id == "MP-1"
    for forged in (push(ENERGY, DEVICE), push(ENERGY, SERIAL)):
        assert rejection(normalize(record(forged), registered)).reason is Reason.DOWNGRADED
    assert rejection(normalize(record(push(ENERGY), b"house-7"), registered)).reason is Reason.DOWNGRADED


@pytest.mark.parametrize(
    ("least", "sent", "accepted"),
    [
        (None, Protection.ENCRYPTED, False),  # both keys imply a tag
        (None, Protection.AUTHENTICATED, True),
        (Protection.NONE, Protection.NONE, True),
        (Protection.ENCRYPTED, Protection.ENCRYPTED, True),
        (Protection.ENCRYPTED, Protection.AUTHENTICATED, False),
        (Protection.AUTHENTICATED, Protection.ENCRYPTED, False),
        (Protection.AUTHENTICATED_ENCRYPTED, Protection.AUTHENTICATED, False),
        (Protection.AUTHENTICATED_ENCRYPTED, Protection.AUTHENTICATED_ENCRYPTED, True),
    ],
)
def test_the_registry_says_how_well_messages_must_be_protected(context, least, sent, accepted):
    registered = replace(context, registry=Meters([replace(FACTS, min_protection=least)]), keys=RING)
    apdu = push(ENERGY) if sent is Protection.NONE else sealed(push(ENERGY), protection=sent)
    outcomes = normalize(record(apdu, f"st-{TITLE.hex()}".encode()), registered)

    if accepted:
        assert message(outcomes).meter.id == "MP-1"
    else:
        assert rejection(outcomes).reason is Reason.DOWNGRADED


def test_a_title_it_had_before_is_held_to_its_own_keys(context):
    before = meter_keys({"guek": EK.hex()}, "test")  # the device before had no authentication key
    both = KeyRing({TITLE: meter_keys({"guek": EK.hex(), "gak": AK.hex()}, "test"), OTHER: before})
    registered = replace(context, registry=Meters([FACTS]), keys=both)

    late = record(sealed(push(ENERGY), OTHER, Protection.ENCRYPTED))
    assert message(normalize(late, registered)).meter.id == "MP-1"
    plain = record(push(ENERGY), f"st-{OTHER.hex()}".encode())
    assert rejection(normalize(plain, replace(registered, keys=RING))).reason is Reason.DOWNGRADED


def test_a_demand_is_told_as_one(context):
    demanding = replace(FACTS, min_protection=Protection.AUTHENTICATED)
    registered = replace(context, registry=Meters([demanding]))

    told = rejection(normalize(record(push(ENERGY, DEVICE)), registered)).message
    assert "registry" in told
    assert "authenticated" in told


def test_the_zone_of_a_meter_places_its_clock(context):
    registered = replace(context, registry=Meters([replace(UNTITLED, zone="Europe/Vienna")]))

    there = message(normalize(record(push(ENERGY, DEVICE)), registered))
    anywhere = message(normalize(record(push(ENERGY, DEVICE)), context))
    assert anywhere.time.meter_time_us - there.time.meter_time_us == 3600 * 1_000_000
    assert there.time.meter_time_origin == pb.TIME_ORIGIN_CONFIGURED_ZONE
    assert not there.readings[0].quality
    assert pb.QUALITY_ZONE_ASSUMED in anywhere.readings[0].quality


def test_the_zone_also_places_events_and_telegrams(context):
    registered = replace(context, registry=Meters([replace(UNTITLED, zone="Europe/Vienna")]))
    name = EventNotification(LOCAL_NOON, 1, bytes((0, 0, 42, 0, 0, 255)), 2, Data(Tag.OCTET_STRING, NAME))
    telegram = (
        b"/AMI5\r\n\r\n0-0:1.0.0(240301120000W)\r\n0-0:96.1.1(3132333435363738)\r\n1-0:1.8.1(000001.000*kWh)\r\n!\r\n"
    )

    (outcome,) = normalize(record(name.to_bytes()), registered)
    assert isinstance(outcome, EventsOutcome)
    assert outcome.meter_id == "MP-1"
    read = message(normalize(record(telegram), registered))
    assert (read.meter.id, read.time.meter_time_origin) == ("MP-1", pb.TIME_ORIGIN_CONFIGURED_ZONE)


def test_of_two_meters_with_one_name_the_surest_has_it():
    renamed = MeterFacts("MP-9", aliases=("MP-1", "sn-12345678", "sn-1"))
    both = Meters([renamed, FACTS, MeterFacts("MP-3", aliases=("sn-1",))])

    assert len(both) == 3
    assert both.by_name("MP-1") is FACTS  # its id, another's alias
    assert both.by_name("sn-12345678") is FACTS  # its own serial, another's alias
    assert both.by_name("sn-1") is None  # an alias of two
    assert both.by_title(TITLE) is FACTS
    assert Meters([FACTS, replace(FACTS, meter_id="MP-2")]).by_title(TITLE) is None


@pytest.mark.parametrize("name", ["st-", "st-414d49", "st-414d49000000000g", "ldn-414d490000000001"])
def test_only_a_whole_title_is_one(name):
    assert title_of(name) is None
