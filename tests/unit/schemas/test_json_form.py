"""The canonical JSON of a reading is the protobuf JSON mapping, and beside it what people read."""

import json
import math
import re
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from google.protobuf import json_format
from hypothesis import given
from hypothesis import strategies as st
from support.readings_json import beside_removed, closed

from ami.readings.v1 import meter_readings_pb2 as pb
from ami_schemas import json_form

pytestmark = pytest.mark.unit

PAGE = Path(__file__).resolve().parents[3] / "docs" / "json.md"
ENUMS = {
    pb.TimeOrigin: st.sampled_from(pb.TimeOrigin.values()),
    pb.Quality: st.sampled_from(pb.Quality.values()),
    pb.Protection: st.sampled_from(pb.Protection.values()),
}
WORDS = st.text(max_size=12)
OBIS = st.sampled_from(["1.0.1.8.0.255", "0.0.96.1.0.255", "1.1.99.1.0.255", "7.0.3.0.0.255"])
WIDE = st.integers(-(1 << 63), (1 << 63) - 1)
MOMENTS = st.integers(0, 9_000_000_000_000_000)
REALS = st.floats().map(lambda real: math.nan if math.isnan(real) else real)
"""JSON has one NaN, without sign."""
QUALITIES = st.lists(ENUMS[pb.Quality], max_size=3)
TYPES = st.sampled_from(["", "0.0.0.1.1.1.12.0.0.0.0.0.0.0.0.0.72.0"])


def some(**fields):
    """A dictionary of some of the fields."""
    return st.fixed_dictionaries({}, optional=fields)


WHICH = {"obis": OBIS, "attribute": st.integers(0, 255), "profile_obis": OBIS, "occurrence": st.integers(0, 9)}
VALUES = st.one_of(
    st.none(),
    st.tuples(st.just("mantissa"), WIDE),
    st.tuples(st.just("big_mantissa"), st.binary(min_size=1, max_size=16)),
    st.tuples(st.just("real"), REALS),
    st.tuples(st.just("text"), WORDS),
    st.tuples(st.just("octets"), st.binary(max_size=9)),
    st.tuples(st.just("boolean"), st.booleans()),
)
READINGS = st.builds(
    lambda fields, value: pb.Reading(**fields, **({value[0]: value[1]} if value else {})),
    some(
        **WHICH,
        reading_type=TYPES,
        unit=st.integers(0, 255),
        measured_at_us=MOMENTS,
        time_origin=ENUMS[pb.TimeOrigin],
        scale=st.integers(-128, 127),
        quality=QUALITIES,
    ),
    VALUES,
)
BLOCKS = st.builds(
    lambda fields, values, quality: pb.IntervalBlock(**fields, **values, quality=quality),
    some(
        **WHICH,
        reading_type=TYPES,
        unit=st.integers(0, 255),
        period_s=st.sampled_from([0, 60, 900, 86400]),
        first_interval_end_us=MOMENTS,
        time_origin=ENUMS[pb.TimeOrigin],
        scale=st.integers(-9, 9),
        statuses=st.lists(st.integers(0, (1 << 64) - 1), max_size=4),
    ),
    st.one_of(
        some(mantissas=st.lists(WIDE, max_size=5)),
        some(reals=st.lists(REALS, max_size=5)),
        some(texts=st.lists(WORDS, max_size=5)),
    ),
    st.lists(st.builds(pb.IntervalQuality, index=st.integers(0, 6), quality=QUALITIES), max_size=3),
)
MESSAGES = st.builds(
    lambda fields: pb.MeterReadings(**fields),
    st.fixed_dictionaries(
        {"meter": st.builds(pb.Meter, id=WORDS.filter(bool), logical_device_name=WORDS, system_title=st.binary())},
        optional={
            "time": st.builds(
                pb.MessageTime, meter_time_us=MOMENTS, meter_time_origin=ENUMS[pb.TimeOrigin], received_us=MOMENTS
            ),
            "readings": st.lists(READINGS.filter(lambda reading: reading.obis), max_size=4),
            "interval_blocks": st.lists(BLOCKS.filter(lambda block: block.obis), max_size=2),
            "provenance": st.builds(
                pb.Provenance,
                topic=WORDS,
                partition=st.integers(0, (1 << 32) - 1),
                offset=st.integers(0, (1 << 64) - 1),
                raw_sha256=st.binary(max_size=32),
                decoder=WORDS,
                mapping=WORDS,
                key_version=WORDS,
                protection=ENUMS[pb.Protection],
                dialect=WORDS,
            ),
            "revision": st.integers(0, 9),
            "retracted": st.lists(
                st.builds(pb.NaturalKey, obis=OBIS, attribute=st.integers(0, 255), at_us=MOMENTS), max_size=2
            ),
        },
    ),
)


@given(MESSAGES)
def test_any_message_is_the_mapping_with_members_beside_it(message):
    text = json_form.text(message)

    assert json_format.Parse(text, pb.MeterReadings(), ignore_unknown_fields=True).SerializeToString(
        deterministic=True
    ) == message.SerializeToString(deterministic=True)
    assert beside_removed(json.loads(text)) == json.loads(json_format.MessageToJson(message))


@given(MESSAGES)
def test_any_message_satisfies_the_published_schema_which_knows_every_member(message):
    closed().validate(json.loads(json_form.text(message)))


@given(MESSAGES)
def test_it_is_one_line_and_the_same_each_time(message):
    text = json_form.text(message)

    assert "\n" not in text
    assert json_form.text(pb.MeterReadings.FromString(message.SerializeToString())) == text


def reading(**fields):
    return json.loads(json_form.text(pb.MeterReadings(readings=[pb.Reading(obis="1.0.1.8.0.255", **fields)])))[
        "readings"
    ][0]


@pytest.mark.parametrize(
    ("fields", "value"),
    [
        ({"mantissa": 2300, "scale": -1}, "230.0"),
        ({"mantissa": 0, "scale": -2}, "0.00"),
        ({"mantissa": 100, "scale": 1}, "1000"),
        ({"mantissa": (1 << 63) - 1}, "9223372036854775807"),
        ({"big_mantissa": (1 << 63).to_bytes(9, "big"), "scale": -3}, "9223372036854775.808"),
        ({"real": 230.1}, "230.1"),
        ({"real": float("nan")}, None),
        ({"text": 'a "b"\n\u20ac'}, 'a "b"\n\u20ac'),
        ({"octets": b"\x00\xff"}, "00ff"),
        ({"boolean": False}, "false"),
        ({"quality": [pb.QUALITY_NO_VALUE]}, None),
    ],
)
def test_a_value_is_text_that_says_exactly_what_was_measured(fields, value):
    assert reading(**fields)["value"] == value


@pytest.mark.parametrize(("unit", "symbol"), [(30, "Wh"), (14, "m3"), (0, None), (255, None), (254, None), (99, None)])
def test_a_unit_has_its_symbol(unit, symbol):
    assert reading(unit=unit)["unitSymbol"] == symbol


def test_an_obis_code_has_its_name():
    assert reading()["obisName"] == "Active energy import (+P)"


NOON_US = 1_709_294_400_000_000


def test_an_instant_is_utc_but_local_without_offset_where_the_zone_was_assumed():
    zone = ZoneInfo("Europe/Vienna")
    for origin, told in (
        (pb.TIME_ORIGIN_DEVIATION, "2024-03-01T12:00:00Z"),
        (pb.TIME_ORIGIN_DEFAULT_ZONE, "2024-03-01T13:00:00"),
        (pb.TIME_ORIGIN_RECEPTION, "2024-03-01T12:00:00Z"),
    ):
        message = pb.MeterReadings(
            time=pb.MessageTime(meter_time_us=NOON_US, meter_time_origin=origin, received_us=NOON_US + 1),
            readings=[pb.Reading(obis="1.0.1.8.0.255", measured_at_us=NOON_US, time_origin=origin)],
            interval_blocks=[pb.IntervalBlock(obis="1.0.1.8.0.255", first_interval_end_us=NOON_US, time_origin=origin)],
        )
        made = json.loads(json_form.text(message, zone))

        assert made["readings"][0]["measuredAt"] == told
        assert made["intervalBlocks"][0]["firstIntervalEnd"] == told
        assert made["time"] == {
            "meterTimeUs": str(NOON_US),
            "meterTime": told,
            "meterTimeOrigin": pb.TimeOrigin.Name(origin),
            "receivedUs": str(NOON_US + 1),
            "received": "2024-03-01T12:00:00.000001Z",
        }


def test_a_message_without_meter_time_says_null():
    made = json.loads(json_form.text(pb.MeterReadings(time=pb.MessageTime(received_us=1))))

    assert made["time"]["meterTime"] is None


def test_an_instant_that_no_calendar_has_is_null():
    assert reading(measured_at_us=(1 << 63) - 1)["measuredAt"] is None


def test_an_interval_without_value_is_null():
    block = pb.IntervalBlock(obis="1.0.1.8.0.255", mantissas=[5, 0, 7], scale=-1)
    block.quality.add(index=1, quality=[pb.QUALITY_MISSING])
    block.quality.add(index=2, quality=[pb.QUALITY_CLOCK_DOUBTFUL])
    made = json.loads(json_form.text(pb.MeterReadings(interval_blocks=[block])))["intervalBlocks"][0]

    assert made["values"] == ["0.5", None, "0.7"]


def test_a_code_that_this_version_does_not_know_is_its_number():
    assert reading(quality=[99], time_origin=98)["quality"] == [99]
    assert reading(quality=[99], time_origin=98)["timeOrigin"] == 98


def test_the_page_shows_a_complete_example_that_is_right():
    shown = json.loads(re.search(r"```json\n(.*?)```", PAGE.read_text(), re.DOTALL)[1])
    message = json_format.ParseDict(shown, pb.MeterReadings(), ignore_unknown_fields=True)

    assert json.loads(json_form.text(message)) == shown


def test_the_page_names_every_member_that_stands_beside_the_mapping():
    table = set(re.findall(r"^\| `(\w+)` \|", PAGE.read_text(), re.MULTILINE))

    assert table == set(json_form.BESIDE)
