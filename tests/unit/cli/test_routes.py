"""`ami routes` names line and column of what is wrong, and says what a file of routes does."""

import json
from pathlib import Path

import pytest

from ami_cli.errors import ExitCode
from ami_cli.main import run

pytestmark = pytest.mark.unit

EXAMPLE = Path(__file__).resolve().parents[3] / "deploy" / "examples" / "routes.yaml"


def test_check_points_at_what_is_wrong(tmp_path, capsys):
    path = tmp_path / "routes.yaml"
    path.write_text("routes:\n- name: billing\n  formatx: json\n")
    assert run(["routes", "check", str(path)]) == ExitCode.CONFIG
    said = capsys.readouterr()
    where, excerpt, pointer, remedy = said.out.splitlines()

    assert where.startswith(f'{path}:3:3: a route has no member "formatx"')
    assert excerpt[pointer.index("^") :].startswith("formatx")
    assert 'Did you mean "format"?' in remedy
    assert "1 thing is wrong" in said.err


def test_check_speaks_json_and_praises(tmp_path, capsys):
    path = tmp_path / "routes.yaml"
    path.write_text("routes: 1")
    assert run(["routes", "check", str(path), "--json"]) == ExitCode.CONFIG
    assert json.loads(capsys.readouterr().out)["column"] == 9
    assert run(["routes", "check", str(EXAMPLE)]) == 0
    assert "3 routes, nothing is wrong" in capsys.readouterr().out


def test_show_says_what_goes_where(capsys):
    assert run(["routes", "show", str(EXAMPLE), "--json"]) == 0
    billing, grid, lake = map(json.loads, capsys.readouterr().out.splitlines())

    assert billing["topic"] == "mdms.billing.v1"
    assert billing["obis"] == ["1-*:{1,2}.8.*.*", "1-*:{1,2}.29.*"]
    assert billing["meters"] == {"groups": ["business", "household"]}
    assert (grid["format"], grid["settings"]) == ("json", {"retention.ms": "604800000"})
    assert lake["framing"] == "prefix"
    assert run(["routes", "show", str(EXAMPLE)]) == 0
    assert "mdms.billing.v1" in capsys.readouterr().out


def test_show_of_a_wrong_file_and_of_none(tmp_path, capsys):
    path = tmp_path / "routes.yaml"
    path.write_text("routes: 1")
    assert run(["routes", "show", str(path)]) == ExitCode.CONFIG
    assert "ami routes check" in capsys.readouterr().err
    assert run(["routes", "show", str(tmp_path / "none")]) == ExitCode.MISSING


def test_both_schemas_are_printed(capsys):
    assert run(["routes", "schema"]) == 0
    assert "routes" in json.loads(capsys.readouterr().out)["properties"]
    assert run(["routes", "schema", "--readings"]) == 0
    assert "intervalBlocks" in json.loads(capsys.readouterr().out)["properties"]


def test_the_normalizer_refuses_wrong_routes_before_it_asks_kafka(tmp_path, capsys):
    path = tmp_path / "routes.yaml"
    path.write_text("routes: 1")

    assert run(["normalize", "--routes", str(path), "--bootstrap", "127.0.0.1:1"]) == ExitCode.CONFIG
    assert "routes.yaml:1:9" in capsys.readouterr().err


def test_the_topics_of_wrong_routes_are_not_applied(tmp_path, capsys):
    path = tmp_path / "routes.yaml"
    path.write_text("routes: 1")

    assert run(["topics", "apply", "--routes", str(path), "--bootstrap", "127.0.0.1:1"]) == ExitCode.CONFIG
    assert "routes.yaml:1:9" in capsys.readouterr().err
