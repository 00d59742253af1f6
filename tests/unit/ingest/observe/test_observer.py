"""Every metric is exposed as its table says, from plain numbers."""

import json
from collections import Counter

import pytest
from prometheus_client.parser import text_string_to_metric_families

from ami_ingest.observe import names
from ami_ingest.observe.observer import Observer
from ami_ingest.observe.ratio import InTime
from ami_ingest.observe.snapshot import Calls, Configured, Lines, Pushes, Snapshot, Spooled
from ami_ingest.schedule.stats import PollStats

pytestmark = pytest.mark.unit


def busy():
    polls = PollStats()
    polls.results.update({("homes", "OK"): 90, ("homes", "T1_TIMEOUT"): 10, ("plants", "OK"): 5})
    polls.by_deadline.update({("homes", "in-time"): 90, ("homes", "missed"): 10})
    polls.phases["connect"].observe(0.02)
    polls.phases["connect"].observe(300.0)
    polls.waiting.update({"scheduled": 3})
    polls.crc_errors.update({f"line-{number}": number + 1 for number in range(150)})
    for counts in (polls.clocks_off, polls.clocks_set, polls.signals_weak, polls.rows_missing):
        counts["homes"] += 1
    for dbm in (-109, -71, -53):
        polls.signals["homes"].observe(dbm)
    return Snapshot(
        polls,
        Pushes(1, 2, 3, 4, 5, 6, 7),
        Spooled(6, 7, 8, full=True, oldest_s=9.5, dropped=1, damaged=2, published=10, refusals=3, away=True),
        Configured("abc", 11.0, Counter({"homes": 12})),
        Calls(connections=3, identified=4, unknown=5, refused=6),
        Lines({"/dev/ttyUSB0": 2, "/dev/ttyUSB1": 0}, {f"/dev/ttyUSB{number}": number for number in range(102)}),
    )


@pytest.fixture
def observer():
    now = busy()
    return Observer(lambda: now)


def exposed(observer):
    families = text_string_to_metric_families(observer.metrics().decode())
    return {
        sample.name + json.dumps(sample.labels, sort_keys=True): sample.value
        for family in families
        for sample in family.samples
    }


def test_what_is_exposed_is_what_the_table_says(observer):
    observer.sample()
    observer._in_time._before[0] = (0.0, {})
    found = {}
    for family in text_string_to_metric_families(observer.metrics().decode()):
        labels = {label for sample in family.samples for label in sample.labels} - {"le"}
        found[family.name] = (family.type, labels)
    assert found == {metric.name: (metric.kind, set(metric.labels)) for metric in names.METRICS}


def test_numbers_come_through(observer):
    found = exposed(observer)
    assert found['ami_agent_polls_total{"group": "homes", "result": "T1_TIMEOUT"}'] == 10
    assert found['ami_agent_phase_seconds_bucket{"le": "0.025", "phase": "connect"}'] == 1
    assert found['ami_agent_phase_seconds_bucket{"le": "120.0", "phase": "connect"}'] == 1
    assert found['ami_agent_phase_seconds_bucket{"le": "+Inf", "phase": "connect"}'] == 2
    assert found['ami_agent_phase_seconds_sum{"phase": "connect"}'] == 300.02
    assert found['ami_agent_phase_seconds_count{"phase": "connect"}'] == 2
    assert found['ami_agent_signal_dbm_bucket{"group": "homes", "le": "-105.0"}'] == 1
    assert found['ami_agent_signal_dbm_bucket{"group": "homes", "le": "+Inf"}'] == 3
    assert found["ami_agent_call_in_connections{}"] == 3
    assert [
        found[f'ami_agent_call_in_calls_total{{"outcome": "{outcome}"}}']
        for outcome in ("identified", "unknown", "refused")
    ] == [4, 5, 6]
    assert found['ami_agent_serial_resets_total{"line": "/dev/ttyUSB0"}'] == 2
    assert found['ami_agent_serial_resets_total{"line": "/dev/ttyUSB1"}'] == 0
    assert found['ami_agent_serial_returns_total{"line": "/dev/ttyUSB101"}'] == 101
    assert found['ami_agent_serial_returns_total{"line": "other"}'] == 1
    assert found['ami_agent_push_refused_total{"what": "messages"}'] == 4
    assert found["ami_agent_publish_lag_seconds{}"] == 9.5
    assert found['ami_agent_state{"state": "idle"}'] == 1  # nothing was sampled yet
    assert found['ami_agent_config_in_force{"fingerprint": "abc"}'] == 1


def test_lines_are_bounded_the_worst_first(observer):
    found = {name: value for name, value in exposed(observer).items() if name.startswith("ami_agent_crc_errors")}
    assert len(found) == names.MOST_LINES + 1
    assert found['ami_agent_crc_errors_total{"line": "line-149"}'] == 150
    assert found['ami_agent_crc_errors_total{"line": "other"}'] == sum(range(1, 51))


def test_the_page_is_json_and_says_why(observer):
    observer.sample()
    page = json.loads(json.dumps(observer.page()))
    assert (page["healthy"], page["state"]) == (False, "spool-full")
    assert page["remedy"]
    assert page["polls"] == {"OK": 95, "T1_TIMEOUT": 10}
    assert page["meters"] == 12
    assert page["calls"]["unknown"] == 5


def test_the_share_in_time_is_of_the_last_hour():
    ratio = InTime()
    ratio.sampled(0.0, {("a", "in-time"): 100, ("a", "missed"): 100})
    assert ratio.ratios() == {}
    for minute in range(1, 180):
        ratio.sampled(60.0 * minute, {("a", "in-time"): 100 + minute, ("a", "missed"): 100, ("b", "late"): minute})
    assert ratio.ratios() == {"a": 1.0, "b": 0.0}
    assert len(ratio._before) <= 62
