"""Every verb explains itself."""

import pytest

from ami_cli.main import run

pytestmark = pytest.mark.unit

VERBS = [
    "demo", "doctor", "read", "ping", "send", "simulate", "simulate meter", "simulate fleet",
    "simulate truth", "collect", "normalize", "watch", "kafka",
    "kafka start", "kafka stop", "kafka status", "topics", "topics apply", "tail", "decode", "archive",
    "explain", "mapping", "mapping check", "mapping show", "mapping schema", "mapping learn",
    "replay", "replay diff", "replay ls", "replay drop", "replay promote",
    "dlq", "dlq ls", "dlq show", "dlq redrive", "parked", "parked ls", "parked show",
    "ledger", "ledger show", "ledger reset",
    "routes", "routes check", "routes show", "routes schema",
    "keys", "keys kek", "keys add", "keys import", "keys list", "keys retire", "keys check",
    "meters", "meters import", "meters list", "meters show", "meters rename",
]  # fmt: skip


def test_the_command_lists_its_verbs(capsys):
    code = run(["--help"])
    said = capsys.readouterr().out

    assert code == 0
    for verb in {verb.split()[0] for verb in VERBS}:
        assert f" {verb} " in said


@pytest.mark.parametrize("verb", VERBS)
def test_each_verb_has_help(verb, capsys):
    code = run([*verb.split(), "--help"])
    said = capsys.readouterr().out

    assert code == 0
    assert "Usage" in said or "usage" in said


def test_version(capsys):
    assert run(["--version"]) == 0
    assert capsys.readouterr().out.startswith("ami 0.")


@pytest.mark.parametrize(
    "verb",
    ["tail raw", "topics apply", "normalize", "watch", "collect", "demo", "doctor", "archive", "replay", "explain"],
)
def test_what_uses_kafka_takes_bootstrap(verb, capsys):
    run([verb.split()[0], *verb.split()[1:][:1], "--help"] if verb == "topics apply" else [verb.split()[0], "--help"])
    said = capsys.readouterr().out

    assert "--bootstrap" in said
    assert "KAFKA_BOOTSTRAP" in said
