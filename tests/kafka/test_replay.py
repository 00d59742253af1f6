"""Replay on a real Kafka: what changed is found, exactly; and what is live stays as it is."""

import json
import threading
import time

import pytest
from confluent_kafka import TopicPartition
from support.kafka_reader import headers, read_all

from ami.readings.v1 import meter_readings_pb2 as pb
from ami_dlms.framing import wrapper
from ami_kafka import clients, topics
from ami_kafka.loop import EventKind
from ami_normalize.archive.run import Settings as ArchiveSettings
from ami_normalize.archive.run import archive
from ami_normalize.dialects import Dialects
from ami_normalize.pipeline import Context
from ami_normalize.replay.diff import diff, diff_topics
from ami_normalize.replay.errors import ReplayDiffers, ReplayTaken, ReplayUnfinished
from ami_normalize.replay.plan import plans
from ami_normalize.replay.run import Settings as ReplaySettings
from ami_normalize.replay.run import replay
from ami_normalize.replay.shadow import DERIVED, drop, shadow
from ami_normalize.stream.run import run
from ami_normalize.stream.settings import Settings
from ami_schemas import topics as names

pytestmark = pytest.mark.kafka

T0 = int(time.time()) * 1000 - 3_600_000  # as recent as retention wants it
METERS = 8
PUSHES = 6
GROUP = "ami-normalize"


def push(meter, count):
    """A list that says its own objects for even meters; one that only a mapping explains for odd ones."""
    value = (1000 * meter + count).to_bytes(4, "big")
    if meter % 2:
        apdu = bytes.fromhex("0f0000000100" + "0202") + b"\x06" + value + b"\x06" + (77).to_bytes(4, "big")
    else:
        apdu = bytes.fromhex("0f00000001000201020309060100010800ff06") + value + bytes.fromhex("02020f00161e")
    return wrapper.encode(apdu, 1, 16)


def mapping(unit):
    columns = [{"type": "number", "obis": "1.0.1.8.0.255", "unit": "Wh"}]
    columns.append({"type": "number", "obis": "1.0.2.8.0.255", "unit": unit})
    return json.dumps([{"name": "new-maker", "layouts": [{"name": "two energies", "columns": columns}]}]).encode()


@pytest.fixture(scope="module")
def live(own_kafka, tmp_path_factory):
    """A Kafka whose raw records were normalized, with one that waits, one that is wrong, and one that was a replay."""
    topics.apply(own_kafka)
    producer = clients.producer(own_kafka)

    def raw(meter, value, stamp, key=None):
        producer.produce(
            names.RAW,
            value,
            key or b"meter-%d" % meter,
            meter % 4,
            timestamp=stamp,
            headers=[("ami-framing", b"wrapper"), ("ami-exchange", b"push")],
        )

    for count in range(PUSHES):
        for meter in range(METERS):
            raw(meter, push(meter, count), T0 + 1000 * count + meter)
    raw(0, push(0, 90), T0 + 7000, key=b"peer-10.0.0.1")
    raw(1, push(0, 91)[:-2], T0 + 7001)
    assert producer.flush(30) == 0
    path = tmp_path_factory.mktemp("mapping") / "mapping.json"
    path.write_bytes(mapping("Wh"))
    stop, seen = threading.Event(), [0]

    def on_event(event):
        if event.kind is EventKind.COMMITTED:
            seen[0] += event.fields["records"]
            if seen[0] >= METERS * PUSHES + 2:
                stop.set()

    run(Settings(own_kafka, group=GROUP, mappings=(path,)), stop, on_event)
    return own_kafka


def context(unit="Wh", **more):
    return Context(dialects=Dialects.of_contents([("mapping.json", mapping(unit))]), **more)


def state(bootstrap):
    """All that is live: every record of the derived topics, the group's offsets, and its progress in the ledger."""
    found = {
        topic: [(r.partition(), r.offset(), r.key(), r.value(), r.headers()) for r in read_all(bootstrap, topic)]
        for topic in DERIVED
    }
    consumer = clients.consumer(bootstrap, GROUP)
    offsets = consumer.committed([TopicPartition(names.RAW, number) for number in range(12)], 30)
    consumer.close()
    progress = [(r.key(), r.value()) for r in read_all(bootstrap, names.LEDGER) if b"replay" not in r.key()]
    return found, [(each.partition, each.offset) for each in offsets], progress


def done(bootstrap, name, made=None, stop=None, on_progress=lambda _plan: None, **settings):
    return replay(
        ReplaySettings(bootstrap, name, **settings), made or context(), stop or threading.Event(), on_progress
    )


def values(bootstrap, name):
    """The derived records of a replay by live topic and source, each of which must be there once."""
    found = {}
    for topic in DERIVED:
        for record in read_all(bootstrap, shadow(topic, name)):
            told = headers(record)
            assert found.setdefault((topic, told["ami-source"]), record) is record
            assert told["ami-replay"] == name.encode()
    return found


def test_a_replay_with_nothing_changed_differs_in_nothing_and_leaves_what_is_live(live):
    before = state(live)

    plan = done(live, "same")
    report = diff(live, "same")

    assert state(live) == before
    assert (plan.complete, plan.left, plan.records) == (True, 0, METERS * PUSHES + 2)
    assert plan.written == {names.READINGS: METERS * PUSHES, names.DEAD_LETTERS: 1, names.PARKED: 1}
    assert len(values(live, "same")) == METERS * PUSHES + 2
    assert (report.records["live"], report.records["replayed"]) == (METERS * PUSHES, METERS * PUSHES)
    assert (report.kinds, report.outcomes, report.differing) == ({}, {}, 0)


def test_a_changed_mapping_differs_in_exactly_what_it_touches(live):
    done(live, "candidate", context("varh"))
    found = []

    report = diff(live, "candidate", found.append)

    assert sorted((each.meter, each.key.obis, each.key.at_us, each.fields) for each in found) == sorted(
        (f"meter-{meter}", "1.0.2.8.0.255", 1000 * (T0 + 1000 * count + meter), ("unit", "quality"))
        for meter in range(1, METERS, 2)
        for count in range(PUSHES)
    )
    assert report.kinds == {"changed": METERS // 2 * PUSHES}
    assert report.groups == {("", "1.0.2.8.0.255", "changed"): METERS // 2 * PUSHES}
    assert report.differing == METERS // 2
    both = diff_topics(live, (names.READINGS, shadow(names.READINGS, "candidate")))
    assert both.kinds == report.kinds


def test_without_the_mapping_values_are_gone_and_records_wait(live):
    done(live, "without", Context())

    report = diff(live, "without")

    count = METERS // 2 * PUSHES
    assert report.kinds == {"removed": 2 * count}
    assert report.outcomes == {("readings", "parked:MAPPING_MISSING"): count}


def test_a_range_is_that_of_the_stamps(live):
    plan = done(live, "range", start_ms=T0 + 2000, until_ms=T0 + 4000)

    assert plan.records == 2 * METERS
    assert diff(live, "range").kinds == {}


def test_meters_are_picked_out(live):
    plan = done(live, "meters", context("varh"), meters=frozenset({"meter-1", "meter-2"}))

    assert plan.written == {names.READINGS: 2 * PUSHES, names.DEAD_LETTERS: 1}  # the key of the wrong one is meter-1
    assert diff(live, "meters").kinds == {"changed": PUSHES}


def test_what_was_stopped_goes_on_and_nothing_is_doubled(live):
    stop = threading.Event()

    def after_two(plan):
        if plan.records >= 20:
            stop.set()

    first = done(live, "stopped", stop=stop, on_progress=after_two, batch=10)
    with pytest.raises(ReplayUnfinished, match="offsets left"):
        diff(live, "stopped")
    with pytest.raises(ReplayDiffers, match="the mapping"):
        done(live, "stopped", context("varh"))
    second = done(live, "stopped", batch=10)

    assert 20 <= first.records < second.records == METERS * PUSHES + 2
    assert len(values(live, "stopped")) == METERS * PUSHES + 2
    assert diff(live, "stopped").kinds == {}


def test_a_second_process_puts_the_first_out_and_nothing_is_doubled(live):
    started, ended = threading.Event(), []

    def first():
        with pytest.raises(ReplayTaken, match="another process"):
            done(live, "twice", rate=5, on_progress=lambda plan: started.set() if plan.records else None)
        ended.append("put out")

    thread = threading.Thread(target=first)
    thread.start()
    assert started.wait(60)
    plan = done(live, "twice")
    thread.join(60)

    assert ended == ["put out"]
    assert (plan.complete, plan.records) == (True, METERS * PUSHES + 2)
    assert len(values(live, "twice")) == METERS * PUSHES + 2


def test_what_replay_protection_found_live_stays_rejected(live):
    producer = clients.producer(live)
    source = f"{names.RAW}/1/2".encode()
    told = [("dlq.reason", b"STALE_COUNTER"), ("dlq.stage", b"decrypt"), ("dlq.message", b"m"), ("ami-source", source)]
    producer.produce(names.DEAD_LETTERS, b"", b"meter-1", 1, headers=told)
    producer.flush()

    plan = done(live, "upheld")

    assert plan.upheld == 1
    (letter,) = [record for (topic, each), record in values(live, "upheld").items() if each == source]
    assert letter.topic() == shadow(names.DEAD_LETTERS, "upheld")
    assert headers(letter)["dlq.reason"] == b"STALE_COUNTER"
    producer.produce(  # a person accepted it: what the test before and after assume
        names.PARKED, None, b"meter-1", 1, headers=[("ami-resolves", source), ("ami-outcome", b"readings")]
    )
    producer.flush()
    assert done(live, "accepted").upheld == 0


def test_the_archive_gives_the_same(live, tmp_path):
    archive(ArchiveSettings(live, tmp_path), threading.Event())

    done(live, "kafka", start_ms=T0 + 1000)
    plan = done(live, "files", start_ms=T0 + 1000, archive=tmp_path)

    kafka, files = (
        {at: (r.key(), r.value(), r.partition()) for at, r in values(live, name).items()} for name in ("kafka", "files")
    )
    assert files == kafka
    assert plan.records == (PUSHES - 1) * METERS + 2


def test_a_replay_can_be_thrown_away(live):
    plan = done(live, "away")

    drop(live, plan)

    assert "away" not in plans(live)
    assert not [topic for topic in clients.admin(live).list_topics(timeout=10).topics if topic.endswith(".away")]


def test_readings_of_a_replay_are_the_live_ones_but_for_nothing(live):
    done(live, "bytes")

    assert [r.value() for r in read_all(live, names.READINGS)] == [
        r.value() for r in read_all(live, shadow(names.READINGS, "bytes"))
    ]
    assert pb.MeterReadings.FromString(read_all(live, names.READINGS)[0].value()).provenance.topic == names.RAW
