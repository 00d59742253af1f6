"""The seek to what was committed: all partitions at once, and nothing is fetched meanwhile."""

import asyncio
from collections import defaultdict
from types import SimpleNamespace

import pytest
from aiokafka import TopicPartition
from faust.types import TP

from ami_normalize.watch.transport import Consumer, Message, _Thread
from ami_schemas import topics

pytestmark = pytest.mark.unit

FIRST, SECOND, FRESH = (TP(topics.READINGS, number) for number in range(3))
CHANGELOG = TP(topics.WATCH, 0)


class Client:
    """An aiokafka consumer with offsets of its own; `during` is called while they are asked for."""

    def __init__(self):
        self.offsets = {FIRST: 7, SECOND: 9, FRESH: None}
        self.assigned = {*self.offsets, CHANGELOG}
        self.sought = {}
        self.during = lambda: None

    def assignment(self):
        return frozenset(TopicPartition(*each) for each in self.assigned)

    async def committed(self, partition):
        assert not self.sought, "one was sought before all were asked for"
        await asyncio.sleep(0)
        self.during()
        return self.offsets[partition]

    async def beginning_offsets(self, partitions):
        return dict.fromkeys(partitions, 3)

    def seek(self, partition, offset):
        self.sought[partition] = offset


@pytest.fixture
def client():
    return Client()


@pytest.fixture
def thread(client):
    made = object.__new__(_Thread)
    made._consumer, made.fetched, made.begun = client, {}, {}
    return made


@pytest.fixture
def consumer(thread):
    made = object.__new__(Consumer)
    made._thread = SimpleNamespace(
        fetched=thread.fetched, begun=thread.begun, seek_to_committed=thread._seek_to_committed
    )
    made._read_offset, made._committed_offset = defaultdict(lambda: None), defaultdict(lambda: None)
    made.can_resume_flow, made.suspend_flow = asyncio.Event(), asyncio.Event()
    return made


async def test_all_partitions_are_sought_when_all_are_known(thread, client):
    assert await thread._seek_to_committed() == {FIRST: 7, SECOND: 9, FRESH: 3}
    assert client.sought == thread.begun == thread.fetched == {FIRST: 7, SECOND: 9, FRESH: 3}


async def test_what_went_to_somebody_else_meanwhile_is_not_sought(thread, client):
    client.during = lambda: client.assigned.discard(SECOND)

    await thread._seek_to_committed()
    assert set(client.sought) == {FIRST, FRESH}


async def test_nothing_flows_from_the_seek_until_faust_says_so(consumer, client):
    flowing = []
    client.during = lambda: flowing.append(consumer.flow_active)
    consumer.resume_flow()

    await consumer.perform_seek()
    assert (set(flowing), consumer.flow_active) == ({False}, False)
    consumer.resume_flow()
    assert consumer.flow_active


async def test_what_was_fetched_and_is_not_done_is_known(consumer, thread):
    await consumer.perform_seek()
    assert consumer.undone(FIRST, 0) is None
    thread.fetched[FIRST] = 12
    assert consumer.undone(FIRST, 0) == 7
    assert consumer.undone(FIRST, 10) == 10
    assert consumer.undone(FIRST, 12) is None


async def test_only_what_follows_what_is_done_counts(consumer):
    await consumer.perform_seek()
    message = object.__new__(Message)
    message.tp, message.since = FIRST, 8
    assert not consumer.follows(message, 0)
    assert consumer.follows(message, 8)
    message.since = 7
    assert consumer.follows(message, 0)
