"""How meters fared is read from what is written for them."""

import pytest

from ami_kafka.loop import Output, RawMessage
from ami_normalize.stream.fared import fared

pytestmark = pytest.mark.unit


def sent(offset, key):
    return RawMessage("ami.raw.v1", 0, offset, 0, key, b"", ())


def read(offset, meter=b"some id"):
    return Output("ami.readings.v1", 0, meter, b"", [("ami-source", f"ami.raw.v1/0/{offset}".encode())])


def refused(offset, key, reason, topic="ami.dlq.v1", suffix=""):
    source = ("ami-source", f"ami.raw.v1/0/{offset}{suffix}".encode())
    return Output(topic, 0, key, b"", [("dlq.reason", reason.encode()), source])


def test_read_or_not_opened():
    batch = [sent(0, b"st-a"), sent(1, b"st-b")]
    assert fared(batch, [read(0), refused(1, b"st-b", "TAG_MISMATCH")]) == {b"st-a": False, b"st-b": True}


@pytest.mark.parametrize(
    ("reason", "topic"),
    [("FRAME_MALFORMED", "ami.dlq.v1"), ("COUNTER_REUSED", "ami.dlq.v1"), ("KEY_MISSING", "ami.parked.v1")],
)
def test_what_says_nothing_about_keys_is_left_out(reason, topic):
    assert fared([sent(0, b"st-a")], [refused(0, b"st-a", reason, topic)]) == {}


def test_whose_other_message_was_read_has_the_right_keys():
    batch = [sent(0, b"st-a"), sent(1, b"st-a")]
    outputs = [refused(0, b"st-a", "TAG_MISMATCH", suffix="#0"), refused(0, b"st-a", "KEY_WRONG", suffix="#1"), read(1)]
    assert fared(batch, outputs) == {b"st-a": False}


def test_records_without_a_key_are_nobodys():
    assert fared([sent(0, None), sent(1, None)], [read(0), refused(1, None, "TAG_MISMATCH")]) == {}
