"""Raw records to outcomes: identity, protection, contexts, and every documented way to end."""

import json
import tracemalloc
from dataclasses import replace

import pytest

from ami.events.v1 import meter_events_pb2 as events_pb
from ami.raw.v1 import exchange_pb2
from ami.readings.v1 import meter_readings_pb2 as pb
from ami_dlms import axdr
from ami_dlms.apdu import (
    CosemAttribute,
    DataNotification,
    GetRequestNormal,
    GetResponseNormal,
    GetResponseWithDatablock,
)
from ami_dlms.apdu.results import DataAccessResult
from ami_dlms.axdr import Data, Tag, array, structure
from ami_dlms.framing import wrapper
from ami_dlms.security import Form, Keys, Protection, protect
from ami_normalize.keys import KeyRing, meter_keys
from ami_normalize.meter import Meters
from ami_normalize.pipeline import Context, EventsOutcome, Parked, RawRecord, ReadingsOutcome, Rejected, normalize
from ami_schemas.reasons import Reason

pytestmark = pytest.mark.unit

TITLE = bytes.fromhex("414d490000000001")
EK, AK = bytes(range(16)), bytes(range(16, 32))
KEYS = Keys(encryption=EK, authentication=AK)
BOTH = KeyRing({TITLE: meter_keys({"guek": EK.hex(), "gak": AK.hex()}, "test")})
NOON = bytes.fromhex("07e80301050c0000ff000000")


def octets(value):
    return Data(Tag.OCTET_STRING, value)


def row(obis, value, scaler, unit):
    return structure(octets(bytes(obis)), value, structure(Data(Tag.INT8, scaler), Data(Tag.ENUM, unit)))


ENERGY = row((1, 0, 1, 8, 0, 255), Data(Tag.UINT32, 12345), 0, 30)
VOLTAGE = row((1, 0, 32, 7, 0, 255), Data(Tag.UINT16, 2301), -1, 35)
NAME = structure(octets(bytes((0, 0, 42, 0, 0, 255))), octets(b"AMI0000000000001"))


def push(*rows, time=NOON):
    return DataNotification(1, time, structure(*rows)).to_bytes()


def sealed(apdu, protection=Protection.AUTHENTICATED_ENCRYPTED, keys=KEYS, form=Form.GENERAL_GLO):
    return protect(apdu, keys=keys, system_title=TITLE, invocation_counter=7, protection=protection, suite=0, form=form)


def record(apdu, key=b"meter-1", framing="wrapper", **headers):
    value = wrapper.encode(apdu, 1, 16) if framing == "wrapper" else apdu
    found = {"ami-framing": framing.encode(), "ce_time": b"2024-03-01T12:00:01.500000Z", "ami-exchange": b"push"}
    found.update({name.replace("_", "-"): content for name, content in headers.items()})
    return RawRecord("ami.raw.v1", 3, 42, key, value, found)


def one(outcomes, kind):
    assert [type(outcome) for outcome in outcomes] == [kind]
    return outcomes[0]


def readings(outcomes):
    (message,) = map(pb.MeterReadings.FromString, one(outcomes, ReadingsOutcome).messages)
    return message


@pytest.fixture(scope="module")
def context():
    return Context()


def test_a_plain_push_becomes_readings_with_everything_known(context):
    message = readings(normalize(record(push(ENERGY, VOLTAGE)), context))
    energy, voltage = message.readings
    assert (energy.obis, energy.mantissa, energy.scale, energy.unit) == ("1.0.1.8.0.255", 12345, 0, 30)
    assert (voltage.mantissa, voltage.scale, voltage.unit) == (2301, -1, 35)
    assert energy.reading_type == "0.0.0.1.1.1.12.0.0.0.0.0.0.0.0.0.72.0"
    assert energy.measured_at_us == 1709294400 * 1_000_000
    assert energy.time_origin == pb.TIME_ORIGIN_DEVIATION
    assert message.time.received_us == 1709294401_500_000
    assert (message.meter.id, list(energy.quality)) == ("meter-1", [])
    assert (message.provenance.topic, message.provenance.partition, message.provenance.offset) == ("ami.raw.v1", 3, 42)
    assert message.provenance.protection == pb.PROTECTION_NONE
    assert len(message.provenance.raw_sha256) == 32


def test_readings_carry_the_promoted_revision(context):
    later = replace(context, registry=Meters(revision=3))
    first, promoted = (readings(normalize(record(push(ENERGY)), each)) for each in (context, later))

    assert (first.revision, promoted.revision) == (0, 3)


def test_same_record_and_context_end_the_same(context):
    first, second = (readings(normalize(record(push(ENERGY)), context)).SerializeToString() for _ in range(2))
    assert first == second


@pytest.mark.parametrize(
    ("key", "headers", "rows", "meter"),
    [
        (b"meter-1", {"ami_system_title": TITLE.hex().encode()}, (NAME, ENERGY), f"st-{TITLE.hex()}"),
        (f"st-{TITLE.hex()}".encode(), {}, (ENERGY,), f"st-{TITLE.hex()}"),
        (b"meter-1", {}, (NAME, ENERGY), "ldn-AMI0000000000001"),
        (b"meter-1", {"ami_exchange": b"poll"}, (NAME, ENERGY), "meter-1"),
        (b"meter-1", {}, (ENERGY,), "meter-1"),
        (b"peer-10.0.0.1", {}, (NAME, ENERGY), "ldn-AMI0000000000001"),
    ],
)
def test_identity(context, key, headers, rows, meter):
    assert readings(normalize(record(push(*rows), key, **headers), context)).meter.id == meter


def test_a_bare_address_is_no_identity_unless_accepted(context):
    bare = record(push(ENERGY), b"peer-10.0.0.1")
    assert one(normalize(bare, context), Parked).reason is Reason.UNIDENTIFIED_METER
    assert readings(normalize(bare, replace(context, unidentified="accept"))).meter.id == "peer-10.0.0.1"


@pytest.mark.parametrize("form", [Form.GENERAL_GLO, Form.GLO])
def test_ciphered_and_verified(context, form):
    keyed = replace(context, keys=BOTH)
    apdu = sealed(push(ENERGY), form=form) if form is Form.GENERAL_GLO else sealed(response(ENERGY), form=form)
    message = readings(normalize(record(apdu, ami_system_title=TITLE.hex().encode()), keyed))
    assert message.meter.id == f"st-{TITLE.hex()}"
    assert message.provenance.protection == pb.PROTECTION_AUTHENTICATED_ENCRYPTED
    assert message.provenance.key_version
    assert EK.hex() not in repr(keyed.keys.find(TITLE))


def response(*rows):
    return GetResponseNormal(0xC1, array(*rows)).to_bytes()


def test_without_the_key_it_waits(context):
    assert one(normalize(record(sealed(push(ENERGY))), context), Parked).reason is Reason.KEY_MISSING


def test_without_the_authentication_key_it_waits_or_is_marked(context):
    half = replace(context, keys=KeyRing({TITLE: meter_keys({"guek": EK.hex()}, "test")}))
    ciphered = record(sealed(push(ENERGY)))
    assert one(normalize(ciphered, half), Parked).reason is Reason.KEY_MISSING
    message = readings(normalize(ciphered, replace(half, lenient=True)))
    assert pb.QUALITY_UNVERIFIED_TAG in message.readings[0].quality
    assert message.provenance.protection == pb.PROTECTION_ENCRYPTED


def test_a_changed_octet_is_a_mismatch_never_a_reading(context):
    keyed = replace(context, keys=BOTH)
    apdu = bytearray(sealed(push(ENERGY)))
    apdu[-20] ^= 1
    assert one(normalize(record(bytes(apdu)), keyed), Rejected).reason is Reason.TAG_MISMATCH


def test_a_wrong_key_without_tag_is_wrong(context):
    wrong = replace(context, keys=KeyRing({TITLE: meter_keys({"guek": AK.hex()}, "test")}))
    apdu = sealed(push(ENERGY), Protection.ENCRYPTED)
    assert one(normalize(record(apdu), wrong), Rejected).reason is Reason.KEY_WRONG


@pytest.mark.parametrize("protection", [Protection.NONE, Protection.ENCRYPTED])
def test_less_protection_than_the_keys_imply_is_a_downgrade(context, protection):
    keyed = replace(context, keys=BOTH)
    apdu = push(ENERGY) if protection is Protection.NONE else sealed(push(ENERGY), protection)
    outcome = one(normalize(record(apdu, ami_system_title=TITLE.hex().encode()), keyed), Rejected)
    assert outcome.reason is Reason.DOWNGRADED


REQUEST = CosemAttribute(3, bytes((1, 0, 1, 8, 0, 255)), 2)


def exchange(attribute=REQUEST, **fields):
    return exchange_pb2.Exchange(request=GetRequestNormal(0xC1, attribute).to_bytes(), **fields).SerializeToString()


def poll(apdu, context_header, key=b"meter-1"):
    return record(apdu, key, ami_exchange=b"poll", ami_context=context_header)


def test_an_answer_takes_code_and_unit_from_its_exchange(context):
    scaled = exchange(scaler_unit=exchange_pb2.ScalerUnit(scaler=-3, unit=30))
    apdu = GetResponseNormal(0xC1, Data(Tag.UINT32, 1500)).to_bytes()
    message = readings(normalize(poll(apdu, scaled), context))
    (reading,) = message.readings
    assert (reading.obis, reading.mantissa, reading.scale, reading.unit) == ("1.0.1.8.0.255", 1500, -3, 30)
    assert list(reading.quality) == [pb.QUALITY_TIME_RECEPTION]
    assert reading.measured_at_us == message.time.received_us


def test_an_answer_whose_scaler_nobody_states_is_still_a_reading(context):
    apdu = GetResponseNormal(0xC1, Data(Tag.UINT32, 1500)).to_bytes()
    (reading,) = readings(normalize(poll(apdu, exchange()), context)).readings
    assert (reading.mantissa, reading.unit) == (1500, 0)
    assert pb.QUALITY_SCALER_UNKNOWN in reading.quality


def test_other_attributes_keep_their_number(context):
    asked = exchange(CosemAttribute(5, bytes((1, 0, 1, 4, 0, 255)), 3))
    apdu = GetResponseNormal(0xC1, Data(Tag.UINT32, 9)).to_bytes()
    (reading,) = readings(normalize(poll(apdu, asked), context)).readings
    assert (reading.attribute, reading.reading_type) == (3, "")


def test_an_answer_without_its_request_waits(context):
    apdu = GetResponseNormal(0xC1, Data(Tag.UINT32, 1500)).to_bytes()
    assert one(normalize(record(apdu), context), Parked).reason is Reason.CONTEXT_MISSING


def test_an_answer_that_names_its_objects_needs_no_request(context):
    assert readings(normalize(record(response(ENERGY)), context)).readings[0].obis == "1.0.1.8.0.255"


def test_a_refusal_of_the_meter_is_no_data(context):
    apdu = GetResponseNormal(0xC1, DataAccessResult(3)).to_bytes()
    assert one(normalize(poll(apdu, exchange()), context), Rejected).reason is Reason.NO_METER_DATA


PROFILE = CosemAttribute(7, bytes((1, 0, 99, 1, 0, 255)), 2)
CAPTURED = [
    exchange_pb2.CaptureObject(class_id=8, obis=bytes((0, 0, 1, 0, 0, 255)), attribute=2),
    exchange_pb2.CaptureObject(
        class_id=3,
        obis=bytes((1, 0, 1, 8, 0, 255)),
        attribute=2,
        scaler_unit=exchange_pb2.ScalerUnit(scaler=0, unit=30),
    ),
]


def profile_rows(count):
    first = [structure(octets(NOON), Data(Tag.UINT32, 1))]
    return array(*first, *(structure(axdr.NULL, Data(Tag.UINT32, n)) for n in range(2, count + 1)))


def blocks_of(data, size=40):
    encoded = axdr.encode(data)
    parts = [encoded[at : at + size] for at in range(0, len(encoded), size)]
    return [
        GetResponseWithDatablock(0xC1, number == len(parts), number, part).to_bytes()
        for number, part in enumerate(parts, 1)
    ]


def test_block_transfer_of_a_profile_becomes_one_block_a_column(context):
    asked = exchange(PROFILE, capture_objects=CAPTURED, capture_period_s=900)
    frames = b"".join(wrapper.encode(apdu, 1, 16) for apdu in blocks_of(profile_rows(96)))
    raw = poll(b"", asked)._replace(value=frames)
    (block,) = readings(normalize(raw, context)).interval_blocks
    assert list(block.mantissas) == list(range(1, 97))
    assert (block.profile_obis, block.period_s, block.first_interval_end_us) == (
        "1.0.99.1.0.255",
        900,
        1709294400 * 1_000_000,
    )
    assert block.reading_type.split(".")[2] == "2"


def test_a_missing_block_is_an_incomplete_answer(context):
    asked = exchange(PROFILE, capture_objects=CAPTURED, capture_period_s=900)
    frames = b"".join(wrapper.encode(apdu, 1, 16) for apdu in blocks_of(profile_rows(96))[:-1])
    outcome = one(normalize(poll(b"", asked)._replace(value=frames), context), Rejected)
    assert outcome.reason is Reason.FRAME_INCOMPLETE


def test_a_profile_without_capture_objects_waits(context):
    apdu = GetResponseNormal(0xC1, profile_rows(2)).to_bytes()
    assert one(normalize(poll(apdu, exchange(PROFILE)), context), Parked).reason is Reason.CONTEXT_MISSING


@pytest.mark.parametrize(
    ("apdu", "reason"),
    [
        (bytes.fromhex("6203800100"), Reason.NO_METER_DATA),
        (GetRequestNormal(0xC1, REQUEST).to_bytes(), Reason.NO_METER_DATA),
        (push(ENERGY)[:-3], Reason.TRUNCATED),
        (push(ENERGY) + b"\x00", Reason.TRAILING_BYTES),
        (b"\x99\x00", Reason.APDU_UNKNOWN),
    ],
)
def test_rejected(context, apdu, reason):
    outcome = one(normalize(record(apdu, framing="none"), context), Rejected)
    assert (outcome.reason, len(outcome.message.encode()) <= 256) == (reason, True)


def test_an_unknown_layout_waits_for_a_mapping(context):
    body = structure(Data(Tag.UINT32, 1), Data(Tag.UINT32, 2))
    apdu = DataNotification(1, NOON, body).to_bytes()
    assert one(normalize(record(apdu), context), Parked).reason is Reason.MAPPING_MISSING


def test_a_truncated_frame_is_incomplete(context):
    whole = record(push(ENERGY))
    outcome = one(normalize(whole._replace(value=whole.value[:-4]), context), Rejected)
    assert outcome.reason is Reason.FRAME_INCOMPLETE


@pytest.mark.parametrize("begun", ["0001000100100020 0f00", "7ea07dcf0002", "68fdfd6853ff", "00010001"])
def test_a_link_that_breaks_off_in_its_first_frame_left_it_incomplete(begun, context):
    cut = record(bytes.fromhex(begun), framing="none", ami_incomplete=b"1")
    assert one(normalize(cut, context), Rejected).reason is Reason.FRAME_INCOMPLETE


def test_an_incomplete_record_may_hold_a_whole_message_without_frames(context):
    readings(normalize(record(push(ENERGY), framing="none", ami_incomplete=b"1"), context))


def test_an_event_becomes_an_event(context):
    apdu = b"\xc2\x01\x0c" + NOON + b"\x00\x01" + bytes((0, 0, 97, 98, 0, 255)) + b"\x02\x06\x00\x00\x00\x10"
    (message,) = map(events_pb.MeterEvents.FromString, one(normalize(record(apdu), context), EventsOutcome).messages)
    (event,) = message.events
    assert (event.kind, event.obis, event.code) == ("ALARM", "0.0.97.98.0.255", 4)


def test_an_event_of_a_manufacturers_own_attribute_names_it_by_its_octet(context):
    apdu = b"\xc2\x00\x00\x01" + bytes((0, 0, 97, 98, 0, 255)) + b"\xff\x06\x00\x00\x00\x10"
    (message,) = map(events_pb.MeterEvents.FromString, one(normalize(record(apdu), context), EventsOutcome).messages)
    assert message.events[0].attribute == 0xFF


def test_no_value_and_unknown_and_contradicting_units_are_flagged(context):
    nan = row((1, 0, 14, 7, 0, 255), Data(Tag.FLOAT32, float("nan")), 0, 44)
    odd = row((1, 0, 1, 7, 0, 255), Data(Tag.UINT16, 1), 0, 35)
    unknown = row((1, 0, 2, 7, 0, 255), Data(Tag.UINT16, 1), 0, 100)
    found = [
        list(reading.quality) for reading in readings(normalize(record(push(nan, odd, unknown)), context)).readings
    ]
    assert found == [[pb.QUALITY_NO_VALUE], [pb.QUALITY_UNIT_CONTRADICTS_OBIS], [pb.QUALITY_UNIT_UNKNOWN]]


def test_values_of_one_key_are_numbered(context):
    message = readings(normalize(record(push(ENERGY, ENERGY)), context))
    assert [reading.occurrence for reading in message.readings] == [0, 1]


def test_integers_beyond_64_bits_keep_their_value(context):
    big = row((1, 0, 1, 8, 0, 255), Data(Tag.UINT64, (1 << 64) - 1), 0, 30)
    (reading,) = readings(normalize(record(push(big)), context)).readings
    assert int.from_bytes(reading.big_mantissa, "big", signed=True) == (1 << 64) - 1


def test_a_users_dialect_explains_a_new_layout(tmp_path, context):
    from ami_normalize.dialects import Dialects

    mapping = tmp_path / "mapping.json"
    columns = [{"type": "number", "obis": f"1.0.{c}.8.0.255", "scaler": 1, "unit": "Wh"} for c in (1, 2)]
    mapping.write_text(json.dumps({"name": "mine", "layouts": [{"name": "two", "columns": columns}]}))
    own = replace(context, dialects=Dialects.load(mapping))
    body = structure(Data(Tag.UINT32, 1), Data(Tag.UINT32, 2))
    message = readings(normalize(record(DataNotification(1, NOON, body).to_bytes()), own))
    assert [(reading.obis, reading.scale) for reading in message.readings] == [
        ("1.0.1.8.0.255", 1),
        ("1.0.2.8.0.255", 1),
    ]
    assert message.provenance.dialect == "mine"
    assert own.mapping_hash != context.mapping_hash


def test_blocks_without_octets_are_an_incomplete_frame(context):
    refused = one(normalize(record(bytes.fromhex("e0c000010000") + b"\x00"), context), Rejected)
    assert refused.reason is Reason.FRAME_INCOMPLETE


def test_undoing_a_deviation_stays_within_the_limits_of_decoding(context):
    """Each value has eleven octets and 32,769 elements; descriptors without tags make the generic decoder refuse it."""
    value = bytes.fromhex("13 02 02 01 8000 00 11 01 00")
    rows = (b"\x02\x02" + bytes((0, 3, 1, 0, 1, 8, 0, 255, 2)) + value) * 100
    last = b"\x02\x02" + bytes((0, 3, 1, 0, 1, 8, 0, 255, 2)) + axdr.encode(axdr.octets(bytes(0x9000)))
    hostile = b"\x0f\x00\x00\x00\x01\x00\x02\x02\x16\x00\x01" + bytes((101,)) + rows + last
    tracemalloc.start()
    try:
        one(normalize(record(hostile), context), Rejected)
        assert tracemalloc.get_traced_memory()[1] < 64_000_000
    finally:
        tracemalloc.stop()


def test_a_defect_of_ours_is_named_by_its_place_and_stops_nobody(context, monkeypatch):
    import ami_normalize.pipeline as pipeline

    def broken(*_):
        raise KeyError("what the message held")

    monkeypatch.setattr(pipeline, "interpret", broken)
    refused = one(normalize(record(push(ENERGY)), context), Rejected)

    assert refused.reason is Reason.DECODER_DEFECT
    assert refused.message.startswith("KeyError at test_pipeline.py:")
    assert "held" not in refused.message


def test_a_fault_of_the_environment_consumes_nothing(context, monkeypatch):
    import ami_normalize.pipeline as pipeline

    def unavailable(*_):
        raise OSError("the key store does not answer")

    monkeypatch.setattr(pipeline, "decrypt", unavailable)

    with pytest.raises(OSError, match="key store"):
        normalize(record(push(ENERGY)), context)
