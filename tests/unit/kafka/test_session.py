"""A consumer that does not come back into its group, or does not get out of it, does not hold the loop."""

import threading

import pytest
from confluent_kafka import Message, TopicPartition

from ami_kafka import clients
from ami_kafka.batch import BatchPolicy
from ami_kafka.loop import Stateless
from ami_kafka.session import Session
from ami_kafka.settings import LoopSettings
from ami_kafka.transaction import Rebuild

pytestmark = pytest.mark.unit

SESSION_S = 0.05


class Lost:
    """A consumer that loses its partitions at once, is never given any again, and leaves when it is let."""

    def __init__(self):
        self.may_leave = threading.Event()
        self._on_lost = None

    def subscribe(self, _topics, *, on_lost, **_callbacks):
        self._on_lost = on_lost

    def consume(self, _count, timeout):
        on_lost, self._on_lost = self._on_lost, None
        if on_lost is not None:
            on_lost(self, [TopicPartition("raw", 0)])
        threading.Event().wait(timeout)
        return []

    def consumer_group_metadata(self):
        return b""

    def close(self):
        self.may_leave.wait()


class Idle:
    """A transactional producer that Kafka knows."""

    def init_transactions(self, _timeout):
        pass

    def purge(self):
        pass

    def flush(self, _timeout):
        return 0


class Remembering(Stateless):
    """What is remembered of partitions, and in which thread it was to be forgotten."""

    def __init__(self):
        super().__init__(lambda _batch: ())
        self.released = []

    def release(self, partitions):
        self.released.append((list(partitions), threading.current_thread()))


@pytest.fixture
def lost(monkeypatch):
    consumer = Lost()
    monkeypatch.setattr(clients, "consumer", lambda *_args, **_settings: consumer)
    monkeypatch.setattr(clients, "transactional_producer", lambda *_args, **_settings: Idle())
    yield consumer
    consumer.may_leave.set()


def session_of(processor, events):
    settings = LoopSettings(
        "127.0.0.1:1", "group", "raw", "ledger", processor, events.append, session_timeout_ms=int(SESSION_S * 1000)
    )
    return Session(settings, threading.Event())


def test_clients_are_made_anew_where_the_group_does_not_take_us_back(lost):
    lost.may_leave.set()
    processor, events = Remembering(), []
    session = session_of(processor, events)
    with pytest.raises(Rebuild, match="put out of the group"):
        session.run()
    session.close()
    assert processor.released == [([0], threading.current_thread())]
    assert [event.fields["lost"] for event in events if event.kind.value == "revoked"] == [True]


def test_a_consumer_that_does_not_get_out_is_left_alone(lost):
    processor, events = Remembering(), []
    session = session_of(processor, events)
    with pytest.raises(Rebuild):
        session.run()
    session._assignment.add({3: 0})
    session.close()
    assert [numbers for numbers, _thread in processor.released] == [[0], [3]]
    session._on_lost(lost, [TopicPartition("raw", 3)])
    assert len(processor.released) == 2


class Behind:
    """A consumer of a partition in which many records wait."""

    def __init__(self, records):
        self._left = [
            Message(topic="raw", partition=0, offset=offset, value=b"v", timestamp=(1, 0)) for offset in range(records)
        ]
        self.asked = []

    def consume(self, count, timeout):
        self.asked.append(timeout)
        given, self._left = self._left[:count], self._left[count:]
        return given

    def close(self):
        pass


def gathered(monkeypatch, records, policy):
    consumer = Behind(records)
    monkeypatch.setattr(clients, "consumer", lambda *_args, **_settings: consumer)
    monkeypatch.setattr(clients, "transactional_producer", lambda *_args, **_settings: Idle())
    settings = LoopSettings("127.0.0.1:1", "group", "raw", "ledger", Remembering(), lambda _event: None, batch=policy)
    session = Session(settings, threading.Event())
    session._assignment.add({0: 0})
    batch = session._gather()
    session.close()
    return batch, consumer.asked


def test_what_waits_is_read_without_waiting_until_the_batch_is_full(monkeypatch):
    policy = BatchPolicy(records=2000, age_s=0.0)
    batch, asked = gathered(monkeypatch, 3000, policy)
    assert [message.offset for message in batch] == [*range(2000)]
    assert asked == [0.0] * 4


def test_nothing_more_is_waited_for_once_all_is_read(monkeypatch):
    batch, asked = gathered(monkeypatch, 600, BatchPolicy(records=2000, age_s=0.0))
    assert len(batch) == 600
    assert len(asked) == 2
