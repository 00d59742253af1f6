"""`ami mapping learn` proposes entries for what is unknown; a person accepts them."""

import json
from pathlib import Path

import pytest
from support.households import date_time, records, states
from support.layouts import NORDIC, TARIFFS

from ami_cli.errors import ExitCode
from ami_cli.main import run

pytestmark = pytest.mark.unit


def fleet(meters=4, sunny=2):
    return [(n, states(n, days=1, every_s=900, sun=n < sunny)) for n in range(meters)]


@pytest.fixture(scope="module")
def messages():
    """Of two makers, as `ami decode` takes them."""
    raw = records(NORDIC, fleet(), "ABC", header=date_time) + records(TARIFFS, fleet(), "XYZ", header=date_time)
    return [
        {"id": f"m-{number}", "hex": record.value.hex(), "keys": {"system_title": record.key[3:].decode()}}
        for number, record in enumerate(raw)
    ]


@pytest.fixture
def parked(tmp_path, messages):
    path = tmp_path / "parked.jsonl"
    path.write_text("".join(json.dumps(message) + "\n" for message in messages))
    return str(path)


def test_the_table_says_which_column_is_what_and_why(parked, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    assert run(["mapping", "learn", parked]) == 0
    said = capsys.readouterr().out
    assert max(map(len, said.splitlines())) <= 120
    (line,) = [line for line in said.splitlines() if "1.0.2.8.0.255" in line and "Wh" in line][:1]
    assert "0.9" in line
    assert "Active energy export (-P)" in said
    assert "as fed-in sunlight does" in said
    assert "ABC_001" in said


def test_json_is_one_object_a_layout(parked, capsys):
    assert run(["mapping", "learn", parked, "--json"]) == 0
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [each["manufacturer"] for each in found] == ["ABC", "XYZ"]
    assert [each["meters"] for each in found] == [4, 4]
    for each, layout in zip(found, (NORDIC, TARIFFS), strict=True):
        assert [column["obis"] or "" for column in each["columns"]] == [place.obis for place in layout]
        assert all(column["reason"] for column in each["columns"])


def test_a_proposal_is_written_checked_and_then_decodes(parked, tmp_path, messages, capsys):
    out = tmp_path / "mapping.json"
    assert run(["mapping", "learn", parked, "--out", str(out)]) == 0
    assert run(["mapping", "check", str(out)]) == 0
    capsys.readouterr()
    assert run(["decode", "--jsonl", parked, "--mapping", str(out)]) == 0
    answers = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {answer["outcome"] for answer in answers} == {"readings"}
    assert len(answers) == len(messages)
    assert run(["mapping", "learn", parked, "--mapping", str(out)]) == ExitCode.MISSING


def test_what_is_accepted_stands_behind_what_is_there_which_keeps_its_form(parked, tmp_path, capsys):
    path = tmp_path / "mapping.json"
    mine = '[\n  {"name":  "mine", "match": [{"flag": "QQQ"}],   "time": {"zone": "Europe/Vienna"}}\n]\n'
    path.write_text(mine)
    path.chmod(0o640)
    assert run(["mapping", "learn", parked, "--accept", str(path), "--fingerprint", "ffff"]) == ExitCode.MISSING
    assert path.read_text() == mine
    assert run(["mapping", "learn", parked, "--accept", str(path)]) == 0
    text = path.read_text()
    assert text.startswith(mine.rstrip()[:-1].rstrip())
    assert [entry["name"].split("-")[0] for entry in json.loads(text)] == ["mine", "learned", "learned"]
    assert path.stat().st_mode & 0o777 == 0o640
    assert list(tmp_path.glob(".*")) == []
    capsys.readouterr()
    assert run(["mapping", "learn", parked, "--accept", str(path)]) == ExitCode.MISSING
    assert "no message whose layout is unknown" in capsys.readouterr().err
    assert path.read_text() == text


@pytest.mark.parametrize("content", ['{"name": "mine"}', "nonsense", '[{"name": "mine", "layout": []}]'])
def test_a_mapping_that_is_wrong_or_no_list_is_left_as_it_is(parked, tmp_path, content, capsys):
    path = tmp_path / "mapping.json"
    path.write_text(content)
    assert run(["mapping", "learn", parked, "--accept", str(path)]) == ExitCode.CONFIG
    assert path.read_text() == content
    assert str(path) in capsys.readouterr().err


def test_accepting_into_a_mapping_that_does_not_exist_makes_it(parked, tmp_path):
    path = tmp_path / "new.json"
    assert run(["mapping", "learn", parked, "--accept", str(path), "--fingerprint", _first(parked)]) == 0
    assert len(json.loads(path.read_text())) == 1


def _first(parked):
    from ami_normalize.learning.samples import samples
    from ami_normalize.offline import to_record
    from ami_normalize.pipeline import Context

    with Path(parked).open() as lines:
        (sample,) = samples([to_record(json.loads(next(lines)))], Context())
    return sample.fingerprint


def test_lines_of_tail_are_taken_too(tmp_path, capsys):
    path = tmp_path / "tailed.jsonl"
    with path.open("w") as file:
        for record in records(NORDIC, fleet(), "ABC", header=date_time):
            told = {name: value.decode() for name, value in record.headers.items()}
            line = {"topic": "ami.parked.v1", "partition": 0, "offset": record.offset, "key": record.key.decode()}
            file.write(json.dumps({**line, "headers": told, "hex": record.value.hex()}) + "\n")
    assert run(["mapping", "learn", str(path), "--json"]) == 0
    (found,) = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert (found["manufacturer"], found["meters"]) == ("ABC", 4)


def test_a_threshold_decides_what_is_passed_over(parked, tmp_path, capsys):
    for threshold, least in (("0.99", 0), ("0.1", 18)):
        path = tmp_path / f"{threshold}.json"
        code = run(["mapping", "learn", parked, "--out", str(path), "--min-confidence", threshold])
        if not least:
            assert code == ExitCode.MISSING
            assert "Nothing is sure enough" in capsys.readouterr().err
            continue
        (nordic, _) = json.loads(path.read_text())
        assert sum("obis" in column for column in nordic["layouts"][0]["columns"]) == least


def test_nothing_unknown_is_a_sentence(tmp_path, capsys):
    path = tmp_path / "known.hex"
    path.write_text("0f40000000000101020309060100010700ff060000011802020f00161b\n")
    assert run(["mapping", "learn", str(path)]) == ExitCode.MISSING
    assert "no message whose layout is unknown" in capsys.readouterr().err
