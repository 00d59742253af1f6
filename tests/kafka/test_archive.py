"""The archive of a real Kafka: every record exactly, in the same files however often and in how many runs."""

import threading
import time

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import NewTopic
from support.kafka_reader import read_all

from ami_kafka import clients, topics
from ami_normalize.archive import folder as files
from ami_normalize.archive.errors import ArchiveBusy, ArchiveGap
from ami_normalize.archive.ranges import Cuts
from ami_normalize.archive.run import Settings, archive

pytestmark = pytest.mark.kafka

DAY = 86_400_000
START = (int(time.time()) * 1000 // DAY - 20) * DAY  # retention would take what is much older
CUTS = Cuts(records=40)


@pytest.fixture
def topic(kafka_bootstrap, request):
    name = f"t-{request.node.name[:60]}.v1"
    topics.apply(kafka_bootstrap, [topics.TopicSpec(name, 2, {})])
    return name


def fill(bootstrap, topic, start, count):
    """Records of all forms, evenly over two partitions, a new day every 25."""
    producer = clients.producer(bootstrap)
    for n in range(start, start + count):
        producer.produce(
            topic,
            [b"value %d" % n, b"", None][n % 3],
            [b"key", b"", None][n % 5 % 3],
            n % 2,
            timestamp=START + n // 25 * DAY + n,
            headers=[("h", b"\xff"), ("h", None), ("empty", b"")][: n % 4],
        )
    assert producer.flush(30) == 0


def run(bootstrap, topic, directory, **more):
    return archive(Settings(bootstrap, directory, (topic,), cuts=CUTS, **more), threading.Event())


def contents(directory):
    return {str(p.relative_to(directory)): p.read_bytes() for p in directory.rglob("*.avro")}


def test_records_come_back_exactly(kafka_bootstrap, topic, tmp_path):
    fill(kafka_bootstrap, topic, 0, 150)

    done = run(kafka_bootstrap, topic, tmp_path)

    kept = [record for p in (0, 1) for record in files.read(tmp_path / topic, p, *files.bounds(tmp_path / topic, p))]
    there = read_all(kafka_bootstrap, topic)
    assert [(r.partition, r.offset, r.timestamp_type, r.timestamp_ms, r.key, r.value, r.headers) for r in kept] == [
        (r.partition(), r.offset(), *r.timestamp(), r.key(), r.value(), tuple(r.headers() or ())) for r in there
    ]
    assert (done.records, done.left) == (150, 0)


def test_the_files_of_several_runs_are_those_of_one(kafka_bootstrap, topic, tmp_path):
    for start in (0, 10, 31, 32, 90):
        fill(kafka_bootstrap, topic, start, {0: 10, 10: 21, 31: 1, 32: 58, 90: 60}[start])
        run(kafka_bootstrap, topic, tmp_path / "often")
    run(kafka_bootstrap, topic, tmp_path / "once")

    assert contents(tmp_path / "often") == contents(tmp_path / "once")
    assert run(kafka_bootstrap, topic, tmp_path / "once").records == 0
    assert contents(tmp_path / "often") == contents(tmp_path / "once")


def test_following_publishes_what_does_not_fill_a_file(kafka_bootstrap, topic, tmp_path, wait_until):
    stop = threading.Event()
    settings = Settings(kafka_bootstrap, tmp_path, (topic,), follow=True, publish_every_s=0.2, cuts=CUTS)
    thread = threading.Thread(target=archive, args=(settings, stop))
    thread.start()
    try:
        for start in (0, 7):
            fill(kafka_bootstrap, topic, start, 7)
            wait_until(lambda end=start + 7: sum(each.last + 1 for each in last(tmp_path / topic)) == end, 60)
        with pytest.raises(ArchiveBusy, match="another process"):
            run(kafka_bootstrap, topic, tmp_path)
    finally:
        stop.set()
        thread.join(60)
    assert len(contents(tmp_path)) == 2


def last(folder):
    return [files.ranges(folder, partition)[-1] for partition in files.partitions(folder)]


def test_what_retention_took_before_is_loud(kafka_bootstrap, topic, tmp_path):
    fill(kafka_bootstrap, topic, 0, 20)
    run(kafka_bootstrap, topic, tmp_path)
    fill(kafka_bootstrap, topic, 20, 20)
    admin = clients.admin(kafka_bootstrap)
    for future in admin.delete_records([TopicPartition(topic, 0, 15)]).values():
        future.result()

    with pytest.raises(ArchiveGap, match=r"offsets 10 to 14 of .*/0 left Kafka"):
        run(kafka_bootstrap, topic, tmp_path)
    run(kafka_bootstrap, topic, tmp_path, accept_gap=True)

    assert [(each.first, each.last) for each in files.ranges(tmp_path / topic, 0)] == [(0, 9), (15, 19)]
    assert files.bounds(tmp_path / topic, 1) == (0, 20)


def test_a_topic_made_anew_is_not_taken_for_the_same(kafka_bootstrap, topic, tmp_path):
    fill(kafka_bootstrap, topic, 0, 20)
    run(kafka_bootstrap, topic, tmp_path)
    admin = clients.admin(kafka_bootstrap)
    other = f"{topic}.anew"
    admin.create_topics([NewTopic(other, 2)])[other].result()
    (tmp_path / topic).rename(tmp_path / other)

    with pytest.raises(ArchiveGap, match="made anew"):
        run(kafka_bootstrap, other, tmp_path)
