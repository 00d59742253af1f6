"""What `ami dlq redrive` asks for, and what it refuses."""

import pytest

from ami_cli.main import run
from ami_cli.redrive import plan
from ami_normalize.letters.letter import Letter
from ami_normalize.letters.scan import Resolved

pytestmark = pytest.mark.unit

NOTHING = Resolved({}, {})


def letter(number, reason="TAG_MISMATCH", attempt=0, offset=0, suffix=""):
    told = {"dlq.reason": reason.encode(), "ami-source": f"ami.raw.v1/0/{number}{suffix}".encode()}
    if attempt:
        told["ami-attempt"] = str(attempt).encode()
    return Letter("ami.dlq.v1", 0, offset, 0, b"k", b"", told)


def asked(made):
    return [(request.source, request.attempts) for request in made.requests]


def test_each_raw_record_once_by_its_latest_letter():
    found = [letter(1, suffix="#0"), letter(1, suffix="#1"), letter(2), letter(2, attempt=1, offset=9)]
    made = plan(found, NOTHING, None, force=False, accept_counter=False)
    assert asked(made) == [("ami.raw.v1/0/1", 0), ("ami.raw.v1/0/2", 1)]
    assert made.requests[1].letter.offset == 9


def test_above_three_attempts_only_by_force():
    found = [letter(1, attempt=3), letter(2)]
    made = plan(found, NOTHING, None, force=False, accept_counter=False)
    assert asked(made) == [("ami.raw.v1/0/2", 0)]
    assert [each.source for each in made.exhausted] == ["ami.raw.v1/0/1"]
    assert asked(plan(found, NOTHING, None, force=True, accept_counter=False))[0] == ("ami.raw.v1/0/1", 3)


def test_what_the_ledger_turned_down_only_by_who_accepts_the_counter():
    found = [letter(1, "COUNTER_REUSED"), letter(2, "STALE_COUNTER")]
    made = plan(found, NOTHING, None, force=True, accept_counter=False)
    assert (asked(made), len(made.protected)) == ([], 2)
    made = plan(found, NOTHING, None, force=False, accept_counter=True)
    assert all(request.accept_counter for request in made.requests)
    assert len(made.requests) == 2


def test_attempts_that_markers_tell_count():
    made = plan([letter(1)], Resolved({}, {"ami.raw.v1/0/1": 3}), None, force=False, accept_counter=False)
    assert (made.requests, len(made.exhausted)) == ([], 1)


def test_so_many_at_most():
    made = plan([letter(number) for number in range(10)], NOTHING, 3, force=False, accept_counter=False)
    assert len(made.requests) == 3


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ("dlq redrive", "Nothing says which dead letters"),
        ("dlq ls --reason NO_SUCH", "There is no reason NO_SUCH"),
        ("dlq ls --since yesterday", "--since yesterday is no time"),
        ("dlq show somewhere", "names no raw record"),
    ],
)
def test_what_cannot_be_meant_is_a_usage_error(arguments, told, capsys):
    assert run(arguments.split()) == 2
    assert told in capsys.readouterr().err
