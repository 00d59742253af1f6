"""Known offsets of topics, read without a group on a real broker."""

import time

import pytest
from confluent_kafka import TopicPartition

from ami_kafka import clients
from ami_kafka.errors import OffsetVanished, TransactionHangs
from ami_kafka.span import Span, SpanReader, offsets_at

pytestmark = pytest.mark.kafka


def read(bootstrap, spans, **more):
    found = []
    with SpanReader(bootstrap, "t-span", spans, **more) as reader:
        while not reader.finished:
            found += [(m.topic(), m.partition(), m.offset()) for m in reader.read()]
    return sorted(found)


def test_a_span_ends_where_it_says_whatever_comes_after(space):
    space.fill(40)

    spans = {(space.raw, 0): Span(2, 5), (space.raw, 1): Span(0, 10), (space.raw, 2): Span(3, 3)}

    assert read(space.bootstrap, spans) == [
        *((space.raw, 0, n) for n in (2, 3, 4)),
        *((space.raw, 1, n) for n in range(10)),
    ]


def test_a_span_that_ends_in_what_was_aborted_ends(space):
    producer = clients.transactional_producer(space.bootstrap, f"{space.name}.aborting")
    producer.init_transactions(30)
    for commit in (True, False):
        producer.begin_transaction()
        producer.produce(space.out, b"x", partition=0)
        producer.flush()
        producer.commit_transaction() if commit else producer.abort_transaction()

    assert read(space.bootstrap, {(space.out, 0): Span(0, space.ends(space.out)[0])}) == [(space.out, 0, 0)]


def test_what_stays_behind_an_open_transaction_is_said(space):
    producer = clients.transactional_producer(space.bootstrap, f"{space.name}.open", transaction_timeout_ms=60_000)
    producer.init_transactions(30)
    producer.begin_transaction()
    producer.produce(space.out, b"x", partition=0)
    producer.flush()

    with pytest.raises(TransactionHangs, match=f"{space.out}/0 stay behind"):
        read(space.bootstrap, {(space.out, 0): Span(0, space.ends(space.out)[0])}, patience_s=1.0)
    producer.abort_transaction()


def test_what_retention_took_is_said(space):
    space.fill(40)
    admin = clients.admin(space.bootstrap)
    for future in admin.delete_records([TopicPartition(space.raw, 0, 4)]).values():
        future.result()

    with pytest.raises(OffsetVanished, match=r"offset 2 of .* does not exist: Kafka holds 4 up to 10"):
        read(space.bootstrap, {(space.raw, 0): Span(2, 10)})


def test_the_offset_of_a_time_is_the_first_at_or_after_it(space):
    producer = clients.producer(space.bootstrap)
    now = int(time.time() - 60) * 1000
    for n in range(3):
        producer.produce(space.raw, b"x", b"k%d" % n, 1, timestamp=now + 10 * n)
    producer.flush()

    assert offsets_at(space.bootstrap, space.raw, now + 5) == {0: None, 1: 1, 2: None, 3: None}
    assert offsets_at(space.bootstrap, space.raw, now + 21)[1] is None
