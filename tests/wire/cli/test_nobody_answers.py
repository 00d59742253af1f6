"""Where nobody answers, the command says so in one sentence, with its code, and within its time."""

import pytest

from ami_cli.errors import ExitCode
from ami_cli.main import run

pytestmark = pytest.mark.wire

NO_KAFKA = ["--bootstrap", "127.0.0.1:1"]


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["tail", "raw", *NO_KAFKA], ExitCode.KAFKA, "no Kafka answers at 127.0.0.1:1"),
        (["topics", "apply", *NO_KAFKA], ExitCode.KAFKA, "ami kafka start"),
        (["normalize", *NO_KAFKA], ExitCode.KAFKA, "no Kafka answers at 127.0.0.1:1"),
        (["ping", "tcp://127.0.0.1:1"], ExitCode.METER, "Connection Refused"),
        (["read", "tcp://127.0.0.1:1", "1.0.1.8.0.255"], ExitCode.METER, "Connection Refused"),
        (["read", "hdlc+tcp://127.0.0.1:1", "1.0.1.8.0.255", "--json"], ExitCode.METER, "Connection Refused"),
    ],
)
def test_nobody_answers(arguments, code, words, capsys):
    got = run(arguments)
    captured = capsys.readouterr()

    assert got == code, captured.err
    assert captured.out == ""
    assert words in captured.err
    assert len(captured.err.splitlines()) == 2
    assert captured.err.startswith("error: ")
