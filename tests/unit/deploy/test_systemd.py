"""The systemd units: what systemd itself says of them, and that their command lines exist."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import typer

from ami_cli.main import app

pytestmark = pytest.mark.unit

UNITS = sorted((Path(__file__).resolve().parents[3] / "deploy" / "systemd").glob("*.service"))


def commands(text):
    return re.findall(r"^ExecStart(?:Pre)?=/opt/ami-gateway/bin/ami (.*)$", text, re.MULTILINE)


def test_there_are_units():
    assert {unit.name for unit in UNITS} == {"ami-collector.service", "ami-normalizer@.service"}


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_systemd_accepts_it(unit, tmp_path):
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not here: what systemd says of the units cannot be asked")
    program = tmp_path / "ami"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    copy = tmp_path / unit.name
    copy.write_text(unit.read_text().replace("/opt/ami-gateway/bin/ami", str(program)))

    done = subprocess.run(
        ["systemd-analyze", "verify", str(copy)], capture_output=True, text=True, timeout=60, check=False
    )

    assert [line for line in done.stderr.splitlines() if unit.name.partition("@")[0] in line] == []
    assert done.returncode == 0, done.stderr


def test_the_agent_may_use_serial_ports():
    """Each of these allows some devices and, with that, no other one (systemd.resource-control, DeviceAllow)."""
    (unit,) = [unit for unit in UNITS if unit.name == "ami-collector.service"]
    settings = re.findall(r"^(\w+)=(?!no$|false$|auto$)", unit.read_text(), re.MULTILINE)

    assert not {"ProtectClock", "PrivateDevices", "DevicePolicy"} & set(settings)


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_its_options_exist(unit):
    command = typer.main.get_command(app)
    found = commands(unit.read_text())
    assert found
    for line in found:
        verb, *words = line.split()
        known = {option for parameter in command.get_command(None, verb).params for option in parameter.opts}
        assert {word for word in words if word.startswith("--")} <= known
