"""`ami ping` and `ami read` of a meter of the inventory: through the agent that runs, or by its configuration."""

import base64
import json
import os
import re
from datetime import datetime, timedelta

import pytest
from support.processes import running, until

from ami.registry.v1 import registry_pb2 as pb
from ami_cli import asking
from ami_cli.errors import ExitCode
from ami_cli.main import run

pytestmark = pytest.mark.wire

ENERGY, VOLTAGE, PROFILE = "1.0.1.8.0.255", "1.0.32.7.0.255", "1.0.99.1.0.255"
GUEK = "000102030405060708090a0b0c0d0e0f"
SECRETS = {"guek": GUEK, "gak": "d0d1d2d3d4d5d6d7d8d9dadbdcdddedf", "client_system_title": "414d490000000001"}
CONFIG = """
agent: edge-1
kafka: {{bootstrap: "127.0.0.1:1"}}
state_dir: state
listen: []
logs: {{folder: log}}
meters:
  - {{id: m-1, address: "{gmac}", client_address: 1, authentication_level: hls, secrets: secrets.json}}
  - {{id: m-2, address: "{gmac}", client_address: 1}}
  - {{id: m-3, address: "tcp://127.0.0.1:1"}}
"""


@pytest.fixture(autouse=True)
def nothing_named(monkeypatch):
    monkeypatch.delenv("AMI_CONTROL", raising=False)
    monkeypatch.delenv("AMI_LOG_DIR", raising=False)


@pytest.fixture(scope="module")
def write(meters):
    def write(folder):
        (folder / "log").mkdir()
        (folder / "secrets.json").write_text(json.dumps(SECRETS))
        (folder / "secrets.json").chmod(0o600)
        (folder / "dlms_config.yaml").write_text(CONFIG.format(gmac=meters["hls-gmac"]))
        return folder / "dlms_config.yaml"

    return write


@pytest.fixture
def config(write, tmp_path):
    """Configuration of an agent that does not run."""
    return write(tmp_path)


@pytest.fixture(scope="module")
def agent(write, tmp_path_factory):
    """The configuration of an agent that runs; its secrets file is gone."""
    folder = tmp_path_factory.mktemp("agent")
    path = write(folder)
    with running("collect", "--config", path, log=folder / "collect.log", ready="collecting"):
        (folder / "secrets.json").unlink()
        yield path


@pytest.fixture
def socket(agent):
    return agent.parent / "state" / "control.sock"


def log_of(config):
    return (config.parent / "log" / "ingest.log").read_text()


def rows_logged(config):
    return sum(map(int, re.findall(rf"OBIS Code {PROFILE} = (\d+) rows", log_of(config))))


def test_the_running_agent_is_asked_and_no_key_is_needed(agent, socket, objects):
    (pinged,) = objects("ping", "m-1", "--control", socket)
    assert pinged["logical_device_name"] == "AMV0000000000003"
    assert pinged["way"] == f"through the agent at {socket}"
    assert abs(pinged["clock_error_s"]) < 60
    assert -89 <= pinged["signal_dbm"] <= -57

    found = objects("read", "m-1", f"3:{ENERGY}", VOLTAGE, "--control", socket)
    assert [(one["obis"], one["unit"]) for one in found] == [(ENERGY, "Wh"), (VOLTAGE, "V")]
    assert all(float(one["value"]) > 0 for one in found)

    last = datetime.now().astimezone().replace(minute=0, second=0, microsecond=0)
    profile = ["--profile", PROFILE, "--from", (last - timedelta(hours=2)).isoformat(), "--to", last.isoformat()]
    columns = objects("read", "m-1", *profile, "--control", socket)
    energy = next(one for one in columns if one["obis"] == ENERGY)
    assert (energy["unit"], energy["period_s"], len(energy["values"])) == ("Wh", 900, 9)

    # The agent's log is written by a thread of its own: the answer may be here before the last line is.
    until(lambda: rows_logged(agent) >= 9, "the lines of the rows in the log")
    log = log_of(agent)
    assert rows_logged(agent) == 9  # a line a day
    assert "meter=m-1 OBIS Code 0.0.42.0.0.255 = AMV0000000000003 " in log
    assert re.search(rf"meter=m-1 OBIS Code {ENERGY} = \d+ Wh ", log)
    assert GUEK not in log.replace(" ", "")


@pytest.mark.parametrize(
    ("meter", "code", "words"),
    [
        ("m-2", ExitCode.REFUSED, "DLMS Association Rejected"),
        ("m-3", ExitCode.METER, "Connection Refused (Error 111)"),
        ("m-4", ExitCode.MISSING, "m-4"),
    ],
)
@pytest.mark.parametrize("verb", [["ping"], ["read", "3:1.0.1.8.0.255"]])
def test_a_failure_ends_in_the_same_way_with_and_without_an_agent(socket, config, capsys, meter, code, words, verb):
    for way in (["--control", str(socket)], ["--config", str(config)]):
        assert run([verb[0], meter, *verb[1:], *way]) == code
        captured = capsys.readouterr()
        assert captured.out == ""
        assert captured.err.startswith("error: ")
        assert words in captured.err
        assert "  try: " in captured.err


def test_without_an_agent_the_configuration_says_how_to_read(config, objects):
    (pinged,) = objects("ping", "m-1", "--config", config)
    (found,) = objects("read", "m-1", f"3:{ENERGY}", "--config", config)

    assert pinged["logical_device_name"] == "AMV0000000000003"
    assert pinged["way"].startswith("at tcp://127.0.0.1:")
    assert (found["obis"], found["unit"]) == (ENERGY, "Wh")
    assert list((config.parent / "state" / "counters").glob("414d490000000001-*.json"))
    assert f"meter=m-1 OBIS Code {ENERGY} = {found['value']} Wh" in log_of(config)


@pytest.fixture
def registered(config, meters):
    """Add to the inventory what an agent kept of the registry."""
    config.write_text(config.read_text() + "inventory: {topic: true}\n")

    def registered(**messages):
        kept = config.parent / "state" / "registry.json"
        kept.parent.mkdir(exist_ok=True)
        content = {name: base64.b64encode(each.SerializeToString()).decode() for name, each in messages.items()}
        kept.write_text(json.dumps(content))

    return registered


def test_a_meter_of_the_registry_is_known_by_what_an_agent_kept(config, registered, meters, objects):
    access = pb.Access(address=meters["hls-gmac"], client_address=1, authentication_level="hls", secrets="secrets.json")
    registered(MP1=pb.Meter(inventory_id="house-7", access=access), MP2=pb.Meter(access=pb.Access(address="tcp://h")))

    (pinged,) = objects("ping", "house-7", "--config", config)
    assert pinged["logical_device_name"] == "AMV0000000000003"


def test_where_a_meter_of_the_registry_was_sought_is_said(config, registered, capsys):
    kept = config.parent / "state" / "registry.json"

    assert run(["ping", "house-7", "--config", str(config)]) == ExitCode.MISSING
    told = capsys.readouterr().err
    assert f"has no meter 'house-7', and what an agent kept of the registry ({kept}) cannot be read (No such" in told
    assert "start the agent (`ami collect`)" in told
    assert "KAFKA_BOOTSTRAP" in told

    registered(MP1=pb.Meter(access=pb.Access(address="tcp://h", network="n")))
    assert run(["ping", "house-7", "--config", str(config)]) == ExitCode.MISSING
    assert f"({kept}) has none either" in capsys.readouterr().err
    assert run(["ping", "MP1", "--config", str(config)]) == ExitCode.CONFIG
    assert "registry, MP1: network: 'n' is no network" in capsys.readouterr().err


@pytest.mark.parametrize("owner", [1234567, 0])
def test_root_leaves_nothing_where_the_agent_is_another_user(config, capsys, monkeypatch, owner):
    state = config.parent / "state"
    state.mkdir()
    monkeypatch.setattr(asking.os, "geteuid", lambda: 0)
    found = os.stat_result((0o40700, 0, 0, 1, owner, owner, 0, 0, 0, 0))
    stat = type(state).stat
    monkeypatch.setattr(type(state), "stat", lambda path, **more: found if path == state else stat(path, **more))
    code = run(["ping", "m-1", "--config", str(config)])

    told = capsys.readouterr().err
    assert (code == ExitCode.USAGE) is ("sudo -u '#1234567'" in told) is (owner != 0)
    assert (state / "counters").exists() is (owner == 0)


def test_the_configuration_leads_to_its_agent(agent, socket, objects, tmp_path):
    (agent.parent / "secrets.json").write_text(json.dumps(SECRETS))
    (agent.parent / "secrets.json").chmod(0o600)
    (pinged,) = objects("ping", "m-1", "--config", agent)
    assert pinged["way"] == f"through the agent at {socket}"


def test_a_meter_given_by_its_address_is_logged_where_told(meters, secrets, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("AMI_LOG_DIR", str(tmp_path))
    assert run(["read", meters["none"], f"3:{ENERGY}"]) == 0
    assert run(["ping", "tcp://127.0.0.1:1"]) == ExitCode.METER
    log = (tmp_path / "ingest.log").read_text()
    assert re.search(rf"INFO    meter={re.escape(meters['none'])} OBIS Code {ENERGY} = \d+ Wh by=", log)
    assert "WARNING meter=tcp://127.0.0.1:1 Connection Refused (Error 111) by=" in log
    assert "remedy=" in (tmp_path / "error.log").read_text()


def test_a_log_that_cannot_be_written_is_no_reason_to_fail(meters, secrets, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("AMI_LOG_DIR", str(tmp_path / "missing"))
    assert run(["ping", meters["none"]]) == 0
    assert capsys.readouterr().err == ""
    assert not (tmp_path / "missing").exists()


def test_nobody_knows_the_meter(secrets, capsys):
    assert run(["ping", "m-1"]) == ExitCode.MISSING
    told = capsys.readouterr().err
    assert "could know the meter 'm-1'" in told
    assert "--config" in told


def test_octets_are_explained_on_demand_and_no_secret_is(meters, secrets, capsys):
    assert run(["read", meters["none"], f"3:{ENERGY}", "-v"]) == 0
    told = capsys.readouterr()
    assert "Request: get-request, 13 octets" in told.out
    assert "OBIS 1.0.1.8.0.255: Active energy import" in told.out
    assert "Answer: get-response, 9 octets" in told.out
    assert "As received: wrapper, 17 octets" in told.out
    assert "OBIS Code 1.0.1.8.0.255 = " in told.err

    gmac = ["--auth", "hls-gmac", "--client", "1", "--secrets", str(secrets)]
    assert run(["read", meters["hls-gmac"], f"3:{ENERGY}", "-v", "--json", *gmac]) == 0
    told = capsys.readouterr()
    (line,) = told.out.splitlines()
    assert json.loads(line)["obis"] == ENERGY
    assert "Answer: get-response" in told.err
    everything = (told.out + told.err).replace(" ", "")
    for secret in json.loads(secrets.read_text()).values():
        assert secret not in everything or secret == "414d490000000001"
