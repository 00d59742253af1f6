"""Lines that a technician reads, a program parses and the journal sorts."""

import json

import pytest

from ami_ingest.logs import line

pytestmark = pytest.mark.unit

REFUSED = {
    "agent": "edge-1",
    "meter": "m-1",
    "address": "tcp://10.0.0.7:4059",
    "remedy": "check the meter's port",
    "cause": "nothing listens there",
    "event": "Connection Refused (Error 111)",
    "level": "warning",
    "timestamp": "2026-11-26T22:30:00.123456Z",
}


def test_a_technician_reads_who_what_why_and_what_to_do():
    assert line.text(REFUSED) == (
        "2026-11-26T22:30:00.123Z WARNING meter=m-1 Connection Refused (Error 111) agent=edge-1 "
        'address=tcp://10.0.0.7:4059 cause="nothing listens there" remedy="check the meter\'s port"'
    )


def test_a_program_reads_all_fields():
    assert json.loads(line.json_line({**REFUSED, "path": object})) == {**REFUSED, "path": "<class 'object'>"}


def test_the_journal_gets_a_priority_and_keeps_its_own_time():
    told = line.journal({**REFUSED, "level": "error", "exception": "Traceback\n  boom"})
    assert told.split("\n")[0].startswith("<3>meter=m-1 Connection Refused (Error 111) ")
    assert told.split("\n")[1:] == ["<3>  | Traceback", "<3>  |   boom"]
    assert "2026" not in told


@pytest.mark.parametrize("form", [line.text, line.json_line, line.journal])
def test_what_a_meter_says_makes_no_line_of_its_own(form):
    told = form({**REFUSED, "event": "a\n2026-11-26 ERROR b", "name": "x\r\n\x1b[31my", "meter": "m\n1"})
    assert len(told.splitlines()) == 1
    assert "\x1b" not in told


def test_a_value_of_several_words_is_in_quotes():
    assert line.text({"event": "e", "a": 'say "x"', "b": "", "c": None, "d": 0}).endswith('e a="say \\"x\\"" b="" d=0')
