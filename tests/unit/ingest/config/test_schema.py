"""The published JSON Schema takes what the agent takes, and the examples are what both take."""

import re
import shutil
from pathlib import Path

import jsonschema
import pytest
import yaml

from ami_ingest.config.file import load
from ami_ingest.config.form import FileForm, schema_text

pytestmark = pytest.mark.unit

ROOT = Path(__file__).resolve().parents[4]
PUBLISHED = ROOT / "deploy" / "dlms_config.schema.json"
PAGES = ["docs/agent-config.md", "docs/agent-logs.md", "docs/push.md", "docs/spool.md", "ingest/README.md"]
EXAMPLES = [ROOT / "deploy" / "examples" / "lab.yaml", ROOT / "deploy" / "compose" / "dlms_config.yaml"]
SMALL = {"agent": "a", "kafka": {"bootstrap": "x"}}


@pytest.fixture(scope="module")
def validator():
    import json

    schema = json.loads(schema_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def test_the_published_schema_is_the_one_of_the_code():
    assert PUBLISHED.read_text() == schema_text()


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_the_examples_are_valid_and_name_the_schema(validator, path):
    text = path.read_text()
    validator.validate(yaml.safe_load(text))
    (named,) = re.findall(r"^# yaml-language-server: \$schema=(\S+)$", text, re.MULTILINE)
    assert (path.parent / named).resolve() == PUBLISHED


@pytest.mark.parametrize("page", PAGES)
def test_what_a_page_shows_of_the_configuration_is_valid(validator, page):
    shown = re.findall(r"^```yaml\n(.*?)^```", (ROOT / page).read_text(), re.DOTALL | re.MULTILINE)
    assert shown
    for example in shown:
        tree = yaml.safe_load(example)
        tree = {**SMALL, **tree, "kafka": {**SMALL["kafka"], **tree.get("kafka", {})}}
        validator.validate(tree)
        FileForm.model_validate(tree)


def test_the_examples_load(tmp_path):
    assert len(load(EXAMPLES[0]).meters) == 1
    page = (ROOT / "docs" / "agent-config.md").read_text()
    (example,) = re.findall(r"^```yaml\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    (tmp_path / "dlms_config.yaml").write_text(example)
    (tmp_path / "meters.csv").write_text("id,address,group\nm1,tcp://10.0.0.1,north\n")
    (tmp_path / "secrets").mkdir()
    secret = tmp_path / "secrets" / "m1.json"
    shutil.copy(write_keys(tmp_path), secret)
    assert [meter.id for meter in load(tmp_path / "dlms_config.yaml").meters] == ["cellar", "m1"]


def write_keys(folder):
    path = folder / "keys.json"
    path.write_text(f'{{"guek": "{"00" * 16}", "gak": "{"11" * 16}"}}')
    path.chmod(0o600)
    return path


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"push": {"idle_timeout": "500ms"}, "spool": {"max_age": "14d", "when_full": "drop-oldest"}},
        {"listen": [], "observe": "unix:/run/x", "networks": {"n": {}}, "links": {"l": {"like": "prime"}}},
        {"schedules": {"s": {"every": "1h", "read": ["1.0.1.8.0.255"]}}, "groups": {"g": {"zone": None}}},
        {"inventory": {"topic": True}, "defaults": {"clock": {"set_over": "5m"}, "retries": 0}},
    ],
)
def test_what_is_right_is_right_to_both(validator, more):
    validator.validate({**SMALL, **more})
    FileForm.model_validate({**SMALL, **more})


@pytest.mark.parametrize(
    "more",
    [
        {"colour": "red"},
        {"agent": "a b"},
        {"kafka": {}},
        {"push": {"idle_timeout": "30"}},
        {"push": {"idle_timeout": 30}},
        {"push": {"unknown": "maybe"}},
        {"listen": [{"transport": "smoke"}]},
        {"listen": [{"transport": "tcp", "port": 70000}]},
        {"spool": {"max_mb": 0}},
        {"networks": {"n n": {}}},
        {"schedules": {"s": {"read": ["1.0.1.8.0.255"]}}},
        {"defaults": {"security_suite": 3}},
        {"meters": [{"id": "m"}]},
        {"meters": [{"id": "m", "address": "tcp://h", "password": "x"}]},
        {"meters": [{"id": "m", "address": "tcp://h", "system_title": "12"}]},
    ],
)
def test_what_is_wrong_is_wrong_to_both(validator, more):
    with pytest.raises(jsonschema.ValidationError):
        validator.validate({**SMALL, **more})
    with pytest.raises(ValueError):
        FileForm.model_validate({**SMALL, **more})
