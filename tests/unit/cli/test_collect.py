"""`ami collect` without collecting: the schema, and a configuration that is only checked."""

import json

import pytest
from typer.testing import CliRunner

from ami_cli.app import app

pytestmark = pytest.mark.unit


def test_the_schema_is_printed():
    done = CliRunner().invoke(app, ["collect", "--schema"])

    assert done.exit_code == 0
    assert "agent" in json.loads(done.output)["properties"]


def test_a_configuration_is_checked_with_what_the_environment_says(tmp_path, monkeypatch):
    config = tmp_path / "dlms_config.yaml"
    config.write_text('kafka: {bootstrap: "x:1"}\nmeters: [{id: m1, address: "tcp://h"}]\n')
    monkeypatch.setenv("AMI_COLLECT__AGENT", "edge-1")
    done = CliRunner().invoke(app, ["collect", "--config", str(config), "--check"])

    assert done.exit_code == 0
    assert "1 meters, 2 listeners, all right" in done.output
