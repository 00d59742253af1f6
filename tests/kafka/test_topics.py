"""Topics are created as declared, once; what differs is said."""

import uuid

import pytest

from ami_kafka import clients, topics
from ami_kafka.errors import TopicDiffers, TopicFileInvalid
from ami_kafka.topics import Outcome, TopicSpec

pytestmark = pytest.mark.kafka


@pytest.fixture
def prefix():
    return uuid.uuid4().hex[:8]


def outcomes(changes):
    return [(change.name, change.outcome) for change in changes]


def test_our_declaration_is_accepted_and_applying_it_again_changes_nothing(own_kafka):
    specs = topics.load()
    assert outcomes(topics.apply(own_kafka)) == [(spec.name, Outcome.CREATED) for spec in specs]
    assert outcomes(topics.apply(own_kafka)) == [(spec.name, Outcome.UNCHANGED) for spec in specs]


def test_a_setting_that_differs_is_named_and_left_alone(kafka_bootstrap, prefix):
    topics.apply(kafka_bootstrap, [TopicSpec(prefix, 1, {"retention.ms": "1000"})])
    (change,) = topics.apply(kafka_bootstrap, [TopicSpec(prefix, 1, {"retention.ms": "2000"})])
    assert change == (prefix, Outcome.DIFFERS, ("retention.ms: declared 2000, is 1000",))


def test_another_partition_count_is_an_error_after_the_rest_was_created(kafka_bootstrap, prefix):
    one, two = f"{prefix}-1", f"{prefix}-2"
    topics.apply(kafka_bootstrap, [TopicSpec(one, 2, {})])
    with pytest.raises(TopicDiffers, match=f"{one} has 2 partitions, declared 3"):
        topics.apply(kafka_bootstrap, [TopicSpec(one, 3, {}), TopicSpec(two, 1, {})])
    assert outcomes(topics.apply(kafka_bootstrap, [TopicSpec(two, 1, {})])) == [(two, Outcome.UNCHANGED)]


def test_a_setting_that_kafka_does_not_know_is_one_sentence(kafka_bootstrap, prefix):
    with pytest.raises(TopicFileInvalid, match="refuses"):
        topics.apply(kafka_bootstrap, [TopicSpec(prefix, 1, {"no.such.setting": "1"})])


def test_keys_go_where_java_puts_them(kafka_bootstrap, prefix):
    """The murmur2 values are those of Kafka's own tests of its Java client."""
    topics.apply(kafka_bootstrap, [TopicSpec(prefix, 12, {})])
    murmur2 = {
        b"21": -973932308,
        b"foobar": -790332482,
        b"a-little-bit-long-string": -985981536,
        b"a-little-bit-longer-string": -1486304829,
        b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
        b"abc": 479470107,
    }
    placed = {}

    def delivered(_error, message):
        placed[message.key()] = message.partition()

    producer = clients.producer(kafka_bootstrap, on_delivery=delivered)
    for key in murmur2:
        producer.produce(prefix, b"", key)
    assert producer.flush(30) == 0
    assert placed == {key: (value & 0x7FFFFFFF) % 12 for key, value in murmur2.items()}
