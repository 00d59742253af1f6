"""What a dialect can say, and that the pipeline does it."""

import json
from dataclasses import replace

import pytest

from ami.readings.v1 import meter_readings_pb2 as pb
from ami_dlms.apdu import DataNotification
from ami_dlms.axdr import Data, Tag, structure
from ami_normalize.dialects import Dialects
from ami_normalize.pipeline import Context, RawRecord, normalize

pytestmark = pytest.mark.unit

NOON = bytes.fromhex("07e80301050c000000800000")  # 2024-03-01 12:00, no deviation stated
HEADERS = {"ami-framing": b"none", "ami-exchange": b"push"}
PLAIN = Context()


def number(value):
    return Data(Tag.UINT32, value)


def code(text):
    return Data(Tag.OCTET_STRING, bytes(map(int, text.split("."))))


def scaler_unit(scaler, unit):
    return structure(Data(Tag.INT8, scaler), Data(Tag.ENUM, unit))


def coded(obis, value, *stated):
    return structure(code(obis), value, *stated)


def read(tmp_path, dialect, *items, title=b"ABC00001"):
    path = tmp_path / "mapping.json"
    path.write_text(json.dumps(dialect))
    context = replace(PLAIN, dialects=Dialects.load(path))
    record = RawRecord(
        "t", 0, 0, b"st-" + title.hex().encode(), DataNotification(1, NOON, structure(*items)).to_bytes(), HEADERS
    )
    (outcome, *_) = normalize(record, context)
    return pb.MeterReadings.FromString(outcome.messages[0]) if hasattr(outcome, "messages") else outcome.reason.value


def values(message):
    return [(reading.obis, reading.mantissa, reading.scale) for reading in message.readings]


ENERGY = coded("1.0.1.8.0.255", number(5), scaler_unit(0, 30))
WRONG = {"obis": "1.0.{1,2}.8.0.255", "scaler": 1, "unit": "Wh"}


@pytest.mark.parametrize(
    ("condition", "known"),
    [
        ({"flag": "ABC"}, True),
        ({"flag": "XYZ"}, False),
        ({"system_title": "41424330"}, True),
        ({"system_title": "4142ff"}, False),
        ({"flag": "ABC", "system_title": "ff"}, False),
        ({"shape": {"objects": ["1.0.1.8.*.255"], "count": 2}}, True),
        ({"shape": {"count": 3}}, False),
        ({"shape": {"objects": ["1.0.9.8.0.255"]}}, False),
        ({"logical_device_name": "ABC0"}, True),
        ({"logical_device_name": "ABD"}, False),
        ({"list_version": "x"}, False),
    ],
)
def test_what_a_dialect_goes_by(tmp_path, condition, known):
    name = coded("0.0.42.0.0.255", Data(Tag.OCTET_STRING, b"ABC0000000000001"))
    mine = {"name": "mine", "match": [condition], "objects": [WRONG | {"override": True}]}
    message = read(tmp_path, mine, ENERGY, name)
    assert message.readings[0].scale == (1 if known else 0)
    assert message.provenance.dialect == ("mine" if known else "")


def test_what_the_message_states_stays_unless_overridden(tmp_path):
    mine = {"name": "mine", "match": [{"flag": "ABC"}], "objects": [WRONG]}
    assert values(read(tmp_path, mine, ENERGY)) == [("1.0.1.8.0.255", 5, 0)]
    mine["objects"] = [WRONG | {"override": True}]
    assert values(read(tmp_path, mine, ENERGY)) == [("1.0.1.8.0.255", 5, 1)]


def test_a_code_of_the_makers_own_is_read_as_another(tmp_path):
    rule = {"obis": "1.1.*.*.*.*", "as": "1.0.*.*.*.*"}
    mine = {"name": "mine", "match": [{"flag": "ABC"}], "objects": [rule]}
    assert values(read(tmp_path, mine, coded("1.1.1.8.0.255", number(5), scaler_unit(0, 30)))) == [
        ("1.0.1.8.0.255", 5, 0)
    ]


def test_octets_are_a_number_where_the_dialect_says_so(tmp_path):
    mine = {
        "name": "mine",
        "match": [{"flag": "ABC"}],
        "objects": [{"obis": "1.0.1.8.0.255", "number": True, "unit": "Wh"}],
    }
    assert values(read(tmp_path, mine, coded("1.0.1.8.0.255", Data(Tag.OCTET_STRING, b"\x01\x00")))) == [
        ("1.0.1.8.0.255", 256, 0)
    ]


def test_what_stands_for_no_value_and_what_null_means(tmp_path):
    mine = {
        "name": "mine",
        "match": [{"flag": "ABC"}],
        "objects": [{"obis": "1.0.1.8.0.255", "no_value": [4294967295]}],
    }
    items = coded("1.0.1.8.0.255", number(4294967295)), coded("1.0.2.8.0.255", Data(Tag.NULL, None)), ENERGY
    readings = read(tmp_path, mine, *items).readings
    assert [reading.WhichOneof("value") for reading in readings] == [None, None, "mantissa"]
    assert len(read(tmp_path, mine | {"nulls": "absent"}, *items).readings) == 2


def test_a_zone_of_the_makers_is_no_assumption(tmp_path):
    mine = {"name": "mine", "match": [{"flag": "ABC"}], "time": {"zone": "Europe/Vienna"}}
    message = read(tmp_path, mine, ENERGY)
    assert message.time.meter_time_us == 1_709_290_800_000_000  # 11:00 UTC
    assert message.time.meter_time_origin == 3  # configured zone
    assert not message.readings[0].quality


def test_positional_scaler_and_unit_stand_behind_their_number(tmp_path):
    columns = [{"type": "number", "obis": "1.0.1.8.0.255"}, {"type": "scaler-unit"}]
    mine = {"name": "mine", "layouts": [{"name": "x", "columns": columns}]}
    (reading,) = read(tmp_path, mine, number(7), scaler_unit(2, 30)).readings
    assert (reading.mantissa, reading.scale, reading.unit) == (7, 2, 30)
    assert read(tmp_path, mine, number(7), number(8)) == "MAPPING_MISSING"


def test_a_layout_is_not_used_for_another_makers_meter(tmp_path):
    columns = [{"type": "number", "obis": "1.0.1.8.0.255"}] * 2
    mine = {"name": "mine", "match": [{"flag": "ABC"}], "layouts": [{"name": "x", "columns": columns}]}
    assert len(read(tmp_path, mine, number(1), number(2)).readings) == 2
    assert read(tmp_path, mine, number(1), number(2), title=b"XYZ00001") == "MAPPING_MISSING"
