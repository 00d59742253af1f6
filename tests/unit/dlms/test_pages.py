"""The examples in the core's pages: what they show is what happens."""

import doctest
import re
from pathlib import Path

import pytest

pytestmark = pytest.mark.unit

ROOT = Path(__file__).resolve().parents[3]
BLOCK = re.compile(r"^```python\n(.*?)^```", re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("page", ["docs/dlms.md", "dlms/README.md"])
def test_python_on_the_page(page, capsys):
    """Blocks run in order, in one namespace: sessions are compared with what they show, the others must just run."""
    blocks = BLOCK.findall((ROOT / page).read_text())
    assert blocks
    names = {"__name__": "page"}
    runner = doctest.DocTestRunner(optionflags=doctest.REPORT_ONLY_FIRST_FAILURE)
    for number, block in enumerate(blocks):
        if block.startswith(">>>"):
            session = doctest.DocTestParser().get_doctest(block, names, f"{page}, block {number}", page, None)
            runner.run(session, clear_globs=False)
            names.update(session.globs)
        else:
            exec(compile(block, f"{page}, block {number}", "exec"), names)
            expected = re.findall(r"# prints (.*)", block)
            assert capsys.readouterr().out.splitlines() == expected
    assert runner.failures == 0, capsys.readouterr().out


def test_links_lead_somewhere():
    for page in ("docs/dlms.md", "docs/conformance.md", "dlms/README.md"):
        path = ROOT / page
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", path.read_text()):
            assert (path.parent / target).exists(), f"{page}: {target}"


def test_the_tests_that_conformance_names_exist():
    tests = ROOT / "tests"
    page = (ROOT / "docs" / "conformance.md").read_text()
    for name in set(re.findall(r"`([\w/]+\.py|[a-z]+/)`", page)):
        assert [*tests.rglob(name.removeprefix("tests/").rstrip("/"))], f"docs/conformance.md names {name}"
