"""The page about exit codes and the codes agree."""

import re
from pathlib import Path

import pytest

from ami_cli.errors import ExitCode

pytestmark = pytest.mark.unit

PAGE = Path(__file__).resolve().parents[3] / "docs" / "exit-codes.md"


def test_the_page_lists_every_code():
    rows = re.findall(r"^\| (\d+) \| ([A-Z]+) \|", PAGE.read_text(), re.MULTILINE)

    assert [(code.value, code.name) for code in ExitCode] == [(int(code), name) for code, name in rows]
