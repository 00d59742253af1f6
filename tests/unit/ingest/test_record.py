"""The raw record: key, headers, and what exceeds its size."""

import pytest

from ami_dlms.framing import Framing, Message
from ami_ingest import system_title
from ami_ingest.record import MAX_VALUE, ExchangeKind, Origin, Recorder, Transport, from_message

pytestmark = pytest.mark.unit

TITLE = bytes.fromhex("4d4d4d0000000001")
GLO = b"\xdb\x08" + TITLE + b"\x10\x30\x00\x00\x00\x01" + b"c" * 11
PLAIN = bytes.fromhex("0f40000000000001")
ORIGIN = Origin("edge-1", Transport.TCP, ExchangeKind.PUSH, "10.0.0.7", "10.0.0.7:50123")
RECEIVED_US = 1_795_413_600_000_042


def message(*apdus, raw=b"raw", complete=True):
    return Message(raw, Framing.WRAPPER, apdus, complete)


def record(msg, origin=ORIGIN, context=None):
    (one,) = from_message(msg, origin, RECEIVED_US, context)
    return one


@pytest.mark.parametrize(
    ("apdus", "origin", "key"),
    [
        ((PLAIN,), ORIGIN, b"peer-10.0.0.7"),
        ((), ORIGIN, b"peer-10.0.0.7"),
        ((PLAIN,), ORIGIN._replace(meter="m1"), b"m1"),
        ((PLAIN,), ORIGIN._replace(meter="m1", system_title=b"\xaa" * 8), b"st-aaaaaaaaaaaaaaaa"),
        ((GLO,), ORIGIN._replace(meter="m1"), b"st-4d4d4d0000000001"),
        ((GLO,), ORIGIN._replace(meter="m1", system_title=b"\xaa" * 8), b"st-4d4d4d0000000001"),
        ((PLAIN, GLO), ORIGIN, b"st-4d4d4d0000000001"),
    ],
)
def test_the_key_is_the_best_that_is_known(apdus, origin, key):
    assert record(message(*apdus), origin).key == key


@pytest.mark.parametrize(
    ("apdu", "title"),
    [
        (GLO, TITLE),
        (b"\xdc" + GLO[1:], TITLE),
        (b"\xdd\x00\x08" + TITLE + b"\x00" * 20, TITLE),
        (b"\xdd\x04\x01\x02\x03\x04\x08" + TITLE + b"\x00" * 20, TITLE),
        (b"\xdf\x00\x08" + TITLE + b"\x00" * 20, TITLE),
        (b"\xdb\x00" + b"\x00" * 20, None),
        (b"\xdd\xff" + b"\x00" * 20, None),
        (b"\xdd\x7f" + b"\x00" * 20, None),
        (GLO[:9], None),
        (PLAIN, None),
        (b"", None),
    ],
)
def test_the_system_title_of_a_ciphered_apdu(apdu, title):
    assert system_title.find([apdu]) == title


def test_the_headers_of_a_push():
    made = record(message(GLO))

    assert made.value == b"raw"
    assert made.timestamp_us == RECEIVED_US
    assert dict(made.headers) == {
        "ce_specversion": b"1.0",
        "ce_type": b"ami.raw.apdu.v1",
        "ce_source": b"/ami/agents/edge-1",
        "ce_time": b"2026-11-23T06:00:00.000042Z",
        "ce_subject": b"10.0.0.7:50123",
        "ami-framing": b"wrapper",
        "ami-transport": b"tcp",
        "ami-exchange": b"push",
        "ami-agent": b"edge-1",
        "ami-system-title": b"4d4d4d0000000001",
    }


def test_the_headers_of_a_poll_hold_its_context():
    origin = ORIGIN._replace(exchange=ExchangeKind.POLL, meter="m1", system_title=TITLE)
    headers = dict(record(message(PLAIN), origin, b"context").headers)

    assert headers["ami-exchange"] == b"poll"
    assert headers["ami-context"] == b"context"
    assert headers["ami-system-title"] == b"4d4d4d0000000001"
    assert "ami-incomplete" not in headers


@pytest.mark.parametrize("msg", [message(), message(PLAIN, complete=False), message(complete=False)])
def test_what_holds_no_complete_apdu_is_incomplete(msg):
    assert dict(record(msg).headers)["ami-incomplete"] == b"1"


def test_what_is_too_large_is_cut_into_incomplete_records():
    raw = bytes(range(256)) * 4096 * 2 + b"rest"
    records = from_message(message(GLO, raw=raw), ORIGIN, RECEIVED_US)

    assert [len(one.value) for one in records] == [MAX_VALUE, MAX_VALUE, 4]
    assert b"".join(one.value for one in records) == raw
    assert {dict(one.headers)["ami-incomplete"] for one in records} == {b"1"}
    assert {one.key for one in records} == {b"st-4d4d4d0000000001"}


def test_records_of_one_peer_are_those_of_each_message_alone():
    recorder = Recorder(ORIGIN)
    messages = [message(GLO), message(PLAIN), message(), message(GLO, complete=False), message(GLO)]

    assert recorder.records(messages, RECEIVED_US) == [record(one) for one in messages]


def test_an_address_that_speaks_for_many_meters_is_remembered_within_bounds():
    recorder = Recorder(ORIGIN)
    for number in range(1000):
        title = number.to_bytes(8, "big")
        (one,) = recorder.records([message(b"\xdb\x08" + title + GLO[10:])], RECEIVED_US)
        assert one.key == b"st-" + title.hex().encode()

    assert len(recorder._shapes) <= 256
