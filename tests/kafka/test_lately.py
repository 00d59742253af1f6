"""The last records of one key, from the end of its partition."""

import pytest

from ami_kafka import clients
from ami_kafka.errors import KafkaUnavailable, TopicMissing
from ami_kafka.lately import lately
from ami_kafka.table import partition_of

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(120)]


@pytest.fixture
def said(space):
    """A topic in which "me" and "you", of one partition, speak in turn, 20 times each."""
    you = next(key for key in (b"you-%d" % n for n in range(100)) if partition_of(key, 4) == partition_of(b"me", 4))
    producer = clients.producer(space.bootstrap)
    for number in range(20):
        for key in (b"me", you):
            producer.produce(space.raw, b"%d" % number, key)
    assert producer.flush(30) == 0
    return space


def values(records):
    return [int(record.value) for record in records]


def test_the_last_ones_of_the_key_come_oldest_first(said):
    assert values(lately(said.bootstrap, said.raw, b"me", most=3)) == [17, 18, 19]
    assert values(lately(said.bootstrap, said.raw, b"me", most=100)) == list(range(20))


def test_only_so_many_of_the_partition_are_looked_at(said):
    assert values(lately(said.bootstrap, said.raw, b"me", within=7)) == [17, 18, 19]


def test_who_said_nothing_has_nothing(said):
    assert lately(said.bootstrap, said.raw, b"nobody") == []


def test_a_kafka_or_a_topic_that_is_not_there_is_one_sentence(said):
    with pytest.raises(TopicMissing):
        lately(said.bootstrap, f"{said.name}.none", b"me")
    with pytest.raises(KafkaUnavailable):
        lately("127.0.0.1:1", said.raw, b"me")
