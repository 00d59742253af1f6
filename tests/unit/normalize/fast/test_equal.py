"""The fast path gives what the generic pipeline gives, octet by octet."""

import os
import random
from collections import Counter

import pytest
from support.generated_records import Shape, contexts

from ami_dlms.apdu import DataNotification
from ami_dlms.axdr import Data, Tag, structure
from ami_normalize import ledger
from ami_normalize.fast import Normalizer
from ami_normalize.ledger import Windows
from ami_normalize.offline import to_record, with_keys
from ami_normalize.pipeline import Context, RawRecord, ReadingsOutcome, Rejected, normalize

pytestmark = pytest.mark.unit

AT_GATE = os.environ.get("AMI_REQUIRE") == "1" and "AMI_BRIEF" not in os.environ
SHAPES, MESSAGES = (4000 if AT_GATE else 400), 25
"""A hundred thousand messages at the gate, a tenth of them elsewhere and on the other Pythons there."""


JUDGED = 0.2
"""How many of them are judged: counters begin anew with each shape, so that all verdicts are given."""


def ruled():
    """Two memories of the same counters: for the fast path, and for the generic pipeline."""
    one, other = Windows("one"), Windows("other")

    def rule(windows):
        return lambda proof: windows.judge(0, proof.key, proof.counter, proof.tag)

    return rule(one), lambda interpreted: ledger.judged(interpreted, rule(other))


@pytest.mark.timeout(900)
def test_on_generated_messages(tmp_path):
    source = random.Random(20_260_101)
    of = contexts(tmp_path)
    fast = [Normalizer(context) for context in of]
    rule, judge = ruled()
    ended, reasons = Counter(), set()
    for _ in range(SHAPES):
        shape = Shape(source)
        for number in range(MESSAGES):
            record = shape.record(number + 1)
            which = source.randrange(len(of))
            judged = source.random() < JUDGED
            expected = normalize(record, of[which], judge if judged else None)
            assert fast[which].normalize(record, rule if judged else None) == expected, (shape.kind, record)
            ended[shape.kind, type(expected[0])] += 1
            reasons.update(end.reason.value for end in expected if isinstance(end, Rejected))

    assert sum(ended.values()) == SHAPES * MESSAGES
    assert {kind for kind, end in ended if end is ReadingsOutcome} >= {
        "coded", "push-list", "positional", "profile", "answer", "answers", "rows",
    }  # fmt: skip
    assert sum(one.quick for one in fast) > 0.5 * SHAPES * MESSAGES
    assert sum(one.disproved + one.failed for one in fast) == 0
    assert {"COUNTER_REUSED", "STALE_COUNTER", "SESSION_KEY_MALFORMED"} <= reasons


def test_on_real_meters_messages_and_damaged_ones(corpus):
    source = random.Random(7)
    base = Context()
    for vector in corpus:
        context = with_keys(vector.get("keys"), base)
        fast = Normalizer(context)
        record = to_record(vector)
        octets = bytearray(record.value)
        for _ in range(8):
            changed = record._replace(value=bytes(octets))
            assert fast.normalize(changed) == normalize(changed, context), vector["id"]
            assert fast.failed == 0, vector["id"]
            octets[source.randrange(len(octets))] ^= 1 << source.randrange(8)
            if source.random() < 0.3:
                octets = bytearray(record.value)


def test_a_scaler_is_part_of_the_shape_whatever_its_number():
    """Also one that no meter means: readers take any integer in front of an enum."""
    context = Context()
    fast = Normalizer(context)
    code = Data(Tag.OCTET_STRING, bytes((1, 0, 1, 7, 0, 255)))
    for scaler in (0, 54, -60, 127, -128, 16, 17, 0):
        row = structure(code, Data(Tag.UINT16, 5), structure(Data(Tag.INT8, scaler), Data(Tag.ENUM, 27)))
        record = RawRecord("t", 0, 0, b"m", DataNotification(1, b"", structure(row)).to_bytes())
        assert [fast.normalize(record) for _ in range(2)] == [normalize(record, context)] * 2
    assert fast.quick
