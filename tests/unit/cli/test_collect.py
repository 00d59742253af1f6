"""`ami collect` without collecting: the schema, and a configuration that is only checked."""

import base64
import json

import pytest
from support.certificates import Authority
from typer.testing import CliRunner

from ami.registry.v1 import registry_pb2 as pb
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
    assert ": 1 meter, 2 listeners, all right" in done.output


def test_meters_that_an_agent_kept_of_the_registry_are_checked_and_counted(tmp_path):
    config = tmp_path / "dlms_config.yaml"
    config.write_text(
        'agent: a\nkafka: {bootstrap: "x:1"}\nstate_dir: .\nlisten: [{transport: udp}]\n'
        'inventory: {topic: true}\nmeters: [{id: m1, address: "tcp://h"}]\n'
    )
    messages = {name: pb.Meter(access=pb.Access(address=address)) for name, address in (("A", "tcp://h"), ("B", "h"))}
    content = {name: base64.b64encode(each.SerializeToString()).decode() for name, each in messages.items()}
    (tmp_path / "registry.json").write_text(json.dumps(content))
    done = CliRunner().invoke(app, ["collect", "--config", str(config), "--check"])

    assert done.exit_code == 0
    assert ": 2 meters (1 of the registry, as an agent kept it), 1 listener, all right" in done.stdout
    assert "a meter of the registry is left out: registry, B: address: 'h' is no endpoint" in done.stderr


def test_files_of_tls_are_checked_as_they_are_used(tmp_path, capsys):
    authority = Authority(tmp_path)
    one, other = (authority.issue(name) for name in ("one", "other"))
    (tmp_path / "none.pem").write_text("no certificate")
    config = tmp_path / "dlms_config.yaml"

    def check(key, trust):
        config.write_text(
            'agent: a\nkafka: {bootstrap: "x:1"}\n'
            f"listen: [{{transport: tcp, tls: {{certificate: {one.certificate}, private_key: {key}}}}}]\n"
            f'meters: [{{id: m1, address: "tls://h", tls: {{trust: {trust}}}}}]\n'
        )
        return run(["collect", "--config", str(config), "--check"])

    assert check(one.private_key, authority.trust) == 0
    assert check(other.private_key, tmp_path / "none.pem") == ExitCode.CONFIG
    told = capsys.readouterr().err
    assert f"error: {other.private_key}: this private key does not belong to {one.certificate}." in told
    assert f"error: {tmp_path / 'none.pem'}: the trust file cannot be used" in told
