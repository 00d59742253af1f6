"""The metrics exposed are exactly those that `names` explains, and say what happened."""

from collections import Counter

import pytest
from prometheus_client.parser import text_string_to_metric_families

from ami_kafka.loop import EventKind, LoopEvent
from ami_normalize.observe import names
from ami_normalize.observe.observer import Inside, Observer
from ami_normalize.observe.tally import Ended
from ami_normalize.stream.breaker import State

pytestmark = pytest.mark.unit


class Behind:
    """A lag that is known."""

    def ends(self, partitions):
        return {number: at + 5 for number, at in partitions.items()}

    def oldest_ms(self, _positions, _ends):
        return 999_990_000


@pytest.fixture
def observer():
    return Observer(
        Inside(lambda: State.HALF_OPEN, lambda: ("0.1.0", "abc")), clock=lambda: 5.0, wall=lambda: 1_000_000.0
    )


def everything(observer):
    for kind, fields in (
        (EventKind.STARTED, {}),
        (EventKind.ASSIGNED, {"starts": {3: 7}}),
        (EventKind.ABORTED, {"step": "produce to ami.readings.v1", "error": "no"}),
        (EventKind.REBUILT, {"reason": "fenced"}),
        (EventKind.OVERSIZE, {"topic": "t", "size": 2, "limit": 1}),
        (EventKind.ASSIGNED, {"starts": {3: 7}}),
        (EventKind.COMMITTED, {"records": 2, "outputs": 3, "seconds": 0.2, "writing": 0.1, "next": {3: 9}}),
        (EventKind.HELD, {"cause": "disk", "error": "full"}),
    ):
        observer(LoopEvent(kind, kind.value, fields))
    observer.ended(
        Ended(Counter(KFM=2), Counter({"ami.readings.v1": 2}), Counter({("rejected", "TAG_MISMATCH", "KFM"): 1}))
    )
    observer.sample(Behind())


def samples(observer):
    text = observer.metrics().decode()
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if not sample.name.endswith("_bucket")
    }


def test_what_is_exposed_is_what_is_explained(observer):
    everything(observer)
    families = {family.name: family for family in text_string_to_metric_families(observer.metrics().decode())}
    assert set(families) == {metric.name for metric in names.METRICS}
    for metric in names.METRICS:
        exposed = {sample.name for sample in families[metric.name].samples}
        assert exposed == set(metric.exposed), metric.name
        assert families[metric.name].type == metric.kind
        labels = {name for sample in families[metric.name].samples for name in sample.labels} - {"le"}
        assert labels == set(metric.labels), metric.name


def test_they_say_what_happened(observer):
    everything(observer)
    found = samples(observer)
    assert found["ami_normalize_lag_records", "3"] == 5
    assert found["ami_normalize_committed_offset", "3"] == 9
    assert found["ami_normalize_oldest_unprocessed_seconds",] == 10
    assert found["ami_normalize_last_commit_timestamp_seconds",] == 1_000_000
    assert found["ami_normalize_records_total", "KFM"] == 2
    assert found["ami_normalize_refused_total", "KFM", "rejected", "TAG_MISMATCH"] == 1
    assert found["ami_normalize_aborts_total", "produce"] == 1
    assert found["ami_normalize_rebuilds_total",] == found["ami_normalize_oversize_total",] == 1
    assert found["ami_normalize_batch_seconds_sum",] == 0.2
    assert found["ami_normalize_commit_seconds_sum",] == 0.1
    assert found["ami_normalize_held", "disk"] == 1
    assert found["ami_normalize_breaker_open",] == 0.5
    assert found["ami_normalize_in_force", "0.1.0", "abc"] == 1


def test_the_page_says_why(observer):
    everything(observer)
    page = observer.page()
    assert (page["healthy"], page["state"], page["cause"], page["reason"]) == (True, "held", "disk", "held")
    assert (page["lag"], page["partitions"], page["oldest_unprocessed_seconds"]) == (5, {"3": 9}, 10.0)
    assert (page["breaker"], page["mapping"]) == ("half-open", "abc")
