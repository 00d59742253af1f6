"""`ami explain` shows a page that a technician understands, and the same as JSON."""

import json

import pytest

from ami_cli.errors import ExitCode
from ami_cli.main import run

pytestmark = pytest.mark.unit

POWER = "0f40000000000101020309060100010700ff060000011802020f00161b"


@pytest.fixture(autouse=True)
def narrow(monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")


def test_the_page_leads_from_the_octets_to_the_value(capsys):
    assert run(["explain", "--hex", POWER]) == 0
    said = capsys.readouterr().out
    assert max(map(len, said.splitlines())) <= 100
    assert "APDU: data-notification, 29 octets" in said
    (line,) = [line for line in said.splitlines() if "06 00 00 01 18" in line]
    assert line.split()[0] == "18"
    assert line.rstrip().endswith("280  = 1.0.1.7.0.255 280 W")
    assert "scaler 0, unit W, as the message states" in said


def test_json_is_one_object_a_message(capsys):
    assert run(["explain", POWER, "--json"]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line)["apdus"][0]["readings"][0]["value"] == "280"


def test_one_message_of_a_file_is_chosen(corpus_dir, capsys):
    path = str(corpus_dir / "vectors.jsonl")
    assert run(["explain", path, "--id", "dlmsparser-hdlc-kamstrup-omnipower"]) == 0
    said = capsys.readouterr().out
    assert "Security: general-glo-ciphering" in said
    assert "hdlc" in said
    assert run(["explain", path, "--id", "none"]) == ExitCode.MISSING


def test_long_lists_are_cut_unless_all_is_wanted(capsys):
    many = "0f0000000000" + "0164" + "0600000001" * 100
    assert run(["explain", "--hex", many]) == 0
    short = capsys.readouterr().out
    assert "… 92 elements" in short
    assert run(["explain", "--hex", many, "--all"]) == 0
    assert len(capsys.readouterr().out.splitlines()) - len(short.splitlines()) == 91


def test_nothing_and_nonsense_are_refused(capsys):
    assert run(["explain"]) == ExitCode.USAGE
    assert run(["explain", "--hex", "0"]) == ExitCode.USAGE
    assert "error:" in capsys.readouterr().err


def test_every_message_of_the_corpus_has_a_page(corpus, corpus_dir, capsys):
    assert run(["explain", str(corpus_dir / "vectors.jsonl"), "--lenient"]) == 0
    said = capsys.readouterr()
    assert said.err == ""
    lines = said.out.splitlines()
    assert max(map(len, lines)) <= 100
    assert all(line.isprintable() for line in lines)
    assert sum(line.startswith("Frame: ") for line in lines) == len(corpus) == 176
    for vector in corpus:
        assert sum(line.startswith(f"{vector['id']}  ") for line in lines) == 1


def test_a_record_and_a_file_are_told_apart(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "ami.raw.v1" / "3").mkdir(parents=True)
    (tmp_path / "ami.raw.v1" / "3" / "17").write_text(POWER)
    assert run(["explain", "ami.raw.v1/3/17"]) == 0
    assert "280 W" in capsys.readouterr().out
    assert run(["explain", "ami.raw.v1/3/18", "--bootstrap", "127.0.0.1:1"]) == ExitCode.KAFKA
    assert run(["explain", POWER, "--obis", "1.0.1.8.0.255"]) == ExitCode.USAGE
    assert run(["explain", "--meter", "m", POWER]) == ExitCode.USAGE
    assert run(["explain", "--meter", "m", "--at", "noon", "--bootstrap", "127.0.0.1:1"]) == ExitCode.USAGE


def test_control_characters_of_a_meter_do_not_reach_the_terminal(capsys):
    text = b"\x1b]0;owned\x07\x1b[2J"
    body = b"\x01\x01\x02\x02\x09\x06" + bytes((0, 0, 96, 1, 0, 255)) + bytes((10, len(text))) + text
    assert run(["explain", "--hex", (b"\x0f" + bytes(5) + body).hex()]) == 0
    said = capsys.readouterr().out
    assert all(line.isprintable() for line in said.splitlines())
    assert "\\x1b]0;owned" in said
