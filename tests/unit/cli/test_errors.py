"""A failure is one sentence, what to do, and a documented code; never a traceback, never a word on stdout."""

import subprocess
import sys

import pytest

from ami_cli.errors import CommandError, ExitCode
from ami_cli.explain import explain
from ami_cli.main import run

pytestmark = pytest.mark.unit


@pytest.fixture
def failing(capsys):
    def fails(*arguments):
        code = run([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        assert captured.out == ""
        assert "Traceback" not in captured.err
        first, *more = captured.err.splitlines()
        assert first.startswith("error: ")
        assert first.endswith((".", "!", "?"))
        assert all(line.startswith("  try: ") for line in more)
        assert len(more) <= 1
        return code, captured.err

    return fails


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["bogus"], ExitCode.USAGE, "No such command 'bogus'"),
        (["tail"], ExitCode.USAGE, "Missing argument"),
        (["tail", "bogus"], ExitCode.USAGE, "no topic called 'bogus'"),
        (["tail", "raw", "--from", "middle"], ExitCode.USAGE, "middle"),
        (["topics", "apply", "--file", "/nonexistent/topics.yaml"], ExitCode.CONFIG, "/nonexistent/topics.yaml"),
        (["kafka", "start", "--nodes", "2"], ExitCode.USAGE, "1 node or 3"),
        (["collect", "--config", "/nonexistent/agent.yaml"], ExitCode.CONFIG, "/nonexistent/agent.yaml"),
        (["send", "/nonexistent/frames.hex"], ExitCode.MISSING, "/nonexistent/frames.hex"),
        (["ping", "http://meter"], ExitCode.USAGE, "no endpoint"),
        (["read", "tcp://127.0.0.1:1"], ExitCode.USAGE, "nothing to read"),
        (["read", "tcp://127.0.0.1:1", "1.2.3"], ExitCode.USAGE, "'1.2.3' names no object"),
        (["read", "tcp://127.0.0.1:1", "1.0.1.8.0.255", "--auth", "lls"], ExitCode.MISSING, "needs password"),
        (["read", "tcp://127.0.0.1:1", "1.0.1.8.0.255", "--server", "x"], ExitCode.USAGE, "no address"),
        (["read", "tcp://127.0.0.1:1", "--profile", "1.0.99.1.0.255"], ExitCode.USAGE, "--from"),
        (
            [
                "read",
                "tcp://127.0.0.1:1",
                "--profile",
                "1.0.99.1.0.255",
                "--from",
                "0001-01-01T00:00:00+23:00",
                "--to",
                "9999-12-31T23:59:59-23:00",
            ],
            ExitCode.USAGE,
            "lies outside the years 1900 to 9000",
        ),
        (
            ["read", "tcp://127.0.0.1:1", "1.0.1.8.0.255", "--secrets", "/nonexistent/secrets.json"],
            ExitCode.CONFIG,
            "/nonexistent/secrets.json",
        ),
        (["normalize", "--keys", "/nonexistent/keys.json"], ExitCode.CONFIG, "/nonexistent/keys.json"),
        (["normalize", "--kek", "/nonexistent/kek.json"], ExitCode.CONFIG, "/nonexistent/kek.json"),
        (["keys", "import", "/nonexistent/keys.csv"], ExitCode.CONFIG, "/nonexistent/keys.csv"),
        (["keys", "add", "414d490000000001", "--bootstrap", "localhost:1"], ExitCode.USAGE, "no key encryption key"),
        (["keys", "retire", "x", "--kind", "ek", "--bootstrap", "localhost:1"], ExitCode.USAGE, "called 'ek'"),
        (["keys", "retire", "x", "--until", "soon", "--bootstrap", "localhost:1"], ExitCode.CONFIG, "soon"),
        (["meters", "list", "--bootstrap", "localhost:1"], ExitCode.KAFKA, "localhost:1"),
        (["meters", "import", "/nonexistent/meters.csv"], ExitCode.MISSING, "/nonexistent/meters.csv"),
        (["watch", "--config", "/nonexistent/watch.yaml"], ExitCode.CONFIG, "/nonexistent/watch.yaml"),
        (["watch", "--web", "6066"], ExitCode.CONFIG, "'6066' is no address"),
        (["decode"], ExitCode.USAGE, "nothing to decode"),
        (["decode", "/nonexistent/frames.hex"], ExitCode.MISSING, "/nonexistent/frames.hex"),
        (["decode", "--jsonl", "/nonexistent/frames.jsonl"], ExitCode.MISSING, "/nonexistent/frames.jsonl"),
    ],
)
def test_each_failure_has_its_sentence_and_code(failing, arguments, code, words):
    got, said = failing(*arguments)

    assert got == code, said
    assert words in said


@pytest.mark.parametrize("mode", [0o644, 0o660])
def test_a_secrets_file_others_can_read_is_refused(failing, tmp_path, mode):
    secrets = tmp_path / "secrets.json"
    secrets.write_text('{"password": "not to be seen"}')
    secrets.chmod(mode)

    code, said = failing("read", "tcp://127.0.0.1:1", "1.0.1.8.0.255", "--auth", "lls", "--secrets", secrets)

    assert code == ExitCode.CONFIG
    assert f"chmod 600 {secrets}" in said
    assert "not to be seen" not in said


def test_a_configuration_with_a_wrong_key_names_it(failing, tmp_path):
    config = tmp_path / "agent.yaml"
    config.write_text("agent: a\nkafka: {bootstrap: localhost:1}\nlissten: []\n")

    code, said = failing("collect", "--config", config)

    assert code == ExitCode.CONFIG
    assert "lissten" in said


def test_a_missing_room_names_the_package():
    told = explain(ModuleNotFoundError("No module named 'ami_ingest'", name="ami_ingest.agent"))

    assert told.code == ExitCode.ROOM
    assert "ami-ingest" in told.sentence
    assert told.remedy == "pip install 'ami-cli[ingest]'"


def test_a_missing_extra_of_a_room_is_named_with_it():
    told = explain(ModuleNotFoundError("No module named 'faust'", name="faust"))

    assert told.code == ExitCode.ROOM
    assert "ami-normalize[watch]" in told.sentence
    assert told.remedy == "pip install 'ami-cli[watch]'"


def test_the_command_starts_without_any_room():
    program = """
import sys
class Nothing:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {"ami", "ami_schemas", "ami_dlms", "ami_kafka", "ami_ingest", "ami_normalize",
                                  "ami_simulator", "confluent_kafka", "google", "yaml", "cryptography"}:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Nothing())
from ami_cli.main import run
codes = [run(["--help"])]
for words in ("kafka status", "topics apply", "collect", "normalize", "watch", "decode 00", "demo", "send x",
              "tail raw", "read tcp://127.0.0.1:1 1.0.1.8.0.255", "simulate meter"):
    codes.append(run(words.split()))
print(codes)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout.splitlines()[-1] == str([0] + [8] * 11), done.stderr
    assert done.stderr.count("which is not installed") == 11
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("more", [[], ["--json"]])
def test_a_reader_that_has_seen_enough_is_no_failure(tmp_path, more):
    frames = tmp_path / "frames.hex"
    frames.write_text("0f40000000000101020309060100010700ff060000011802020f00161b\n" * 2000)
    command = [sys.executable, "-m", "ami_cli", "decode", str(frames), *more]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        running.stdout.readline()
        running.stdout.close()
        said = running.stderr.read()
        code = running.wait(60)

    assert (code, said) == (0, b"")


def test_a_file_error_is_told_with_the_file(tmp_path):
    with pytest.raises(OSError) as raised:
        (tmp_path / "nothing").read_text()

    assert explain(raised.value).code == ExitCode.MISSING
    assert str(tmp_path / "nothing") in explain(raised.value).sentence


def test_what_we_do_not_know_is_a_defect_of_ours():
    assert explain(ValueError("strange")) is None


def test_a_command_error_is_told_as_it_is():
    error = CommandError("It is so", "do this", ExitCode.DATA)

    assert explain(error) is error


@pytest.mark.parametrize("arguments", [[], ["kafka"], ["simulate"]])
def test_a_command_of_commands_shows_its_help_and_no_error(arguments, capsys):
    assert run(arguments) == ExitCode.USAGE
    captured = capsys.readouterr()
    assert "Usage: ami" in captured.out + captured.err
    assert "error" not in captured.err


@pytest.mark.parametrize("text", ['[{"name": "a", "matc": 1}]', '[{"name": "a", "matc": 1}, {"name": "b", "x": 2}]'])
def test_a_mapping_with_problems_names_the_place_and_the_check(tmp_path, text, failing):
    path = tmp_path / "mapping.json"
    path.write_text(text)
    code, said = failing("normalize", "--mapping", path)

    assert code == ExitCode.CONFIG
    assert f"{path}:1:16: " in said
    assert f"  try: run: ami mapping check {path}" in said
