"""The transactional loop on a real broker, in this process: what it copies, where it starts, what stops it."""

import random
import threading

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AlterConfigOpType, ConfigEntry, ConfigResource, NewPartitions

from ami_kafka import clients, topics
from ami_kafka.check import metadata
from ami_kafka.errors import KafkaUnavailable, OffsetVanished, TopicDiffers, TopicMissing
from ami_kafka.loop import BatchPolicy, EventKind, Output, ProcessorHeld, Stateless, TransactionalLoop
from ami_kafka.transaction import Aborted, Writer

pytestmark = pytest.mark.kafka


def copy(space, message):
    source = f"{message.partition}/{message.offset}".encode()
    return Output(space.out, message.partition, message.key, message.value, [("ami-source", source)])


def run(space, *, until, process=None, processor=None, events=None, **more):
    """Run a loop until so many records are committed by it, or for ever if it raises."""
    stop = threading.Event()
    committed = [0]

    def on_event(event):
        if events is not None:
            events.append(event)
        if event.kind is EventKind.COMMITTED:
            committed[0] += event.fields["records"]
            if committed[0] >= until:
                stop.set()

    processor = processor or Stateless(process or (lambda batch: [copy(space, message) for message in batch]))
    run_with(space, processor, on_event, stop, **more)


def run_with(space, processor, on_event, stop, **more):
    TransactionalLoop(
        bootstrap=space.bootstrap,
        group=space.group,
        source=space.raw,
        ledger=space.ledger,
        processor=processor,
        on_event=on_event,
        batch=more.pop("batch", BatchPolicy(records=300, age_s=0.1)),
        session_timeout_ms=6000,
        transaction_timeout_ms=5000,
        **more,
    ).run(stop)


def kinds(events):
    return [event.kind for event in events]


def test_each_record_is_copied_once_also_over_a_restart(space):
    space.fill(1000)
    run(space, until=1000)
    space.fill(500)
    events = []
    run(space, until=500, events=events)
    seen = space.sources()
    assert len(seen) == 1500
    assert set(seen.values()) == {1}
    assert EventKind.PROGRESS_DIFFERS not in kinds(events)
    assigned = next(event for event in events if event.kind is EventKind.ASSIGNED)
    assert assigned.fields["starts"] == {0: 250, 1: 250, 2: 250, 3: 250}


def test_headers_keys_and_timestamps_reach_the_processor(space):
    producer = clients.producer(space.bootstrap)
    producer.produce(space.raw, b"value", b"key", 2, timestamp=1_700_000_000_123, headers=[("a", b"1"), ("a", None)])
    producer.produce(space.raw, None, None, 2, timestamp=1_700_000_000_456)
    producer.flush()
    got = []

    def keep(batch):
        got.extend(batch)
        return []

    run(space, until=2, process=keep)
    assert [tuple(message) for message in got] == [
        (space.raw, 2, 0, 1_700_000_000_123, b"key", b"value", (("a", b"1"), ("a", b""))),
        (space.raw, 2, 1, 1_700_000_000_456, None, b"", ()),
    ]


@pytest.mark.parametrize("disturbed", [0, 40])
def test_the_ledger_wins_over_a_disturbed_group_offset(space, disturbed):
    space.fill(400)
    run(space, until=400)
    consumer = clients.consumer(space.bootstrap, space.group)
    consumer.commit(offsets=[TopicPartition(space.raw, 1, disturbed)], asynchronous=False)
    consumer.close()
    space.fill(40)
    events = []
    run(space, until=40, events=events)
    seen = space.sources()
    assert len(seen) == 440
    assert set(seen.values()) == {1}
    (event,) = [event for event in events if event.kind is EventKind.PROGRESS_DIFFERS]
    assert dict(event.fields) == {"partition": 1, "ledger": 100, "group": disturbed}


def test_an_offset_that_vanished_stops_loudly(space):
    space.fill(400)
    run(space, until=400)
    space.fill(400)
    admin = clients.admin(space.bootstrap)
    for future in admin.delete_records([TopicPartition(space.raw, 3, 150)]).values():
        future.result()
    with pytest.raises(OffsetVanished, match=f"offset 100 of {space.raw}/3"):
        run(space, until=1)
    assert len(space.sources()) == 400


def test_an_offset_beyond_the_end_stops_loudly(space):
    """The raw topic was made anew under the same name."""
    space.fill(400)
    run(space, until=400)
    admin = clients.admin(space.bootstrap)
    for future in admin.delete_topics([space.raw], operation_timeout=30).values():
        future.result()
    topics.apply(space.bootstrap, [topics.TopicSpec(space.raw, 4, {})])
    space.fill(40)
    with pytest.raises(OffsetVanished, match="offset 100"):
        run(space, until=1)


def test_a_kafka_that_is_not_there_is_one_sentence(space):
    space.bootstrap = "127.0.0.1:1"
    with pytest.raises(KafkaUnavailable, match=r"no Kafka answers at 127\.0\.0\.1:1"):
        run(space, until=1)


def test_a_missing_topic_is_one_sentence(space):
    space.raw = f"{space.name}.none"
    with pytest.raises(TopicMissing, match="none"):
        run(space, until=1)


def test_a_ledger_with_another_partition_count_is_refused(space, wait_until):
    admin = clients.admin(space.bootstrap)
    for future in admin.create_partitions([NewPartitions(space.ledger, 5)]).values():
        future.result()
    wait_until(lambda: len(metadata(space.bootstrap).topics[space.ledger].partitions) == 5, 30)
    with pytest.raises(TopicDiffers, match="5 partitions"):
        run(space, until=1)


def test_a_record_too_large_for_its_topic_does_not_stop_the_line(space):
    space.fill(40)
    space.fill(1, size=500_000)
    space.fill(40)
    events = []
    run(space, until=81, events=events)
    seen = space.sources()
    assert len(seen) == 81
    assert set(seen.values()) == {1}
    assert EventKind.OVERSIZE in kinds(events)


def test_a_record_the_broker_finds_too_large_does_not_stop_the_line(space, wait_until):
    """The topic's limit is lowered under a running loop."""
    space.fill(40)
    space.fill(1, size=50_000)

    def process(batch):
        outputs = [copy(space, message) for message in batch]
        return [output._replace(value=random.Random(1).randbytes(len(output.value))) for output in outputs]

    lowered = []
    admin = clients.admin(space.bootstrap)

    def lower_the_limit(event):
        if event.kind is EventKind.COMMITTED and not lowered:
            lowered.append(True)
            entry = ConfigEntry("max.message.bytes", "20000", incremental_operation=AlterConfigOpType.SET)
            resource = ConfigResource("topic", space.out, incremental_configs=[entry])
            for future in admin.incremental_alter_configs([resource]).values():
                future.result()
            wait_until(lambda: topics.limits(space.bootstrap, [space.out]) == {space.out: 20_000}, 30)
            space.fill(1, size=50_000)

    class Tee(list):
        def append(self, event):
            super().append(event)
            lower_the_limit(event)

    events = Tee()
    run(space, until=42, process=process, events=events)
    seen = space.sources()
    assert len(seen) == 42
    assert set(seen.values()) == {1}
    assert EventKind.ABORTED in kinds(events)
    assert EventKind.OVERSIZE in kinds(events)


def test_a_processor_that_lacks_something_consumes_nothing_and_goes_on_later(space):
    space.fill(100)
    attempts = []

    def process(batch):
        attempts.append([(message.partition, message.offset) for message in batch])
        if len(attempts) < 3:
            raise ProcessorHeld("the key store does not answer")
        return [copy(space, message) for message in batch]

    events = []
    run(space, until=100, process=process, events=events)
    assert kinds(events).count(EventKind.HELD) == 2
    seen = space.sources()
    assert len(seen) == 100
    assert set(seen.values()) == {1}


def test_an_error_of_the_processor_ends_the_loop_with_nothing_consumed(space):
    space.fill(10)

    def process(_batch):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run(space, until=1, process=process)
    assert space.ends(space.ledger) == {0: 0, 1: 0, 2: 0, 3: 0}
    run(space, until=10)
    assert set(space.sources().values()) == {1}


def test_batches_without_output_still_make_progress(space):
    space.fill(100)
    run(space, until=100, process=lambda _batch: [])
    events = []
    space.fill(4)
    run(space, until=4, events=events)
    assert set(space.sources()) == {f"{number}/25" for number in range(4)}


def test_an_idle_loop_opens_no_transaction(space):
    stop = threading.Event()
    events = []

    def on_event(event):
        events.append(event.kind)
        if event.kind is EventKind.ASSIGNED:
            threading.Timer(1.0, stop.set).start()

    run_with(space, Stateless(lambda batch: []), on_event, stop)
    assert events[0] is EventKind.STARTED
    assert events[-1] is EventKind.STOPPED
    assert space.ends(space.ledger) == {0: 0, 1: 0, 2: 0, 3: 0}


def test_a_full_producer_queue_is_waited_for(space, monkeypatch):
    original = clients.transactional_settings

    def small_queue(*arguments, **more):
        return original(*arguments, **more) | {"queue.buffering.max.messages": 50}

    monkeypatch.setattr(clients, "transactional_settings", small_queue)
    space.fill(1000)
    run(space, until=1000)
    seen = space.sources()
    assert len(seen) == 1000
    assert set(seen.values()) == {1}


class Recorder(Stateless):
    """Copies, gives two records that are due once, and writes down all it is told."""

    def __init__(self, space, told):
        super().__init__(lambda batch: [copy(space, message) for message in batch])
        self.space = space
        self.told = told
        self.asked = False

    def due(self, partitions):
        if self.asked or not partitions:
            return []
        self.asked = True
        return [Output(self.space.marks, partition, None, b"due", []) for partition in (1, 3)]

    def restore(self, partition, records):
        self.told.append(("restore", partition, list(records)))

    def release(self, partitions):
        self.told.append(("release", sorted(partitions)))

    def committed(self):
        self.told.append("committed")

    def aborted(self):
        self.told.append("aborted")


def test_what_is_due_is_written_while_idle_with_the_offsets_of_its_partitions(space):
    stop, told, events = threading.Event(), [], []

    def on_event(event):
        events.append(event)
        if event.kind is EventKind.COMMITTED:
            stop.set()

    run_with(space, Recorder(space, told), on_event, stop)
    assert sorted(message.partition() for message in space.committed(space.marks)) == [1, 3]
    (event,) = [event for event in events if event.kind is EventKind.COMMITTED]
    assert (event.fields["records"], event.fields["outputs"], event.fields["next"]) == (0, 2, {1: 0, 3: 0})
    assert {message.partition() for message in space.committed(space.ledger)} == {1, 3}
    assert told == ["committed", ("release", [0, 1, 2, 3])]


def test_what_the_ledger_keeps_is_handed_over_when_partitions_come(space):
    producer = clients.producer(space.bootstrap)
    for value in (b"old", b"new"):
        producer.produce(space.ledger, value, b"kept", 2)
    producer.produce(space.ledger, None, b"given-up", 2)
    producer.produce(space.ledger, b"x", b"progress/other/topic/2", 2)
    producer.flush()
    space.fill(4)
    told = []
    run(space, until=4, processor=Recorder(space, told))
    restored = [record for each in told if each[0] == "restore" for record in each[2]]
    assert restored == [(b"kept", b"old"), (b"kept", b"new"), (b"given-up", None)]
    assert [each[1] for each in told if each[0] == "restore"] == [2]
    assert told.index("committed") > 0


def test_an_aborted_transaction_is_told_before_its_batch_comes_again(space, monkeypatch):
    space.fill(40)
    original, calls = Writer._flush, []

    def flush(self):
        calls.append(1)
        if len(calls) == 1:
            raise Aborted("flush", "as this test wants it")
        original(self)

    monkeypatch.setattr(Writer, "_flush", flush)
    told = []
    run(space, until=40, processor=Recorder(space, told))
    outcomes = [each for each in told if isinstance(each, str)]
    assert outcomes[0] == "aborted"
    assert set(outcomes[1:]) == {"committed"}
    assert set(space.sources().values()) == {1}
