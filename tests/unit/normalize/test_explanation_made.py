"""What the page of a record on Kafka says of what was made of it, and of what is otherwise now."""

import json
from dataclasses import replace

import pytest

from ami_dlms.framing import wrapper
from ami_kafka.loop import RawMessage
from ami_normalize.dialects import Dialects
from ami_normalize.explanation.made import differences, made, record_page
from ami_normalize.explanation.page import explain_record
from ami_normalize.fast import Normalizer
from ami_normalize.pipeline import Context
from ami_normalize.stream.derived import outputs, raw_record

pytestmark = pytest.mark.unit

PAIR = b"\x0f" + bytes(5) + bytes.fromhex("0202" + "06000004d2" + "0600000007")
COLUMNS = [{"type": "number", "obis": f"1.0.{group}.8.0.255", "unit": "Wh"} for group in (1, 2)]
MAPPING = [{"name": "pair-maker", "layouts": [{"name": "pair", "columns": COLUMNS}]}]
HEADERS = (
    ("ami-framing", b"wrapper"),
    ("ami-exchange", b"push"),
    ("ce_time", b"2026-06-01T12:00:00.000000Z"),
    ("ami-agent", b"edge-1"),
    ("ami-session-key", b"secret"),
)


def message(value):
    return RawMessage("ami.raw.v1", 4, 7, 1_780_000_000_000, b"meter-1", value, HEADERS)


def dialects(tmp_path, text):
    path = tmp_path / "mapping.json"
    path.write_text(text)
    return Dialects.load(path)


@pytest.fixture
def context(tmp_path):
    return Context(dialects=dialects(tmp_path, json.dumps(MAPPING)))


def became(value, context):
    (output,) = outputs(message(value), Normalizer(context), "g")
    return made("ami.x.v1/4/9", output.topic, output.value, dict(output.headers))


def told(value, before, context):
    record = raw_record(message(value))
    return list(differences(explain_record(record, context), before, record))


def test_what_is_made_again_the_same_way_is_no_difference(context):
    value = wrapper.encode(PAIR, 1, 16)
    before = became(value, context)
    assert (before["outcome"], before["meter"], before["mapping"]) == ("readings", "meter-1", context.mapping_hash)
    assert [reading["value"] for reading in before["readings"]] == ["1234", "7"]
    assert told(value, before, context) == []


def test_another_mapping_is_named_with_the_values_it_changes(context, tmp_path):
    value = wrapper.encode(PAIR, 1, 16)
    before = became(value, context)
    other = json.dumps(MAPPING).replace('"1.0.2.8.0.255"', '"1.0.2.8.1.255"').replace('"unit"', '"scaler": 1, "unit"')
    now = replace(context, dialects=dialects(tmp_path, other))
    mapping, first, second = told(value, before, now)
    assert (before["mapping"] in mapping, now.mapping_hash in mapping) == (True, True)
    assert first == "1.0.1.8.0.255 was 1234 Wh, and is 12340 Wh here"
    assert second == "1.0.2.8.0.255 was 7 Wh, and is not told any more"


def test_another_outcome_decoder_and_other_bytes_are_named(context):
    value = wrapper.encode(PAIR, 1, 16)
    before = became(value, context)
    now = Context(decoder_version="9")
    found = " | ".join(told(value + value, before, now))
    assert "these are not the bytes it was made from" in found
    assert f"decoder {context.decoder_version} made it, this is 9" in found
    assert "it ended as readings; by itself, with what is in force here, it ends as parked MAPPING_MISSING" in found


def test_what_the_ledger_refused_is_readings_by_itself(context):
    before = {"outcome": "rejected", "reason": "COUNTER_REUSED", "decoder": context.decoder_version}
    (sentence,) = told(wrapper.encode(PAIR, 1, 16), before, context)
    assert sentence == "it ended as rejected COUNTER_REUSED; by itself, with what is in force here, it ends as readings"


def test_dead_letters_and_parked_records_say_why(context):
    value = wrapper.encode(PAIR, 1, 16)
    assert became(value[:-2], context)["reason"] == "FRAME_INCOMPLETE"
    parked = became(value, Context())
    assert (parked["outcome"], parked["reason"]) == ("parked", "MAPPING_MISSING")
    assert parked["message"]


def test_a_record_says_how_it_came_and_nothing_that_is_secret():
    page = record_page(raw_record(message(b"x")))
    assert (page["source"], page["agent"], page["exchange"]) == ("ami.raw.v1/4/7", "edge-1", "push")
    assert "secret" not in json.dumps(page)
