"""The window of invocation counters: verdicts as the design states them, in few bytes."""

import pytest
from google.protobuf.message import DecodeError
from hypothesis import given
from hypothesis import strategies as st

from ami.ledger.v1 import window_pb2
from ami_normalize.ledger.window import ACCEPTED, Finding, Verdict, Window, judge, mark, restored

pytestmark = pytest.mark.unit


class Model:
    """The rules, word by word, with all the memory in the world."""

    def __init__(self):
        self.highest = -1
        self.seen = []

    def judge(self, counter, tag):
        if self.seen and counter <= self.highest - 1024:
            return Verdict.STALE_COUNTER
        tags = dict(self.seen)
        if counter in tags:
            known = dict(self.seen[-32:]).get(counter, tag)
            return Verdict.RETRANSMISSION if known == tag else Verdict.COUNTER_REUSED
        self.seen.append((counter, tag))
        self.highest = max(self.highest, counter)
        return Verdict.ACCEPTED


def tag_of(number):
    return number.to_bytes(4, "big")


steps = st.one_of(
    st.integers(1, 3), st.integers(-70, 70), st.integers(-1100, 1100), st.sampled_from([1023, 1024, 1025, 65536, 0])
)
messages = st.lists(st.tuples(steps, st.booleans()), max_size=150)


@given(st.integers(0, 1 << 31), st.integers(0, 1100), messages)
def test_the_window_says_what_the_rules_say(first, run, moves):
    model, state, counter = Model(), None, first
    sequence = [(counter + number, tag_of(counter + number)) for number in range(run)]
    at = first + run
    for step, forged in moves:
        at = max(0, at + step)
        sequence.append((at, tag_of(at + forged)))
    for counter, tag in sequence:
        state, ruling = judge(state, counter, tag)
        assert ruling.verdict is model.judge(counter, tag), (counter, model.highest)


@given(st.integers(0, 1000), st.lists(st.integers(1, 1200), min_size=1, max_size=80))
def test_the_short_way_and_the_long_way_come_to_the_same_window(first, gaps):
    state, _ = judge(None, first, tag_of(first))
    opened = Window.of(state)
    counter = first
    for gap in gaps:
        counter += gap
        state, ruling = judge(state, counter, tag_of(counter))
        opened.add(counter, tag_of(counter))
        assert ruling is ACCEPTED
    assert Window.of(state) == opened


@given(st.lists(st.integers(0, 3000), min_size=1, max_size=200))
def test_the_bytes_are_the_message_of_the_ledger(counters):
    state = None
    for counter in counters:
        state, _ = judge(state, counter, tag_of(counter))
    message = window_pb2.Window.FromString(state)
    assert message.highest == max(counters)
    again = restored(message.SerializeToString())
    assert Window.of(again) == Window.of(state)
    assert judge(again, 5000, b"next") == judge(Window.of(state).packed(), 5000, b"next")
    assert restored(state) == state or message.counters


def test_a_meter_whose_counters_all_arrive_takes_less_than_150_bytes():
    state = None
    for counter in range(2000):
        state, _ = judge(state, counter, tag_of(counter))
    assert len(state) < 150
    assert judge(state, 977, b"late")[1].verdict is Verdict.RETRANSMISSION
    assert judge(state, 975, b"late")[1].verdict is Verdict.STALE_COUNTER


def test_500_messages_that_come_again_are_all_retransmissions_and_move_nothing():
    state = None
    for counter in range(1000, 3000):
        state, _ = judge(state, counter, tag_of(counter))
    for counter in range(2500, 3000):
        again, ruling = judge(state, counter, tag_of(counter))
        assert ruling.verdict is Verdict.RETRANSMISSION
        assert again is state


def test_500_messages_that_come_late_are_all_new():
    state = None
    for counter in (*range(1000), *range(1500, 2000)):
        state, _ = judge(state, counter, tag_of(counter))
    for counter in range(1000, 1500):
        state, ruling = judge(state, counter, tag_of(counter))
        assert ruling.verdict is Verdict.ACCEPTED


def test_a_reset_is_suspected_once_until_something_new_comes():
    state = None
    for counter in (90_000, 90_001):
        state, _ = judge(state, counter, b"tag.")
    found = []
    for counter in (3, 4, 80_000, 5, 90_002, 6, 7):
        state, ruling = judge(state, counter, b"tag.")
        found.append((ruling.verdict, ruling.finding))
    stale, new = Verdict.STALE_COUNTER, Verdict.ACCEPTED
    assert found == [
        (stale, Finding.RESET), (stale, None), (stale, None), (stale, None),
        (new, None), (stale, Finding.RESET), (stale, None),
    ]  # fmt: skip


def test_a_late_message_is_no_reset():
    state, _ = judge(None, 90_000, b"tag.")
    again, ruling = judge(state, 88_000, b"tag.")
    assert ruling == (Verdict.STALE_COUNTER, None, 90_000)
    assert again is state


def test_each_threshold_before_the_end_is_told_once():
    state, told = None, []
    for left in ((1 << 24) + 1, (1 << 24), (1 << 24) - 1, (1 << 24) - 2, 1 << 18, (1 << 18) - 1, 9, 1):
        state, ruling = judge(state, (1 << 32) - left, b"tag.")
        assert ruling.verdict is Verdict.ACCEPTED
        told.append(ruling.finding)
    end = Finding.EXHAUSTION
    assert told == [None, None, end, None, end, None, end, None]
    assert judge(None, (1 << 32) - 1, b"tag.")[1].finding is end


def test_a_mark_makes_a_later_message_a_retransmission():
    state = mark(None, 10, b"AAAA")
    assert judge(state, 10, b"AAAA")[1].verdict is Verdict.RETRANSMISSION
    assert judge(state, 10, b"BBBB")[1].verdict is Verdict.COUNTER_REUSED
    state = mark(state, 5, b"CCCC")
    assert judge(state, 5, b"DDDD")[1].verdict is Verdict.COUNTER_REUSED
    state, _ = judge(state, 5000, b"EEEE")
    assert mark(state, 6, b"FFFF") == state


def test_a_window_with_a_damaged_value_is_no_window():
    with pytest.raises(DecodeError):
        Window.of(b"\x12\xff")
