"""Healthy is who makes progress; every other state says why and what to do."""

import pytest

from ami_ingest.observe.health import Health, State
from ami_ingest.observe.snapshot import Pushes, Snapshot, Spooled
from ami_ingest.schedule.stats import PollStats

pytestmark = pytest.mark.unit


class Agent:
    """An agent whose figures a test sets, and its time."""

    def __init__(self):
        self.now = 0.0
        self.polls = PollStats()
        self.spooled = Spooled()
        self.pushes = Pushes()
        self.health = Health(60, 600, clock=lambda: self.now)

    def passes(self, seconds, **spooled):
        self.spooled = self.spooled._replace(**spooled)
        for _ in range(seconds):
            self.now += 1
            self.health.sampled(Snapshot(self.polls, self.pushes, self.spooled))
        return self.health.report()


@pytest.fixture
def agent():
    return Agent()


def test_nothing_to_do_is_healthy(agent):
    report = agent.passes(10_000)
    assert (report.healthy, report.state, report.reason) == (True, State.IDLE, "")


def test_records_that_leave_are_progress_however_many_wait(agent):
    for published in range(200):
        report = agent.passes(50, records=10_000 + published, published=published)
    assert (report.healthy, report.state) == (True, State.WORKING)


def test_records_that_stay_while_kafka_is_there_are_not(agent):
    agent.passes(1, records=5, published=7)
    assert agent.passes(60).healthy
    report = agent.passes(1)
    assert (report.healthy, report.state) == (False, State.STUCK)
    assert report.reason == "5 records wait in the spool, and Kafka took none for 61 s"
    assert agent.passes(1, published=8).healthy


def test_without_kafka_it_spools_and_is_healthy_and_says_so(agent):
    report = agent.passes(100_000, records=5, away=True)
    assert (report.healthy, report.state) == (True, State.KAFKA_AWAY)
    assert report.reason == "Kafka is away: 5 records wait in the spool"
    assert "kafka.bootstrap" in report.remedy
    assert agent.passes(60, away=False).healthy  # patience begins when Kafka is back
    assert not agent.passes(1).healthy


@pytest.mark.parametrize("away", [True, False])
def test_a_full_spool_is_not(agent, away):
    report = agent.passes(1, full=True, records=9, away=away)
    assert (report.healthy, report.state) == (False, State.SPOOL_FULL)
    assert ("Kafka is away" in report.reason) is away


def test_a_disk_that_takes_nothing_is_not(agent):
    report = agent.passes(1, failing=True, full=True)
    assert (report.healthy, report.state) == (False, State.DISK)


def test_meters_that_are_due_and_never_read_are_not(agent):
    agent.polls.running, agent.polls.waiting["scheduled"] = 64, 100
    assert agent.passes(600).state is State.WORKING
    report = agent.passes(1)
    assert (report.healthy, report.state) == (False, State.STUCK)
    assert report.reason == "meters are due, and no poll has ended for 601 s"


def test_a_few_meters_that_are_away_are_no_reason(agent):
    agent.polls.results["default", "T1_TIMEOUT"] = 19
    assert agent.passes(10_000).healthy


def test_many_failures_without_a_success_are(agent):
    agent.polls.results["default", "OK"] = 1
    agent.passes(1)
    agent.polls.results["default", "NO_ROUTE"] = 20
    assert agent.passes(600).healthy
    report = agent.passes(1)
    assert (report.healthy, report.state) == (False, State.STUCK)
    assert report.reason == "20 polls failed and none succeeded for 601 s"
    agent.polls.results["default", "OK"] += 1
    assert agent.passes(1).healthy


def test_an_event_loop_that_does_not_turn_is_not(agent):
    agent.passes(1)
    agent.now += 16
    report = agent.health.report()
    assert (report.healthy, report.state) == (False, State.STUCK)
    assert "event loop" in report.reason
