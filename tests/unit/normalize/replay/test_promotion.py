"""After a promotion a consumer holds what the replay says, and nothing else has changed for it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ami.readings.v1 import meter_readings_pb2 as pb
from ami_normalize.replay.differences import Stated
from ami_normalize.replay.promotion import Live, again, promotion

pytestmark = pytest.mark.unit

T0 = 1_700_000_000_000_000
HOUR = 3_600_000_000
ENERGY, OTHER = "1.0.1.8.0.255", "1.0.2.8.0.255"


class Consumer:
    """Ten lines, as docs/consume.md would have them: the highest (revision, received time) of each natural key."""

    def __init__(self):
        self.held = {}

    def take(self, message):
        rank = (message.revision, message.time.received_us)
        for key, value in [
            *(((k.obis, k.at_us), None) for k in message.retracted),
            *(((r.obis, r.measured_at_us), r.mantissa) for r in message.readings),
            *(
                ((b.obis, b.first_interval_end_us + n * b.period_s * 1_000_000), mantissa)
                for b in message.interval_blocks
                for n, mantissa in enumerate(b.mantissas)
            ),
        ]:
            if rank >= self.held.get(key, (rank, None))[0]:
                self.held[key] = (rank, value)

    @property
    def values(self):
        return {key: value for key, (_, value) in self.held.items() if value is not None}


def holding(messages):
    consumer = Consumer()
    for message in messages:
        consumer.take(message)
    return consumer


def record(values=(), block=(), received=0, revision=0):
    """Values as (obis, hour, mantissa); a block as (first hour, mantissas)."""
    message = pb.MeterReadings(meter=pb.Meter(id="m"), time=pb.MessageTime(received_us=T0 + received))
    message.revision = revision
    for obis, hour, mantissa in values:
        message.readings.add(obis=obis, measured_at_us=T0 + hour * HOUR, mantissa=mantissa)
    if block:
        first, mantissas = block
        message.interval_blocks.add(
            obis="1.0.9.8.0.255", first_interval_end_us=T0 + first * HOUR, period_s=3600, mantissas=mantissas
        )
    return message


def live(number, message, inside=True):
    return Live(Stated(b"ami.raw.v1/0/%d" % number, message), inside)


def replayed(number, message):
    return Stated(b"ami.raw.v1/0/%d" % number, message)


def test_a_changed_value_is_given_and_no_other():
    before = live(1, record([(ENERGY, 0, 1), (OTHER, 0, 5)]))

    (given,) = promotion([before], [replayed(1, record([(ENERGY, 0, 2), (OTHER, 0, 5)]))], 1)

    assert given.name == b"ami.raw.v1/0/1"
    assert [(r.obis, r.mantissa) for r in given.message.readings] == [(ENERGY, 2)]
    assert (given.message.revision, given.message.retracted[:]) == (1, [])


def test_what_vanished_is_withdrawn_under_a_name_of_its_own():
    (gone,) = promotion([live(1, record([(ENERGY, 0, 1)], received=7))], [], 3)

    assert gone.name == b"ami.raw.v1/0/1#r"
    assert [(key.obis, key.at_us) for key in gone.message.retracted] == [(ENERGY, T0)]
    assert (gone.message.revision, gone.message.time.received_us, gone.message.readings[:]) == (3, T0 + 7, [])


def test_of_a_block_only_the_intervals_that_changed_are_given():
    before = live(1, record(block=(0, [1, 2, 3, 4, 5])))

    (given,) = promotion([before], [replayed(1, record(block=(0, [1, 7, 8, 4, 9])))], 1)

    assert [((b.first_interval_end_us - T0) // HOUR, b.mantissas[:]) for b in given.message.interval_blocks] == [
        (1, [7, 8]),
        (4, [9]),
    ]


def test_a_later_value_from_elsewhere_stays():
    later = live(9, record([(ENERGY, 0, 3)], received=5), inside=False)

    assert list(promotion([live(1, record([(ENERGY, 0, 1)])), later], [replayed(1, record([(ENERGY, 0, 2)]))], 1)) == []


def test_a_value_that_another_raw_record_gives_too_is_not_withdrawn():
    earlier = live(0, record([(ENERGY, 0, 3)]), inside=False)

    (given,) = promotion([earlier, live(1, record([(ENERGY, 0, 1)], received=5))], [], 1)

    assert [r.mantissa for r in given.message.readings] == [3]


def test_nothing_to_do_twice():
    before, new = [live(1, record([(ENERGY, 0, 1), (OTHER, 0, 1)]))], [replayed(1, record([(ENERGY, 0, 2)]))]
    written = [Live(Stated(each.name, each.message), inside=True) for each in promotion(before, new, 1)]

    assert len(written) == 2
    assert list(promotion([*before, *written], new, 2)) == []


def test_a_record_that_came_meanwhile_is_written_again_above():
    assert again(replayed(4, record([(ENERGY, 0, 1)])), 6).message.revision == 6


records = st.builds(
    record,
    st.lists(st.tuples(st.sampled_from([ENERGY, OTHER]), st.integers(0, 2), st.integers(0, 3)), max_size=3),
    st.just(()) | st.tuples(st.integers(0, 3), st.lists(st.integers(0, 3), min_size=1, max_size=4)),
    st.integers(0, 3),
)


@given(
    st.lists(st.tuples(st.integers(0, 5), records, st.integers(0, 1)), max_size=8),
    st.lists(st.tuples(st.integers(0, 3), records), max_size=5),
)
def test_a_consumer_holds_the_replays_values_and_those_of_all_other_records(standing, new):
    """Sources 0 to 3 are of the range. Reception belongs to the raw record, so both runs say the same of it."""
    received = {n: n // 2 for n in range(6)}
    before = []
    for source, message, revision in standing:
        message.time.received_us, message.revision = T0 + received[source], revision
        before.append(live(source, message, inside=source <= 3))
    after = []
    for source, message in new:
        message.time.received_us = T0 + received[source]
        after.append(replayed(source, message))

    written = list(promotion(before, after, 2))

    stood = holding(each.stated.message for each in before)
    holds = holding([*(each.stated.message for each in before), *(each.message for each in written)])
    others = holding(each.stated.message for each in before if not each.inside).held
    fresh = holding(each.message for each in after).held
    touched = {*holding(each.stated.message for each in before if each.inside).held, *fresh}
    for key in {*stood.held, *fresh}:
        if key not in touched:
            assert holds.values.get(key) == stood.values.get(key)
        else:
            said = [side[key] for side in (others, fresh) if key in side]
            latest = max(reversed(said), key=lambda each: each[0][1], default=(None, None))  # the replay's of two alike
            assert holds.values.get(key) == latest[1]


@given(st.lists(st.tuples(st.integers(0, 3), records), max_size=6), st.lists(st.tuples(st.integers(0, 3), records)))
def test_where_no_other_record_says_anything_a_consumer_holds_what_the_replay_says(standing, new):
    sides = [standing, new]
    for side in sides:
        for source, message in side:
            message.time.received_us = T0 + source
    before = [live(source, message) for source, message in standing]
    after = [replayed(source, message) for source, message in new]

    written = promotion(before, after, 1)

    consumer = holding([*(message for _, message in standing), *(each.message for each in written)])
    assert consumer.values == holding(message for _, message in new).values
