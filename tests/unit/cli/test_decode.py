"""`ami decode` answers every line in order, and reads what people have at hand."""

import io
import json

import pytest

from ami_cli.captured import messages_of, transport_of
from ami_cli.errors import ExitCode
from ami_cli.main import run

pytestmark = pytest.mark.unit

POWER = "0f40000000000101020309060100010700ff060000011802020f00161b"


def test_jsonl_keeps_the_order_and_never_stops(tmp_path, capsys):
    lines = [
        json.dumps({"id": "a", "hex": POWER, "transport": "raw-apdu", "model": "ignored"}),
        "this is no JSON",
        "[1]",
        "",
        " \r",
        json.dumps({"id": "b", "hex": "zz", "transport": "raw-apdu"}),
        json.dumps({"id": "c"}),
        json.dumps({"id": "d", "hex": POWER[:-4], "transport": "raw-apdu"}),
        "{" * 50_000,
        json.dumps({"id": "e", "hex": POWER, "transport": "raw-apdu"}),
    ]
    path = tmp_path / "messages.jsonl"
    path.write_bytes("\n".join(lines).encode() + b'\n{"id": "f",\r"hex": "\xff\xfe"}\n\n \n')

    assert run(["decode", "--jsonl", str(path)]) == 0
    answers = [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    assert [answer["id"] for answer in answers] == ["a", *[None] * 4, "b", "c", "d", None, "e", "f"]
    assert [answer["outcome"] for answer in answers] == ["readings", *["rejected"] * 8, "readings", "rejected"]
    assert answers[0]["readings"][0]["value"] == "280"
    assert answers[7]["reason"] == "TRUNCATED"


def test_jsonl_reads_stdin_whatever_its_encoding(monkeypatch, capsys):
    octets = json.dumps({"id": 1, "hex": POWER, "transport": "raw-apdu"}).encode() + b'\n{"id": "\xff", "hex": "0f"}\n'
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(octets), encoding="utf-8"))

    assert run(["decode", "--jsonl", "-"]) == 0
    assert [json.loads(line)["id"] for line in capsys.readouterr().out.splitlines()] == [1, "\ufffd"]


@pytest.mark.parametrize(
    ("written", "answered"),
    [
        (b'"\\ud800"', "\ud800"),
        (b'"\xc3\xa9\xe2\x80\xa8"', "é\u2028"),
        (b"5", 5),
        (b"null", None),
        (b'["a"]', None),
        (b"[" * 500 + b"]" * 500, None),
        (b"NaN", None),
        (b"1e999", None),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_any_id_is_answered_with_valid_json(written, answered, encoding, tmp_path, monkeypatch):
    path = tmp_path / "messages.jsonl"
    path.write_bytes(b'{"id":' + written + b',"hex":"0f"}')
    out = io.BytesIO()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(out, encoding=encoding))

    assert run(["decode", "--jsonl", str(path)]) == 0
    (line,) = out.getvalue().decode().strip().split("\n")
    assert json.loads(line, parse_constant=pytest.fail)["id"] == answered


def test_the_corpus_is_answered_line_by_line(corpus, corpus_dir, capsys):
    assert run(["decode", "--jsonl", str(corpus_dir / "vectors.jsonl"), "--lenient"]) == 0
    answers = [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    assert [answer["id"] for answer in answers] == [vector["id"] for vector in corpus]


def test_hex_may_be_longer_than_a_file_name(capsys):
    assert run(["decode", "00" * 3000, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["outcome"] == "rejected"


def test_hex_is_shown_for_people(capsys):
    assert run(["decode", POWER]) == 0
    said = capsys.readouterr().out

    assert "1.0.1.7.0.255" in said
    assert "Active power import" in said
    assert "280" in said


@pytest.mark.parametrize("text", [POWER, POWER.upper(), " ".join(POWER[i : i + 2] for i in range(0, len(POWER), 2))])
def test_hex_may_be_written_with_spaces(text, capsys):
    assert run(["decode", text, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["readings"][0]["value"] == "280"


@pytest.mark.parametrize(
    ("content", "count"),
    [
        (f"# captured\n{POWER}\n\n{POWER} # again\n".encode(), 2),
        (json.dumps({"id": "x", "hex": POWER}).encode(), 1),
        (bytes.fromhex(POWER) + b"\xff", 1),
        (b"/ABC5\r\n\r\n1-0:1.8.0(1*kWh)\r\n!\r\n", 1),
    ],
)
def test_files_may_hold_hex_lines_json_lines_or_bytes(tmp_path, content, count):
    path = tmp_path / "captured"
    path.write_bytes(content)

    assert len(list(messages_of(str(path)))) == count


def test_a_line_that_is_neither_is_named(tmp_path, capsys):
    path = tmp_path / "captured.hex"
    path.write_text(f"{POWER}\nnot hex\n")

    assert run(["decode", str(path)]) == ExitCode.DATA
    assert "line 2" in capsys.readouterr().err


def test_keys_come_from_a_file_that_others_cannot_read(tmp_path, capsys):
    keys = tmp_path / "keys.json"
    keys.write_text(json.dumps({"guek": "00" * 16}))
    keys.chmod(0o644)

    assert run(["decode", POWER, "--keys", str(keys)]) == ExitCode.CONFIG
    assert f"chmod 600 {keys}" in capsys.readouterr().err


def test_keys_of_a_system_title_are_found(tmp_path, corpus, capsys):
    vector = next(
        v for v in corpus if v["keys"]["guek"] and v["keys"]["gak"] and v["tag_ok"] and v["keys"]["system_title"]
    )
    title = vector["keys"]["system_title"]
    keys = tmp_path / "keys.json"
    keys.write_text(json.dumps({"ffffffffffffffff": {"guek": "00" * 16}, title: vector["keys"]}))
    keys.chmod(0o600)
    frames = tmp_path / "frames.jsonl"
    frames.write_text(json.dumps({"id": "x", "hex": vector["hex"], "transport": vector["transport"]}))

    assert run(["decode", str(frames), "--keys", str(keys), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["protection"].startswith("authenticated")


@pytest.mark.parametrize(
    ("first", "transport"),
    [
        ("7ea0", "hdlc"),
        ("6801", "mbus"),
        ("0001", "wrapper"),
        ("2f41", "dsmr-p1"),
        ("0f40", "raw-apdu"),
        ("", "raw-apdu"),
    ],
)
def test_the_transport_is_guessed(first, transport):
    assert transport_of(bytes.fromhex(first)) == transport
