"""Read whole topics, as any consumer would who knows the contract and none of our code."""

import time

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition


def read_all(bootstrap, topic):
    """Committed records of a topic up to its present end, in partition and offset order."""
    return sorted(each(bootstrap, topic), key=lambda record: (record.partition(), record.offset()))


def each(bootstrap, topic):
    """Yield the committed records of a topic up to its present end, those of a partition in order."""
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": f"reader-{time.monotonic_ns()}",
            "isolation.level": "read_committed",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "auto.offset.reset": "earliest",  # where it starts anyway; a fresh topic may say out of range at first
        }
    )
    try:
        unread = set(consumer.list_topics(topic, 10).topics[topic].partitions)
        starts = {p: watermarks(consumer, TopicPartition(topic, p))[0] for p in unread}
        consumer.assign([TopicPartition(topic, p, low) for p, low in starts.items()])
        while unread:
            for record in consumer.consume(10_000, 1.0):
                error = record.error()
                if error is None:
                    yield record
                elif error.code() == KafkaError._PARTITION_EOF:
                    unread.discard(record.partition())
                else:
                    raise AssertionError(error)
    finally:
        consumer.close()


def watermarks(consumer, where, patience_s=30):
    """The first and the next offset of a partition, of a topic just made or of a broker just back too.

    Its leader needs a moment, and until then the client says so in several ways: not the leader, a partition unknown
    to it, no answer in time.
    """
    deadline = time.monotonic() + patience_s
    while True:
        try:
            return consumer.get_watermark_offsets(where, 10)
        except KafkaException:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)


def headers(record):
    """Headers of a record by name."""
    return dict(record.headers() or [])
