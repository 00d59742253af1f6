"""Ten thousand damaged messages of real meters: documented outcomes only, and work within bounds.

Work is counted as function calls, Python's and C's: the same on every machine.
"""

import json
import sys
from collections import Counter
from dataclasses import replace

import pytest
from support.mutations import MUTATIONS, damaged

from ami.events.v1 import meter_events_pb2 as events_pb
from ami.readings.v1 import meter_readings_pb2 as readings_pb
from ami_cli.main import run
from ami_normalize.offline import to_record, with_keys
from ami_normalize.pipeline import Context, EventsOutcome, Parked, ReadingsOutcome, Rejected, normalize
from ami_schemas.reasons import Disposition, Reason

pytestmark = pytest.mark.unit

COUNT = 10_000
CALLS = 1_500
"""Calls whatever the message is."""
CALLS_AN_OCTET = 20
OUTPUT = 1_000
"""Octets of output whatever the message is."""
OUTPUT_AN_OCTET = 40


class Steps:
    """Counts the calls made inside the `with`."""

    def __enter__(self):
        self.count = 0
        sys.setprofile(self._step)
        return self

    def _step(self, _frame, event, _argument):
        if event in {"call", "c_call"}:
            self.count += 1

    def __exit__(self, *_):
        sys.setprofile(None)


def context_of(message, context):
    return with_keys(message["keys"], replace(context, unidentified="accept"))


@pytest.fixture(scope="module")
def messages(corpus):
    return list(damaged(corpus, COUNT, seed=20_17))


def test_the_damage_is_of_all_kinds_and_differs(messages, corpus):
    whole = {vector["hex"] for vector in corpus}
    assert len({message["hex"] for message in messages}) > COUNT * 0.95
    assert sum(message["hex"] in whole for message in messages) < COUNT * 0.02
    assert len(MUTATIONS) == 8


@pytest.mark.parametrize("lenient", [False, True])
def test_damaged_messages_end_as_documented_with_bounded_work(messages, lenient, capsys):
    base = Context(lenient=lenient)
    ends, most = Counter(), (0.0, "")
    for message in messages:
        record, context = to_record(message), context_of(message, base)
        with Steps() as steps:
            outcomes = normalize(record, context)
        ends.update(checked(outcome, message) for outcome in outcomes)
        assert outcomes, message["id"]
        octets = len(record.value)
        assert steps.count <= CALLS + CALLS_AN_OCTET * octets, message
        made = sum(len(one) for outcome in outcomes for one in getattr(outcome, "messages", ()))
        assert made <= OUTPUT + OUTPUT_AN_OCTET * octets, message
        most = max(most, (steps.count / (octets + 100), message["id"]))
    with capsys.disabled():
        print(f"\n  {'lenient' if lenient else 'strict'}: most calls an octet {most[0]:.1f} ({most[1]})")
        print("  " + ", ".join(f"{end} {count}" for end, count in ends.most_common()))
    assert set(ends) >= {"readings", "FRAME_CHECK_FAILED" if not lenient else "TRUNCATED"}
    assert len(ends) >= 10


def checked(outcome, message):
    """Hold an outcome against what is documented of it; return its name."""
    if isinstance(outcome, ReadingsOutcome):
        for serialized in outcome.messages:
            said = readings_pb.MeterReadings.FromString(serialized)
            assert said.readings or said.interval_blocks, message
        return "readings"
    if isinstance(outcome, EventsOutcome):
        assert all(events_pb.MeterEvents.FromString(serialized).events for serialized in outcome.messages), message
        return "events"
    assert isinstance(outcome, (Rejected, Parked)), message
    due = Disposition.REJECTED if isinstance(outcome, Rejected) else Disposition.PARKED
    assert outcome.reason.disposition is due, message
    assert outcome.reason is not Reason.DECODER_DEFECT, (outcome.message, message)
    assert outcome.message
    assert outcome.stage in {"identify", "unframe", "decrypt", "decode", "interpret"}, message
    return outcome.reason.value


def test_decode_answers_each_damaged_line(messages, tmp_path, capsys):
    path = tmp_path / "damaged.jsonl"
    path.write_text("".join(json.dumps(message) + "\n" for message in messages))
    assert run(["decode", "--jsonl", str(path)]) == 0
    answers = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [answer["id"] for answer in answers] == [message["id"] for message in messages]
    known = {reason.value: reason.disposition.value for reason in Reason}
    for answer, message in zip(answers, messages, strict=True):
        assert answer["reason"] != "DECODER_DEFECT", (answer["message"], message)
        if answer["outcome"] in {"rejected", "parked"}:
            assert known[answer["reason"]] == answer["outcome"], message
            assert answer["message"]
            assert not (answer["readings"] or answer["intervals"] or answer["events"])
        else:
            assert answer["reason"] is None
            assert answer["readings"] or answer["intervals"] or answer["events"], message
        assert all(reading["obis"] for reading in answer["readings"]), message


def test_work_grows_no_faster_than_the_message(corpus):
    context = Context(lenient=True)
    for vector in corpus:
        steps = []
        for times in (2, 32):
            record = to_record(vector)._replace(value=bytes.fromhex(vector["hex"]) * times)
            with Steps() as counted:
                normalize(record, context_of(vector, context))
            steps.append(counted.count)
        assert steps[1] <= 32 / 2 * steps[0] * 1.25 + CALLS, vector["id"]
