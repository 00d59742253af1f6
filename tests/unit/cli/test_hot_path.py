"""What was compiled before its sources changed makes no records."""

import pytest

from ami_cli.errors import ExitCode
from ami_cli.main import run
from ami_normalize import compiled

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("command", [["normalize"], ["replay", "--from", "beginning"]])
def test_a_stale_hot_path_is_refused(monkeypatch, capsys, command):
    monkeypatch.setattr(compiled, "stale", lambda: iter(["ami_dlms.axdr"]))

    assert run([*command, "--bootstrap", "127.0.0.1:1"]) == ExitCode.INCOMPLETE
    told = capsys.readouterr().err
    assert "the hot path was compiled before ami_dlms.axdr changed" in told
    assert "make compiled" in told
