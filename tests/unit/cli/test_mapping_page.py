"""What docs/mapping.md shows works as it says."""

import json
import re
from pathlib import Path

import pytest

from ami_cli.main import run
from ami_normalize.mapping.schema import published

pytestmark = pytest.mark.unit

PAGE = (Path(__file__).parents[3] / "docs" / "mapping.md").read_text(encoding="utf-8")
MESSAGE = re.search(r"--hex (0f[0-9a-f]+)", PAGE)[1]
MAPPING = re.search(r"```json\n(.*?)```", PAGE, re.DOTALL)[1]


def decoded(capsys, *options):
    assert run(["decode", MESSAGE, "--json", *options]) == 0
    return json.loads(capsys.readouterr().out)


def test_a_manufacturer_is_added_as_the_page_says(tmp_path, capsys):
    assert decoded(capsys)["reason"] == "MAPPING_MISSING"
    path = tmp_path / "mapping.json"
    path.write_text(MAPPING, encoding="utf-8")
    assert run(["mapping", "check", str(path)]) == 0
    capsys.readouterr()
    answer = decoded(capsys, "--mapping", str(path))
    found = {reading["obis"]: (reading["value"], reading["unit"]) for reading in answer["readings"]}
    assert found["1.0.1.8.0.255"] == ("1234560", "Wh")
    assert found["1.0.32.7.0.255"] == ("231.4", "V")
    assert found["1.0.52.7.0.255"][0] == ""
    assert answer["meter_time"] == "2026-06-01T10:15:00Z"


def test_the_octets_the_page_shows_are_those_of_the_message(capsys):
    shown = re.findall(r"^(\d\d   [0-9a-f +]+?)  ", PAGE, re.MULTILINE)
    assert len(shown) == 7
    assert run(["explain", "--hex", MESSAGE]) == 0
    said = capsys.readouterr().out
    assert all(line in said for line in shown)


@pytest.mark.parametrize("definition", ["condition", "rule", "column"])
def test_the_page_names_every_member(definition):
    for member in published()["$defs"][definition]["properties"]:
        assert f"`{member}`" in PAGE
