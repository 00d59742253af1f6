"""`ami decode`: the machine interface, and that nothing stops it."""

import json
import random
from dataclasses import replace

import pytest

from ami_normalize.keys import KeyRing, meter_keys
from ami_normalize.offline import TRANSPORTS, decode_line, decode_lines
from ami_normalize.pipeline import Context, EventsOutcome, RawRecord, ReadingsOutcome, normalize
from ami_schemas.reasons import Reason

pytestmark = pytest.mark.unit

MEMBERS = ["id", "outcome", "reason", "message", "meter_time", "protection", "readings", "intervals", "events"]
CODES = {reason.value for reason in Reason}
PUSH = (
    "0f00000001 0c07e80301050c0000ff000000 0202"
    "0203 09060100010800ff 0600003039 0202 0f00 161e"
    "0203 09060100200700ff 1208fd 0202 0fff 1623"
)
FLAGS = {"UNVERIFIED_TAG", "FRAME_CHECK_FAILED"}


@pytest.fixture(scope="module")
def strict():
    return Context()


@pytest.fixture(scope="module")
def lenient():
    return Context(lenient=True)


def check_form(answer):
    """The answer keeps the interface, whatever it says."""
    assert list(answer) == MEMBERS
    json.dumps(answer)
    assert answer["outcome"] in {"readings", "events", "rejected", "parked"}
    assert (answer["reason"] is None) == (answer["outcome"] in {"readings", "events"})
    assert answer["reason"] is None or answer["reason"] in CODES
    assert answer["reason"] is None or Reason(answer["reason"]).disposition.value == answer["outcome"]
    assert answer["protection"] in {"none", "encrypted", "authenticated", "authenticated+encrypted"}
    for reading in answer["readings"]:
        assert len(reading["obis"].split(".")) == 6
        assert isinstance(reading["value"], str)
        assert reading["unit"] is None or not reading["unit"].startswith("k") or reading["unit"].startswith("kg")
        assert isinstance(reading["quality"], list)
    for block in answer["intervals"]:
        assert len(block["values"]) == len(block["quality"])


def test_a_push_in_full(strict):
    answer = decode_line({"id": "a", "hex": PUSH.replace(" ", ""), "transport": "raw-apdu"}, strict)
    check_form(answer)
    assert answer == {
        "id": "a",
        "outcome": "readings",
        "reason": None,
        "message": "",
        "meter_time": "2024-03-01T12:00:00Z",
        "protection": "none",
        "readings": [
            {
                "obis": "1.0.1.8.0.255",
                "value": "12345",
                "unit": "Wh",
                "measured_at": "2024-03-01T12:00:00Z",
                "reading_type": "0.0.0.1.1.1.12.0.0.0.0.0.0.0.0.0.72.0",
                "quality": [],
            },
            {
                "obis": "1.0.32.7.0.255",
                "value": "230.1",
                "unit": "V",
                "measured_at": "2024-03-01T12:00:00Z",
                "reading_type": "0.0.0.12.0.1.54.0.0.0.0.0.0.0.129.0.29.0",
                "quality": [],
            },
        ],
        "intervals": [],
        "events": [],
    }


def test_a_request_gives_the_answer_its_context(strict):
    line = {"id": 1, "hex": "c401c1000600001391", "transport": "raw-apdu"}
    assert decode_line(line, strict)["reason"] == "CONTEXT_MISSING"
    answer = decode_line({**line, "request_hex": "c001c1000100002b0100ff0200"}, strict)
    check_form(answer)
    assert [(one["obis"], one["value"]) for one in answer["readings"]] == [("0.0.43.1.0.255", "5009")]


@pytest.mark.parametrize(
    "line",
    [
        "not json",
        "[]",
        "{}",
        '{"id": 5, "hex": "zz"}',
        '{"id": "x", "hex": "", "transport": "hdlc"}',
        '{"id": "x", "hex": "00", "transport": "pigeon"}',
        '{"id": "x", "hex": "00", "keys": {"guek": "12"}}',
        '{"id": "x", "hex": "0f", "keys": {"system_title": "zz"}}',
        '{"id": "x", "hex": "c401c1000600001391", "request_hex": "zz"}',
        '{"id": null, "hex": null}',
        "[" * 100_000,
        b"\xff\xfe",
    ],
)
def test_a_bad_line_is_answered(line):
    (answer,) = decode_lines([line])
    check_form(answer)
    assert answer["outcome"] == "rejected"


def test_every_line_is_answered_in_order(corpus):
    lines = [json.dumps({**vector, "id": number}) for number, vector in enumerate(corpus)]
    lines.insert(7, "{broken")
    answers = list(decode_lines(lines))
    assert [answer["id"] for answer in answers] == [*range(7), None, *range(7, len(corpus))]
    for answer in answers:
        check_form(answer)


def test_strict_never_marks_and_lenient_always_does(corpus, strict, lenient):
    for vector in corpus:
        exact, loose = decode_line(vector, strict), decode_line(vector, lenient)
        check_form(loose)
        marks = [FLAGS & set(reading["quality"]) for reading in exact["readings"]]
        assert not any(marks)
        if exact["outcome"] in {"rejected", "parked"} and loose["readings"]:
            for reading in loose["readings"]:
                assert (FLAGS | {"TRUNCATED"}) & set(reading["quality"])


def mutations(corpus):
    """2,000 frames of the corpus, each changed, shortened or lengthened in a few places."""
    chance = random.Random(20240301)
    for number in range(2000):
        vector = corpus[number % len(corpus)]
        octets = bytearray.fromhex(vector["hex"])
        for _ in range(chance.randint(1, 4)):
            at = chance.randrange(len(octets))
            match chance.randrange(4):
                case 0:
                    octets[at] = chance.randrange(256)
                case 1:
                    octets[at] ^= 1 << chance.randrange(8)
                case 2:
                    del octets[at : at + chance.randint(1, 8)]
                case _:
                    octets[at:at] = chance.randbytes(chance.randint(1, 8))
            if not octets:
                octets = bytearray(b"\x00")
        yield number, {**vector, "hex": octets.hex()}


def test_mutated_frames_end_only_in_documented_ways(corpus, strict, lenient):
    for number, vector in mutations(corpus):
        check_form(decode_line(vector, lenient if number % 2 else strict))


def test_mutated_frames_end_only_in_documented_ways_on_kafka(corpus):
    context = Context(unidentified="accept", default_zone="Europe/Vienna")
    for number, vector in mutations(corpus):
        framing = TRANSPORTS[vector["transport"]].value.encode()
        keys = [(vector["keys"].get("guek"), vector["keys"].get("gak"))] if vector.get("keys") else []
        ring = KeyRing(any_title=next((meter_keys({"guek": ek, "gak": ak}, "-") for ek, ak in keys if ek), None))
        raw = RawRecord("t", 0, number, b"peer-1", bytes.fromhex(vector["hex"]), {"ami-framing": framing})
        outcomes = normalize(raw, replace(context, keys=ring))
        assert outcomes
        for outcome in outcomes:
            if isinstance(outcome, (ReadingsOutcome, EventsOutcome)):
                assert all(outcome.messages)
            else:
                assert outcome.reason.value in CODES
