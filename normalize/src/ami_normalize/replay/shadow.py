"""The topics of a replay: like those of the live normalizer, and beside them."""

from __future__ import annotations

from typing import Final

from confluent_kafka import KafkaError, KafkaException

from ami_kafka import clients
from ami_kafka import topics as kafka_topics
from ami_kafka.span import partitions
from ami_normalize.replay.plan import Plan
from ami_schemas import topics

DERIVED: Final = (topics.READINGS, topics.EVENTS, topics.DEAD_LETTERS, topics.PARKED)


def shadow(topic: str, replay: str) -> str:
    """Return the topic that stands for a live one in a replay."""
    return f"{topic}.replay.{replay}"


def create(bootstrap: str, replay: str) -> None:
    """Create the topics of a replay that do not exist yet, as the live ones are declared and with their partitions.

    They keep their records until they are deleted. Raises the errors of ami_kafka.
    """
    declared = {spec.name: spec for spec in kafka_topics.load()}
    wanted = []
    for topic in DERIVED:
        config = dict(declared[topic].config) if topic in declared else {}
        config["retention.ms"] = "-1"
        wanted.append(kafka_topics.TopicSpec(shadow(topic, replay), len(partitions(bootstrap, topic)), config))
    kafka_topics.apply(bootstrap, wanted)


def drop(bootstrap: str, plan: Plan) -> None:
    """Delete the topics of a replay, its group and its record in the ledger. Raises the errors of ami_kafka."""
    admin = clients.admin(bootstrap)
    waiting = [
        *admin.delete_topics([shadow(topic, plan.id) for topic in DERIVED], operation_timeout=30.0).values(),
        *admin.delete_consumer_groups([plan.group]).values(),
    ]
    for future in waiting:
        try:
            future.result()
        except KafkaException as error:  # noqa: PERF203
            if error.args[0].code() not in (KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError.GROUP_ID_NOT_FOUND):
                raise
    producer = clients.producer(bootstrap)
    forgotten = plan.forgotten()
    producer.produce(forgotten.topic, None, forgotten.key, forgotten.partition)
    producer.flush(30.0)
