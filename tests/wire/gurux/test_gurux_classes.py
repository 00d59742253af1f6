"""The table of interface classes against an independent library: numbers of attributes and methods, and types."""

import json
import subprocess
from pathlib import Path

import pytest

from ami_dlms.axdr import Tag
from ami_dlms.cosem import classes

pytestmark = pytest.mark.wire

PROGRAM = Path(__file__).resolve().parents[3] / "simulator" / "gurux" / "classes.py"

DISAGREE = {
    (4, 0): "the reset of an extended register is missing there (the Java library of the same makers has it)",
    (7, 0): "the two methods of version 0 that version 1 dropped are missing there",
    (12, 3): "users came with version 3; there they are missing in every version",
    (12, 4): "users came with version 3; there they are missing in every version",
    (29, 0): "connect came with version 2; there every version has it",
    (29, 1): "connect came with version 2; there every version has it",
    (65, 1): "there every version is version 0",
}
"""Where the counts differ, and why ours stay (docs/conformance.md)."""
UNKNOWN = {
    (30, 0),
    (46, 0),
    (50, 1),
    (51, 0),
    (52, 0),
    (53, 0),
    (55, 1),
    (56, 0),
    (61, 0),
    (62, 0),
    (62, 1),
    (63, 0),
    (67, 0),
    (68, 0),
    (77, 0),
    (152, 0),
    (153, 0),
}
"""What the library does not describe."""


@pytest.fixture(scope="module")
def said(gurux_python):
    words = [f"{class_id}/{version}" for class_id, version in classes.CLASSES]
    done = subprocess.run([gurux_python, PROGRAM, *words], capture_output=True, text=True, timeout=60, check=True)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    return {(line["class_id"], line["version"]): line for line in lines}


def test_what_it_describes(said):
    assert {key for key, line in said.items() if "error" in line} == UNKNOWN


@pytest.mark.parametrize("known", classes.CLASSES.values(), ids=str)
def test_numbers_of_attributes_and_methods(known, said):
    line = said[known.class_id, known.version]
    if "error" in line:
        return
    ours = (known.attributes[-1].index, known.methods[-1].index if known.methods else 0)
    theirs = (line["attributes"], line["methods"])
    assert (ours != theirs) == ((known.class_id, known.version) in DISAGREE), f"ours {ours}, theirs {theirs}"


@pytest.mark.parametrize("known", classes.CLASSES.values(), ids=str)
def test_types(known, said):
    """A type the library leaves open says nothing, and it calls the members of a structure an array."""
    types = said[known.class_id, known.version].get("types", {})
    for attribute in known.attributes:
        theirs = types.get(str(attribute.index))
        if not attribute.types or not theirs:
            continue
        if theirs == Tag.ARRAY and Tag.STRUCTURE in attribute.types:
            continue
        assert theirs in attribute.types, f"{attribute.index} {attribute.name}"
