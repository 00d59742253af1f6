"""Which letters are meant, how they are counted, and how one is asked for again."""

from datetime import datetime, timezone

import pytest

from ami_normalize.letters.choice import Choice, moment_ms
from ami_normalize.letters.letter import Letter
from ami_normalize.letters.overview import Overview
from ami_normalize.letters.request import Request
from ami_schemas import headers, topics
from ami_schemas.reasons import Reason

pytestmark = pytest.mark.unit

TITLE = "414d490000000001"
NOW = datetime(2026, 3, 1, 12, tzinfo=timezone.utc)


def letter(number=0, reason="TAG_MISMATCH", key=f"st-{TITLE}", at_ms=1000, stage="decrypt", **more):
    told = {
        headers.DLQ_REASON: reason.encode(),
        headers.DLQ_STAGE: stage.encode(),
        headers.DLQ_MESSAGE: b"no",
        headers.SOURCE: f"ami.raw.v1/3/{number}#1".encode(),
        **more,
    }
    return Letter("ami.dlq.v1", 3, 70 + number, at_ms, key.encode(), b"\x01", told)


def test_a_letter_says_whose_it_is_and_why():
    one = letter(42)
    assert (one.source, one.reason, one.stage, one.message) == ("ami.raw.v1/3/42", "TAG_MISMATCH", "decrypt", "no")
    assert (one.meter, one.maker, one.attempt) == (f"st-{TITLE}", "AMI", 0)
    assert one.known_reason is Reason.TAG_MISMATCH
    assert letter(reason="OF_TOMORROW").known_reason is None
    assert letter(**{headers.ATTEMPT: b"3"}).attempt == 3


@pytest.mark.parametrize(
    ("choice", "meant"),
    [
        (Choice(), True),
        (Choice(reasons=frozenset({"TAG_MISMATCH", "KEY_WRONG"})), True),
        (Choice(reasons=frozenset({"KEY_WRONG"})), False),
        (Choice(meters=frozenset({TITLE})), True),
        (Choice(meters=frozenset({f"st-{TITLE}"})), True),
        (Choice(meters=frozenset({"414d49"})), False),
        (Choice(stages=frozenset({"unframe"})), False),
        (Choice(makers=frozenset({"AMI"})), True),
        (Choice(makers=frozenset({"KFM"})), False),
        (Choice(since_ms=1000, until_ms=1001), True),
        (Choice(since_ms=1001), False),
        (Choice(until_ms=1000), False),
        (Choice(makers=frozenset({"AMI"}), stages=frozenset({"unframe"})), False),
    ],
)
def test_all_of_a_choice_must_hold(choice, meant):
    assert choice(letter()) is meant
    assert choice.everything is (choice == Choice())


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("30m", datetime(2026, 3, 1, 11, 30, tzinfo=timezone.utc)),
        ("7d", datetime(2026, 2, 22, 12, tzinfo=timezone.utc)),
        ("2026-03-01T13:00:00+02:00", datetime(2026, 3, 1, 11, tzinfo=timezone.utc)),
        ("2026-03-01T11:00:00Z", datetime(2026, 3, 1, 11, tzinfo=timezone.utc)),
    ],
)
def test_times(text, moment):
    assert moment_ms(text, lambda: NOW) == moment.timestamp() * 1000


@pytest.mark.parametrize("text", ["", "yesterday", "2026-03-01T11:00:00", "5w", "-2h"])
def test_what_is_no_time(text):
    with pytest.raises(ValueError):
        moment_ms(text)


def test_counted_by_reason_and_maker():
    overview = Overview()
    for number in range(5):
        overview.add(letter(number, at_ms=1000 + number))
    overview.add(letter(9, key="st-414d490000000002"))
    overview.add(letter(9, reason="TRUNCATED", key="inventory-1"))
    first, second = overview.groups()
    assert (first.reason, first.maker, first.letters, first.meters) == ("TAG_MISMATCH", "AMI", 6, 2)
    assert (first.first_ms, first.last_ms, first.most) == (1000, 1004, f"st-{TITLE}")
    assert (second.reason, second.maker, second.letters) == ("TRUNCATED", "unknown", 1)
    assert overview.total == 7


@pytest.mark.parametrize("accept", [False, True])
def test_a_request_says_which_record_is_meant_and_where_its_bytes_are(accept):
    one = letter(7, **{headers.DLQ_GROUP: b"ami-normalize"})
    record = Request(one, 2, accept).record()
    assert (record.topic, record.partition, record.key, record.value) == (topics.PARKED, 3, one.key, None)
    assert dict(record.headers) == {
        headers.REDRIVE: b"ami.raw.v1/3/7#1",
        headers.REDRIVE_AT: b"ami.dlq.v1/77",
        headers.ATTEMPT: b"2",
        headers.DLQ_GROUP: b"ami-normalize",
        **({headers.ACCEPT_COUNTER: b"1"} if accept else {}),
    }
