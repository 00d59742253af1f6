"""Every topic's records are readable, and a strange one never ends a tail."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ami.events.v1 import meter_events_pb2 as events_pb
from ami.ledger.v1 import progress_pb2 as ledger_pb
from ami.readings.v1 import meter_readings_pb2 as pb
from ami_cli.view.records import SHORT, Record, as_json, lines
from ami_schemas import json_form

pytestmark = pytest.mark.unit


def record(topic, value, key=b"meter-1", **headers):
    named = {name.replace("_", "-"): text.encode() for name, text in headers.items()}
    return Record(SHORT[topic], 3, 7, 1_700_000_000_000, key, value, named)


def shown(made):
    return "\n".join(line.plain for line in lines(made))


def test_readings_show_a_line_a_value():
    message = pb.MeterReadings(meter=pb.Meter(id="meter-1"))
    message.readings.add(obis="1.0.1.8.0.255", mantissa=12345, scale=-1, unit=30)
    message.readings.add(obis="1.0.32.7.0.255", mantissa=2301, scale=-1, unit=35)
    made = record("readings", message.SerializeToString())

    assert len(shown(made).splitlines()) == 2
    assert "1234.5" in shown(made)
    assert [reading["value"] for reading in as_json(made)["readings"]] == ["1234.5", "230.1"]


@pytest.mark.parametrize("frame", [b"", b"\0\0\0\0\7"])
@pytest.mark.parametrize("form", ["protobuf", "json"])
def test_what_a_route_writes_shows_as_readings_whatever_its_form(form, frame):
    message = pb.MeterReadings(meter=pb.Meter(id="meter-1"))
    message.readings.add(obis="1.0.1.8.0.255", mantissa=12345, scale=-1, unit=30)
    index = b"\0" if frame and form == "protobuf" else b""
    value = message.SerializeToString() if form == "protobuf" else json_form.text(message).encode()
    made = Record("mdms.billing.v1", 3, 7, 0, b"meter-1", frame + index + value, {"__value_schema_id": b"\1\xff"})

    assert "1234.5" in shown(made)
    assert [reading["value"] for reading in as_json(made)["readings"]] == ["1234.5"]
    assert as_json(made)["headers"]["__value_schema_id"] == "01ff"


def test_an_instant_that_no_calendar_has_ends_no_tail():
    message = pb.MeterReadings(readings=[pb.Reading(obis="1.0.1.8.0.255", measured_at_us=(1 << 63) - 1)])
    made = record("readings", message.SerializeToString())

    assert "B" in shown(made)
    assert "hex" in as_json(made)


def test_raw_shows_how_it_came_and_its_bytes():
    made = record("raw", bytes.fromhex("0001"), ami_framing="wrapper", ami_transport="tcp", ami_exchange="push")

    assert "wrapper" in shown(made)
    assert "0001" in shown(made)
    assert as_json(made)["hex"] == "0001"
    assert as_json(made)["headers"]["ami-transport"] == "tcp"
    for name in ("ami-session-key", "ami-context"):
        assert as_json(made._replace(headers={name: b"\x0a\xff"}))["headers"] == {name: "0aff"}


def test_dead_letters_show_stage_reason_and_message():
    made = Record(
        SHORT["dlq"], 0, 0, 0, b"m", b"x", {"dlq.stage": b"decode", "dlq.reason": b"TRUNCATED", "dlq.message": b"short"}
    )

    assert "decode" in shown(made)
    assert "TRUNCATED" in shown(made)
    assert "short" in shown(made)


@pytest.mark.parametrize("header", ["ami_redrive", "ami_reset_counter"])
def test_a_request_among_the_parked_records_shows_what_it_asks_for(header):
    assert "asked to re" in shown(record("parked", None, **{header: "what-is-meant"}))
    assert "what-is-meant" in shown(record("parked", None, **{header: "what-is-meant"}))


def test_a_marker_of_a_parked_record_shows_what_it_resolves():
    made = record("parked", None, ami_resolves="ami.raw.v1/3/7", ami_outcome="readings")

    assert "resolved ami.raw.v1/3/7: readings" in shown(made)
    assert as_json(made)["hex"] is None


def test_events_show_kind_and_code():
    message = events_pb.MeterEvents()
    message.events.add(kind="PUSH_EVENT", obis="0.0.96.11.0.255", code=17)
    made = record("events", message.SerializeToString())

    assert "PUSH_EVENT" in shown(made)
    assert as_json(made)["events"][0]["code"] == 17


def test_the_ledger_shows_progress():
    made = record("ledger", ledger_pb.Progress(next_offset=42).SerializeToString(), key=b"progress/g/ami.raw.v1/3")

    assert "next offset 42" in shown(made)
    assert as_json(made)["next_offset"] == 42


@given(value=st.binary(max_size=64) | st.text('{}[]"readings:0,').map(str.encode))
def test_any_bytes_of_a_route_are_shown_somehow(value):
    made = Record("mdms.billing.v1", 3, 7, 0, b"m", value, {})

    list(lines(made))
    json.dumps(as_json(made))


@pytest.mark.parametrize("topic", SHORT)
@given(value=st.none() | st.binary(max_size=64), key=st.none() | st.binary(max_size=16))
def test_any_bytes_are_shown_somehow(topic, value, key):
    made = record(topic, value, key=key)

    list(lines(made))
    json.dumps(as_json(made))


def test_control_characters_of_a_peer_do_not_reach_the_terminal():
    made = record("raw", b"\x00", key=b"peer-\x1b[2J", ami_framing="\x1b]0;x\x07")

    assert shown(made).isprintable()
    assert "\\x1b[2J" in shown(made)
