"""Alerts and dashboard ask for metrics that exist, by labels that they have."""

import json
import re
from pathlib import Path

import pytest
import yaml

from ami_ingest.observe.names import METRICS as AGENT_METRICS
from ami_normalize.observe.names import METRICS, WORKER_METRICS

pytestmark = pytest.mark.unit

MONITORING = Path(__file__).resolve().parents[3] / "deploy" / "monitoring"
EXPOSED = {name: metric for metric in (*METRICS, *WORKER_METRICS, *AGENT_METRICS) for name in metric.exposed}
NAME = re.compile(r"\bami_\w+")


def alerts():
    groups = yaml.safe_load((MONITORING / "rules.yaml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


DASHBOARDS = ("grafana.json", "grafana-agent.json")


def panels(*names):
    return [panel for name in names for panel in json.loads((MONITORING / name).read_text())["panels"]]


def expressions():
    return [rule["expr"] for rule in alerts()] + [
        target["expr"] for panel in panels(*DASHBOARDS) for target in panel["targets"]
    ]


@pytest.mark.parametrize("expression", expressions())
def test_what_is_asked_for_exists(expression):
    used = NAME.findall(expression)
    assert used or "up{" in expression
    for name in used:
        assert name in EXPOSED, name
    known = {label for name in used for label in EXPOSED[name].labels} | {"instance", "job", "le", "worker"}
    for listed in re.findall(r"\bby \(([^)]*)\)", expression):
        assert {label.strip() for label in listed.split(",")} <= known
    for label in re.findall(r"(\w+)!?=~?\"", expression):
        assert label in known


def test_the_dashboards_show_every_metric():
    shown = " ".join(target["expr"] for panel in panels(*DASHBOARDS) for target in panel["targets"])
    seen = {EXPOSED[name].name for name in NAME.findall(shown)}
    assert {metric.name for metric in EXPOSED.values()} - seen == set()


@pytest.mark.parametrize("name", DASHBOARDS)
def test_panels_have_ids_of_their_own_and_do_not_overlap(name):
    taken = set()
    for panel in panels(name):
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken
        assert at["x"] + at["w"] <= 24
        taken |= cells
    ids = [panel["id"] for panel in panels(name)]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("rule", alerts(), ids=lambda rule: rule["alert"])
def test_every_alert_says_what_to_do(rule):
    assert rule["labels"]["severity"] in {"critical", "warning", "info"}
    assert rule["annotations"]["summary"]
    assert rule["annotations"]["action"].endswith(".")


def test_the_scrape_example_loads_the_rules():
    example = yaml.safe_load((MONITORING / "prometheus.yaml").read_text())
    assert example["rule_files"] == ["rules.yaml"]
    assert [job["job_name"] for job in example["scrape_configs"]] == ["ami-normalize", "ami-agent"]
