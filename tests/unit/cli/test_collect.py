"""`ami collect` without collecting: the schema, and a configuration that is only checked."""

import json

import pytest
from typer.testing import CliRunner

from ami_cli.app import app
from ami_cli.errors import ExitCode
from ami_cli.main import run

pytestmark = pytest.mark.unit


def test_the_schema_is_printed():
    done = CliRunner().invoke(app, ["collect", "--schema"])

    assert done.exit_code == 0
    assert "agent" in json.loads(done.output)["properties"]


def test_all_mistakes_are_told_and_of_very_many_how_many_there_are(tmp_path, capsys):
    config = tmp_path / "dlms_config.yaml"
    config.write_text("agent: a\nkafka: {bootstrap: 'x:1'}\nmeters:\n" + "- {id: m1, address: h, colour: red}\n" * 15)

    assert run(["collect", "--config", str(config), "--check"]) == ExitCode.CONFIG
    captured = capsys.readouterr()
    lines = captured.err.splitlines()
    assert captured.out == ""
    assert lines[:4] == [
        f"error: {config}, line 4: meters[0].address: 'h' is no endpoint.",
        lines[1],
        f"error: {config}, line 4: meters[0].colour: unknown key.",
        "  try: remove it",
    ]
    assert lines[1].startswith("  try: write tcp://HOST:PORT")
    assert [line.partition(":")[0] for line in lines[:-1]] == ["error", "  try"] * 20
    assert lines[-1] == "… and 10 more"


def test_a_configuration_is_checked_with_what_the_environment_says(tmp_path, monkeypatch):
    config = tmp_path / "dlms_config.yaml"
    config.write_text('kafka: {bootstrap: "x:1"}\nmeters: [{id: m1, address: "tcp://h"}]\n')
    monkeypatch.setenv("AMI_COLLECT__AGENT", "edge-1")
    done = CliRunner().invoke(app, ["collect", "--config", str(config), "--check"])

    assert done.exit_code == 0
    assert "1 meters, 2 listeners, all right" in done.output
