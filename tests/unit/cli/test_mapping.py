"""`ami mapping` names line and column of what is wrong, and says which dialects are in force."""

import json

import pytest

from ami_cli.errors import ExitCode
from ami_cli.main import run

pytestmark = pytest.mark.unit

RULE = '{"obis": "1.0.1.8.0.255", "unit": "kWh"}'
WRONG = f'[\n  {{"name": "mine", "match": [{{"flag": "ABC"}}],\n   "objects": [{RULE}]}}\n]\n'


def test_check_points_at_what_is_wrong(tmp_path, capsys):
    path = tmp_path / "mapping[1].json"
    path.write_text(WRONG)
    assert run(["mapping", "check", str(path)]) == ExitCode.CONFIG
    said = capsys.readouterr()
    where, excerpt, pointer, remedy = said.out.splitlines()
    assert where.startswith(f'{path}:3:50: "kWh" is no unit')
    assert excerpt[pointer.index("^") :].startswith('"kWh"')
    assert 'Write "Wh"' in remedy
    assert "1 thing is wrong" in said.err


def test_check_speaks_json_and_praises(tmp_path, capsys):
    path = tmp_path / "mapping.json"
    path.write_text(WRONG)
    assert run(["mapping", "check", str(path), "--json"]) == ExitCode.CONFIG
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line)["column"] == 50
    path.write_text(WRONG.replace("kWh", "Wh"))
    assert run(["mapping", "check", str(path)]) == 0
    assert "1 dialects, nothing is wrong" in capsys.readouterr().out


def test_show_has_the_users_dialects_first_and_a_version_that_follows_the_content(tmp_path, capsys):
    path = tmp_path / "mapping.json"
    path.write_text(WRONG.replace("kWh", "Wh"))
    versions = []
    for options in (["--mapping", str(path)], ["--mapping", str(path)], []):
        assert run(["mapping", "show", "--json", *options]) == 0
        shown = json.loads(capsys.readouterr().out)
        versions.append(shown["mapping"])
        assert (shown["dialects"][0]["name"] == "mine") is bool(options)
    assert versions[0] == versions[1] != versions[2]
    assert run(["mapping", "show", "--mapping", str(path)]) == 0
    assert "FLAG ABC" in capsys.readouterr().out


def test_the_schema_is_printed(capsys):
    assert run(["mapping", "schema"]) == 0
    assert json.loads(capsys.readouterr().out)["$schema"].endswith("2020-12/schema")
