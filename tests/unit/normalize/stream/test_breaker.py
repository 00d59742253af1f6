"""A bad key roll-out stops the line; one bad meter, noise and forgers never do; and it goes on by itself."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ami_normalize.stream.breaker import Breaker, BreakerOpen, BreakerPolicy, State

pytestmark = pytest.mark.unit

FLEET = [f"st-{number:016x}".encode() for number in range(300)]
WELL = dict.fromkeys(FLEET, False)


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


def rolled_out(bad):
    """How the fleet fares when the keys of some of it are wrong."""
    return {**WELL, **dict.fromkeys(bad, True)}


def passes(breaker, batch):
    try:
        breaker.admit()
        breaker.judge(batch)
    except BreakerOpen:
        return False
    return True


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def breaker(clock):
    made = Breaker(clock=clock)
    made.judge(WELL)
    return made


def test_a_third_of_the_meters_with_wrong_keys_stops_the_line(breaker):
    with pytest.raises(BreakerOpen, match="messages of 100 of 300 meters"):
        breaker.judge(rolled_out(FLEET[::3]))
    assert breaker.state is State.OPEN
    assert "correct the keys" in breaker.reason


def test_one_bad_meter_never_does_however_often_it_fails(breaker):
    for _ in range(1000):
        assert passes(breaker, {FLEET[0]: True})
    assert breaker.state is State.CLOSED


def test_a_hundred_meters_sending_noise_do_not(breaker):
    strangers = {f"st-ffff{number:012x}".encode(): True for number in range(100)}
    for _ in range(50):
        assert passes(breaker, {**dict.fromkeys(FLEET[:50], False), **strangers})


def test_noise_beside_what_is_right_does_not(breaker):
    """Meters that fail in one batch and are read in the next have the right keys."""
    for number in range(1000):
        bad = FLEET[number % 300]
        assert passes(breaker, {bad: True})
        assert passes(breaker, {bad: False})


def test_small_batches_of_a_bad_roll_out_add_up(breaker):
    batches = [{meter: number % 3 == 0} for number, meter in enumerate(FLEET)]
    passed = [passes(breaker, batch) for batch in batches]
    assert breaker.state is State.OPEN
    assert passed.index(False) < len(batches)


def test_only_meters_that_need_keys_are_well(clock):
    ciphered = set(FLEET[:60])
    breaker = Breaker(clock=clock, keyed=ciphered.__contains__)
    breaker.judge(WELL)
    with pytest.raises(BreakerOpen, match="messages of 20 of 60 meters"):
        breaker.judge(rolled_out(FLEET[:20]))


def test_who_was_opened_before_a_restart_counts(clock):
    breaker = Breaker(clock=clock)
    breaker.knows(FLEET)
    with pytest.raises(BreakerOpen):
        breaker.judge(rolled_out(FLEET[::3]))


def test_open_it_tries_now_and_then_and_stays_open_while_keys_are_wrong(breaker, clock):
    bad = rolled_out(FLEET[::3])
    assert not passes(breaker, bad)
    for _ in range(20):
        clock.now += 1.0
        with pytest.raises(BreakerOpen):
            breaker.admit()
        clock.now += 4.0
        breaker.admit()
        assert breaker.state is State.HALF_OPEN
        with pytest.raises(BreakerOpen):
            breaker.judge(bad)


def test_it_goes_on_by_itself_when_the_keys_are_right(breaker, clock):
    assert not passes(breaker, rolled_out(FLEET[::3]))
    clock.now += 5.0
    assert passes(breaker, WELL)
    assert breaker.state is State.CLOSED
    assert breaker.reason == ""


def test_half_open_a_batch_without_failures_opens_no_gate_for_the_next(breaker, clock):
    assert not passes(breaker, rolled_out(FLEET[::3]))
    clock.now += 5.0
    assert passes(breaker, {FLEET[1]: False})
    assert breaker.state is State.HALF_OPEN
    assert not passes(breaker, {FLEET[0]: True, FLEET[3]: True, FLEET[4]: False})
    assert breaker.state is State.OPEN


def test_half_open_one_bad_meter_passes(breaker, clock):
    assert not passes(breaker, rolled_out(FLEET[::3]))
    clock.now += 5.0
    assert passes(breaker, {FLEET[0]: True})


def test_a_meter_that_fails_for_long_is_known_to_be_bad(clock):
    breaker = Breaker(BreakerPolicy(window_s=60.0), clock=clock)
    breaker.judge(WELL)
    for meter in FLEET[::3]:  # one after another breaks for good
        assert passes(breaker, {meter: True, FLEET[1]: False})
        clock.now += 30.0
    assert breaker.state is State.CLOSED


def test_it_can_be_switched_off(clock):
    breaker = Breaker(BreakerPolicy(share=2.0), clock=clock)
    breaker.judge(WELL)
    assert passes(breaker, dict.fromkeys(FLEET, True))


meters = st.integers(0, 39).map(FLEET.__getitem__)
batches = st.lists(st.dictionaries(meters, st.booleans(), min_size=1, max_size=20), max_size=40)


@settings(max_examples=200)
@given(batches, st.integers(1, 20), st.integers(1, 60))
def test_it_opens_only_for_as_many_meters_as_said_and_their_share(history, least, sample):
    policy = BreakerPolicy(share=0.2, meters=least, sample=sample)
    breaker = Breaker(policy, clock=Clock())
    opened, ill = set(), set()
    for batch in history:
        known_ill = {meter for meter, failed in batch.items() if failed and meter in opened}
        ill = (ill | known_ill) - {meter for meter, failed in batch.items() if not failed}
        if not passes(breaker, batch):
            assert len(ill) >= least
            return
        opened |= {meter for meter, failed in batch.items() if not failed}


@settings(max_examples=200)
@given(batches, st.floats(0.0, 1.0), st.integers(1, 20))
def test_whatever_came_before_it_recovers_when_all_is_well(history, share, least):
    clock = Clock()
    breaker = Breaker(BreakerPolicy(share=share, meters=least), clock=clock)
    for batch in history:
        passes(breaker, batch)
        clock.now += 1.0
    clock.now += 5.0
    assert passes(breaker, WELL)
    assert breaker.state is State.CLOSED


@settings(max_examples=50)
@given(batches, st.integers(1, 30))
def test_what_it_remembers_is_bounded(history, sample):
    breaker = Breaker(BreakerPolicy(sample=sample, share=2.0), clock=Clock())
    for batch in history:
        breaker.judge(batch)
        assert sum(map(len, breaker._lately)) < sample + 20
        assert set(breaker._failing) <= breaker._known <= set(FLEET)
