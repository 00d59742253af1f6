"""Which form of the hot path runs, and that a compiled one is not trusted once its sources changed."""

import json
import sys

import pytest

from ami_cli.checks import installation
from ami_cli.checks.finding import Level
from ami_normalize import compiled
from ami_normalize.compiled import Form

pytestmark = pytest.mark.unit


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package of two modules."""
    folder = tmp_path / "ami_example"
    folder.mkdir()
    for name in ("__init__", "hot", "constants"):
        (folder / f"{name}.py").write_text(f'"""{name}"""\n')
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(compiled, "PACKAGES", ("ami_example",))
    yield folder
    sys.modules.pop("ami_example", None)


def note(folder, *modules):
    digests = {module: compiled.digest(compiled.find_source(module)) for module in modules}
    (folder / compiled.NOTE).write_text(json.dumps(digests))


def test_without_a_note_the_sources_run(package):
    assert compiled.form() is Form.INTERPRETED
    assert list(compiled.stale()) == []
    assert installation.hot_path().level is Level.WARN


def test_compiled_of_the_sources_as_they_are(package):
    note(package, "ami_example", "ami_example.hot", "ami_example.constants")
    assert compiled.form() is Form.COMPILED
    assert list(compiled.stale()) == []
    assert installation.hot_path() == (Level.OK, "hot path", "compiled", "")


@pytest.mark.parametrize("changed", ["hot", "constants"])
def test_a_changed_source_is_told(package, changed):
    note(package, "ami_example.hot", "ami_example.constants")
    (package / f"{changed}.py").write_text("LATER = 1\n")
    assert list(compiled.stale()) == [f"ami_example.{changed}"]
    found = installation.hot_path()
    assert found.level is Level.FAIL
    assert f"ami_example.{changed}" in found.found
    assert "make compiled" in found.remedy


def test_a_source_that_is_gone_is_told(package):
    note(package, "ami_example.hot")
    (package / "hot.py").unlink()
    assert list(compiled.stale()) == ["ami_example.hot"]


def test_one_package_of_two_is_partly_compiled(package, monkeypatch):
    note(package, "ami_example.hot")
    monkeypatch.setattr(compiled, "PACKAGES", ("ami_example", "ami_of_nobody"))
    assert compiled.form() is Form.PARTLY
