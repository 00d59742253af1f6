"""docs/watch.md has a paragraph for each kind of finding, and the limits that are in force."""

import re
from pathlib import Path

import pytest
import yaml

from ami_normalize.watch.rules.finding import Kind
from ami_normalize.watch.rules.policy import Policy, policy

pytestmark = pytest.mark.unit

PAGE = (Path(__file__).resolve().parents[4] / "docs" / "watch.md").read_text()


def test_each_kind_is_explained_in_order():
    assert re.findall(r"^### ([A-Z_]+)\n\n\*\*Means\*\* .+?\n\n\*\*Do\*\* ", PAGE, re.MULTILINE | re.DOTALL) == [*Kind]


def test_the_limits_shown_are_the_defaults():
    (shown,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    document = yaml.safe_load(shown)
    assert policy(document, "docs/watch.md") == Policy()
    default = Policy()
    for section in ("presence", "intervals", "clock", "registers", "balance", "security"):
        assert set(document[section]) == set(type(getattr(default, section)).__slots__)
