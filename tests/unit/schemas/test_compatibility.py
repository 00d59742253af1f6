"""A change of the schemas that breaks who reads what was published does not pass the gate."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.unit

ROOT = Path(__file__).resolve().parents[3]
READINGS = Path("proto", "ami", "readings", "v1", "meter_readings.proto")


@pytest.fixture
def buf(require):
    """The tool that the gate uses, beside this Python or on PATH."""
    beside = Path(sys.executable).with_name("buf")
    found = str(beside) if beside.is_file() else shutil.which("buf")
    return found or require("buf is not installed: make setup installs it with the tools of the checks")


@pytest.fixture
def schemas(tmp_path):
    """A copy of the schemas to change."""
    for name in ("proto", "buf.yaml", "baseline.binpb"):
        copy = shutil.copytree if (ROOT / "schemas" / name).is_dir() else shutil.copy
        copy(ROOT / "schemas" / name, tmp_path / name)
    return tmp_path


def breaking(buf, schemas):
    """What the gate says; it is the command of `.ci/lint`."""
    (command,) = re.findall(r"cd schemas && buf (breaking .*?)\)", (ROOT / ".ci" / "lint").read_text())
    done = subprocess.run([buf, *command.split()], cwd=schemas, capture_output=True, text=True, check=False)
    assert done.returncode in {0, 100}, done.stderr
    return done.stdout


def test_the_schemas_are_compatible_with_what_was_published(buf, schemas):
    assert not breaking(buf, schemas)


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ("sfixed64 measured_at_us = 7;", "sfixed64 measured_at_us = 77;", 'field "7"'),
        ("sfixed64 measured_at_us = 7;", "sint64 measured_at_us = 7;", "changed type"),
        ("sfixed64 measured_at_us = 7;", "sfixed64 measured_us = 7;", "changed name"),
        ("repeated NaturalKey retracted = 7;", "", 'field "7"'),
        ("  QUALITY_MISSING = 2;", "  QUALITY_GONE = 2;", "QUALITY_MISSING"),
    ],
)
def test_a_breaking_change_is_refused(buf, schemas, before, after, told):
    path = schemas / READINGS
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after))

    assert told in breaking(buf, schemas)


def test_an_addition_passes(buf, schemas):
    path = schemas / READINGS
    path.write_text(path.read_text().replace("message NaturalKey {", "message NaturalKey {\n  string more = 99;"))

    assert not breaking(buf, schemas)
