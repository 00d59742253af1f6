"""Kafka away for long at thousands of pushes a second, the agent killed twice while it recovers: nothing is missing."""

import pytest
from support.recovering_agent import survive

from ami_kafka.broker import LocalBroker
from ami_kafka.errors import KafkaRoomError

pytestmark = pytest.mark.kafka


@pytest.fixture
def broker(tmp_path, require):
    broker = LocalBroker(tmp_path / "kafka")
    try:
        broker.start()
    except KafkaRoomError as error:
        require(f"no real Kafka: {error}")
    yield broker
    broker.stop()


@pytest.mark.parametrize(
    ("away_s", "rate"),
    [
        pytest.param(6, 2000, marks=pytest.mark.timeout(300)),
        pytest.param(600, 5000, marks=[pytest.mark.soak, pytest.mark.timeout(3600)]),
    ],
)
def test_every_push_arrives_in_order_and_the_spool_ends_empty(tmp_path, broker, away_s, rate, capsys):
    pushed, records = survive(tmp_path, broker, before_s=2, away_s=away_s, rate=rate)

    with capsys.disabled():
        print(f"\n{pushed} pushes, {rate} a second wanted, Kafka away for {away_s} s, two kills")
        print(f"{records} records, {records - pushed} twice")
    assert records >= pushed > 0
