"""The page about consuming shows what the examples do, word for word."""

import re
import textwrap
from pathlib import Path

import pytest

pytestmark = pytest.mark.unit

DOCS = Path(__file__).resolve().parents[3] / "docs"
BLOCKS = re.findall(r"```(python|java)\n(.*?)```", (DOCS / "consume.md").read_text(), re.DOTALL)
EXAMPLES = {"python": DOCS / "examples" / "keep_readings.py", "java": DOCS / "examples" / "KeepReadings.java"}


@pytest.mark.parametrize(("language", "block"), BLOCKS)
def test_what_the_page_shows_is_in_the_example(language, block):
    lines = EXAMPLES[language].read_text().splitlines()
    shown = block.splitlines()
    places = (textwrap.dedent("\n".join(lines[at : at + len(shown)])) for at in range(len(lines)))

    assert "\n".join(shown) in places


def test_the_page_shows_both_languages():
    assert {language for language, _ in BLOCKS} == set(EXAMPLES)
