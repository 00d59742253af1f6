"""Profiles that meters push: their columns come from the message, the registry, or a layout of rows."""

import json
from datetime import datetime, timedelta, timezone

import pytest

from ami.raw.v1 import exchange_pb2
from ami.readings.v1 import meter_readings_pb2 as pb
from ami_dlms.apdu import DataNotification, GetResponseNormal
from ami_dlms.axdr import NULL, Data, Tag, array, structure
from ami_dlms.cosem_time import CosemDateTime
from ami_normalize.dialects import Dialects
from ami_normalize.mapping.check import check
from ami_normalize.meter import NO_METERS, MeterFacts, Meters, ProfileFacts
from ami_normalize.model import ScalerUnit
from ami_normalize.pipeline import Context, Parked, RawRecord, ReadingsOutcome, normalize
from ami_normalize.shapes.profile import Column
from ami_schemas.reasons import Reason

pytestmark = pytest.mark.unit

START = datetime(2024, 3, 1, 0, 15, tzinfo=timezone.utc)
START_US = int(START.timestamp()) * 1_000_000
PROFILE = (1, 0, 99, 1, 0, 255)
LAYOUT = {
    "name": "quarter hours",
    "rows": True,
    "profile": "1.0.99.1.0.255",
    "period_s": 900,
    "columns": [
        {"type": "date-time", "obis": "0.0.1.0.0.255"},
        {"type": "number", "obis": "0.0.96.10.1.255"},
        {"type": "number", "obis": "1.0.1.8.0.255", "unit": "Wh", "scaler": 1},
        {"type": "number", "obis": "1.0.2.8.0.255", "unit": "Wh", "no_value": [4294967295]},
    ],
}
COLUMNS = (
    Column(8, "0.0.1.0.0.255"),
    Column(1, "0.0.96.10.1.255"),
    Column(3, "1.0.1.8.0.255", scaler_unit=ScalerUnit(1, 30)),
    Column(3, "1.0.2.8.0.255", scaler_unit=ScalerUnit(0, 30)),
)


def octets(value):
    return Data(Tag.OCTET_STRING, bytes(value))


def stamp(quarters):
    return octets(CosemDateTime.from_datetime(START + timedelta(minutes=15 * quarters)).to_bytes())


def row(quarters, status, *values):
    return structure(
        NULL if quarters is None else stamp(quarters),
        NULL if status is None else Data(Tag.UINT8, status),
        *(NULL if value is None else Data(Tag.UINT32, value) for value in values),
    )


ROWS = (row(0, 0, 100, 7), row(None, None, 101, None), row(4, 0x80, 104, 8))


def mapped(*layouts, **members):
    content = json.dumps([{"name": "mine", "layouts": list(layouts), **members}]).encode()
    return Context(dialects=Dialects.of_contents([("test", content)]))


def registered(**facts):
    return Context(registry=Meters([MeterFacts("meter-1", **facts)]))


def target(class_id, obis, attribute):
    return structure(Data(Tag.UINT16, class_id), octets(obis), Data(Tag.INT8, attribute), Data(Tag.UINT16, 0))


def push(body, time=b""):
    apdu = DataNotification(1, time, body).to_bytes()
    return RawRecord("ami.raw.v1", 0, 0, b"meter-1", apdu, {"ce_time": b"2024-03-02T00:00:00Z"})


def listed(*objects):
    """A push that begins with the list of its objects."""
    named = array(*(target(*name) for name, _ in objects))
    return push(structure(named, *(value for _, value in objects)))


def blocks(record, context):
    (outcome,) = normalize(record, context)
    assert isinstance(outcome, ReadingsOutcome), outcome
    message = pb.MeterReadings.FromString(outcome.messages[0])
    return {block.obis: block for block in message.interval_blocks}, message


def expect(found):
    """What ROWS mean: a null clock is a period later, a null value the value before, two rows are missing."""
    energy, export = found["1.0.1.8.0.255"], found["1.0.2.8.0.255"]
    assert (energy.profile_obis, energy.period_s, energy.first_interval_end_us) == ("1.0.99.1.0.255", 900, START_US)
    assert (energy.unit, energy.scale, list(energy.mantissas)) == (30, 1, [100, 101, 0, 0, 104])
    assert (export.unit, export.scale, list(export.mantissas)) == (30, 0, [7, 7, 0, 0, 8])
    assert list(energy.statuses) == [0, 0, 0, 0, 0x80]
    assert {each.index: list(each.quality) for each in energy.quality} == {
        2: [pb.QUALITY_MISSING],
        3: [pb.QUALITY_MISSING],
        4: [pb.QUALITY_POWER_DOWN],
    }


# --- layouts of rows


@pytest.mark.parametrize("kind", [array, structure])
def test_bare_rows_are_read_by_a_layout(kind):
    found, message = blocks(push(kind(*ROWS)), mapped(LAYOUT))
    expect(found)
    assert message.provenance.dialect == "mine"


def test_a_buffer_among_other_objects_is_read_by_the_layout_of_its_profile():
    record = listed(((7, PROFILE, 2), array(*ROWS)), ((1, (0, 0, 96, 1, 0, 255), 2), octets(b"4711")))
    found, message = blocks(record, mapped(LAYOUT))
    expect(found)
    assert [(reading.obis, reading.text) for reading in message.readings] == [("0.0.96.1.0.255", "4711")]
    other = {**LAYOUT, "profile": "1.0.99.2.0.255"}
    (outcome,) = normalize(record, mapped(other))
    assert isinstance(outcome, Parked)
    assert (outcome.reason, outcome.stage) == (Reason.CONTEXT_MISSING, "interpret")
    assert "1.0.99.1.0.255" in outcome.message


def test_a_row_alone_is_a_profile_of_one():
    found, _ = blocks(push(structure(*row(0, 0, 100, 7).value)), mapped(LAYOUT))
    energy = found["1.0.1.8.0.255"]
    assert (list(energy.mantissas), energy.period_s, energy.first_interval_end_us) == ([100], 900, START_US)


def test_a_marker_for_no_value_is_none_and_does_not_repeat_the_row_before():
    found, _ = blocks(push(array(row(0, 0, 1, 5), row(1, 0, 2, 0xFFFF_FFFF), row(2, 0, 3, None))), mapped(LAYOUT))
    export = found["1.0.2.8.0.255"]
    assert list(export.mantissas) == [5, 0, 0]
    assert {each.index: list(each.quality) for each in export.quality} == {
        1: [pb.QUALITY_NO_VALUE],
        2: [pb.QUALITY_NO_VALUE],
    }


def test_columns_without_a_code_are_passed_over():
    columns = [dict(column) for column in LAYOUT["columns"]]
    del columns[1]["obis"]
    found, _ = blocks(push(array(*ROWS)), mapped({**LAYOUT, "columns": columns}))
    assert sorted(found) == ["1.0.1.8.0.255", "1.0.2.8.0.255"]
    assert list(found["1.0.1.8.0.255"].statuses) == []


def test_without_a_period_the_stamps_tell_it():
    layout = {name: value for name, value in LAYOUT.items() if name not in {"period_s", "profile"}}
    found, _ = blocks(push(array(row(0, 0, 1, 1), row(1, 0, 2, 2))), mapped(layout))
    assert (found["1.0.1.8.0.255"].period_s, found["1.0.1.8.0.255"].profile_obis) == (900, "1.0.99.1.0.255")


def test_rows_of_another_width_or_type_wait_for_a_mapping():
    for body in (array(*ROWS, structure(NULL)), array(row(0, 0, 1)), array(structure(*(octets(b"x"),) * 4)), array()):
        (outcome,) = normalize(push(body), mapped(LAYOUT))
        assert (type(outcome), outcome.reason) == (Parked, Reason.MAPPING_MISSING)


def test_a_layout_of_rows_keeps_to_its_maker():
    context = mapped(LAYOUT, match=[{"flag": "XYZ"}])
    titled = push(array(*ROWS))
    titled.headers["ami-system-title"] = b"414d490000000001"
    (outcome,) = normalize(titled, context)
    assert isinstance(outcome, Parked)
    titled.headers["ami-system-title"] = b"58595a0000000001"
    expect(blocks(titled, context)[0])


def test_rows_without_a_clock_are_keyed_by_reception():
    layout = {"name": "values", "rows": True, "columns": [{"type": "number", "obis": "1.0.1.8.0.255", "unit": "Wh"}]}
    rows = array(structure(Data(Tag.UINT32, 1)), structure(Data(Tag.UINT32, 2)))
    found, _ = blocks(push(rows), mapped(layout))
    energy = found["1.0.1.8.0.255"]
    assert (list(energy.mantissas), energy.period_s) == ([1, 2], 0)
    assert energy.time_origin == pb.TIME_ORIGIN_RECEPTION
    assert [list(each.quality) for each in energy.quality] == [[pb.QUALITY_TIME_RECEPTION]] * 2


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"profile": "1.0"}, "no OBIS code"),
        ({"columns": [{"type": "date", "part": "date"}, {"type": "time", "part": "time"}]}, "a row has no part"),
        ({"columns": [{"type": "number"}, {"type": "scaler-unit"}]}, "a row has no scaler-unit"),
        ({"period_s": 0}, "out of range"),
        ({"rows": "yes"}, "true or false"),
    ],
)
def test_a_senseless_layout_of_rows_is_refused(change, sentence):
    problems = check(json.dumps([{"name": "mine", "layouts": [{**LAYOUT, **change}]}]).encode()).problems
    assert any(sentence in str(problem) for problem in problems)


def test_a_profile_or_period_belongs_to_rows():
    layout = {name: value for name, value in LAYOUT.items() if name != "rows"}
    problems = check(json.dumps([{"name": "mine", "layouts": [layout]}]).encode()).problems
    assert [one.sentence for one in problems] == ['"profile" stands without "rows"', '"period_s" stands without "rows"']


# --- the registry


FACTS = {"profiles": {"1.0.99.1.0.255": ProfileFacts(COLUMNS, 900)}}


def test_rows_and_buffers_are_read_by_what_is_registered_of_the_profile():
    buffer = listed(((7, PROFILE, 2), array(*ROWS)), ((1, (0, 0, 96, 1, 0, 255), 2), octets(b"4711")))
    for record in (push(array(*ROWS)), buffer):
        expect(blocks(record, registered(**FACTS))[0])
        assert isinstance(normalize(record, Context())[0], Parked)


def test_bare_rows_that_fit_two_registered_profiles_are_not_guessed():
    two = {"profiles": {code: ProfileFacts(COLUMNS, 900) for code in ("1.0.99.1.0.255", "1.0.99.2.0.255")}}
    assert isinstance(normalize(push(array(*ROWS)), registered(**two))[0], Parked)
    expect(blocks(listed(((7, PROFILE, 2), array(*ROWS))), registered(**two))[0])


def test_capture_objects_in_the_message_go_first_and_get_registered_scalers():
    columns = (COLUMNS[0], COLUMNS[1], COLUMNS[3], COLUMNS[2])
    facts = {"profiles": {"1.0.99.1.0.255": ProfileFacts(columns, 900)}}
    captured = array(*(target(each.class_id, map(int, each.obis.split(".")), each.attribute) for each in COLUMNS))
    record = listed(((7, PROFILE, 3), captured), ((7, PROFILE, 2), array(*ROWS)))
    expect(blocks(record, registered(**facts))[0])


def test_a_poll_without_capture_objects_uses_the_registered_ones():
    exchange = exchange_pb2.Exchange(class_id=7, obis=bytes(PROFILE), attribute=2)
    headers = {"ami-exchange": b"poll", "ami-context": exchange.SerializeToString()}
    apdu = GetResponseNormal(0x41, array(*ROWS)).to_bytes()
    record = RawRecord("ami.raw.v1", 0, 0, b"meter-1", apdu, headers)
    expect(blocks(record, registered(**FACTS))[0])
    assert normalize(record, Context())[0].reason is Reason.CONTEXT_MISSING


def test_a_buffer_without_rows_says_nothing():
    (outcome,) = normalize(listed(((7, PROFILE, 2), array())), Context())
    assert outcome.reason is Reason.NO_METER_DATA


# --- the dialect of a registered meter


ENERGY = structure(octets((1, 0, 1, 8, 0, 255)), Data(Tag.UINT32, 5))


def dialects(*entries):
    return Dialects.of_contents([("test", json.dumps(list(entries)).encode())])


IN_TENS = [{"obis": "1.0.1.8.0.255", "scaler": 1, "unit": "Wh"}]
TENS = {"name": "tens", "match": [{"registry": True}], "objects": IN_TENS}


def test_the_registry_names_a_dialect_that_no_message_tells():
    ours = Context(dialects=dialects(TENS), registry=Meters([MeterFacts("meter-1", dialect="tens")]))
    _, message = blocks(push(structure(ENERGY)), ours)
    assert (message.readings[0].scale, message.readings[0].unit, message.provenance.dialect) == (1, 30, "tens")
    _, other = blocks(push(structure(ENERGY)), Context(dialects=dialects(TENS), registry=NO_METERS))
    assert (other.readings[0].unit, other.provenance.dialect) == (0, "")


def test_the_registrys_word_goes_before_what_the_message_shows():
    everyone = {**TENS, "name": "everyone", "match": [{"shape": {"count": 1}}]}
    ours = Context(dialects=dialects(everyone, TENS), registry=Meters([MeterFacts("meter-1", dialect="tens")]))
    assert blocks(push(structure(ENERGY)), ours)[1].provenance.dialect == "tens"


def test_a_dialect_that_no_mapping_has_parks_until_one_does():
    registry = Meters([MeterFacts("meter-1", dialect="tens")])
    (outcome,) = normalize(push(structure(ENERGY)), Context(registry=registry))
    assert (type(outcome), outcome.reason) == (Parked, Reason.MAPPING_MISSING)
    assert "'tens'" in outcome.message
    blocks(push(structure(ENERGY)), Context(dialects=dialects(TENS), registry=registry))


def test_a_meter_that_only_its_message_names_is_read_by_its_dialect():
    name = structure(octets((0, 0, 42, 0, 0, 255)), octets(b"AMI0000000000001"))
    registry = Meters([MeterFacts("meter-9", logical_device_name="AMI0000000000001", dialect="tens")])
    _, message = blocks(push(structure(name, ENERGY)), Context(dialects=dialects(TENS), registry=registry))
    assert (message.meter.id, message.readings[1].scale) == ("meter-9", 1)


def test_layouts_of_other_dialects_are_not_tried_on_a_meter_whose_dialect_is_registered():
    registry = Meters([MeterFacts("meter-1", dialect="tens")])
    content = dialects({"name": "mine", "layouts": [LAYOUT]}, TENS)
    (outcome,) = normalize(push(array(*ROWS)), Context(dialects=content, registry=registry))
    assert isinstance(outcome, Parked)
    forced = Meters([MeterFacts("meter-1", dialect="mine")])
    expect(blocks(push(array(*ROWS)), Context(dialects=content, registry=forced))[0])
