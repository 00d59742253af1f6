"""Gaps open when intervals are skipped or missing, and close when they come late."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.watched import DAY, HOUR, METER, MINUTE, PROFILE, T0, Watched, block, readings

pytestmark = pytest.mark.unit

QUARTER = 15 * MINUTE


def push(watched, first, count, *, period_s=900, received=None, **more):
    """Rows number `first` to `first + count - 1` of the profile."""
    begin = T0 + first * period_s * 1_000_000
    end = begin + count * period_s * 1_000_000
    return watched.give(readings(received or end, blocks=[block(begin, [1] * count, period_s=period_s, **more)]))


def missing(watched):
    return sum(sum(gap.missing[1::2]) for profile in watched.state().profiles for gap in profile.gaps)


def test_rows_without_a_hole_say_nothing(watched):
    assert [push(watched, 4 * number, 4) for number in range(10)] == [[]] * 10


def test_skipped_rows_open_a_gap_and_late_ones_close_it(watched):
    push(watched, 0, 4)
    assert push(watched, 8, 4) == ["INTERVAL_GAP"]
    (gap,) = watched.found
    assert gap.source == f"watch/intervals/{METER}/INTERVAL_GAP/{PROFILE}/2026-01-01T01:00:00Z"
    assert (gap.finding.obis, gap.finding.code, gap.finding.at_us) == (PROFILE, 4, T0 + HOUR)
    assert push(watched, 12, 4) == []
    assert push(watched, 5, 2, received=T0 + 5 * HOUR) == []
    assert missing(watched) == 2
    assert push(watched, 4, 4, received=T0 + 6 * HOUR) == ["GAP_CLOSED"]
    assert watched.found[-1].source == gap.source.replace("INTERVAL_GAP", "GAP_CLOSED")
    assert not watched.state().profiles[0].gaps


def test_a_row_missing_within_a_block_is_a_gap(watched):
    rows = [1, 2, None, None, 5, 6]
    assert watched.give(readings(T0 + 2 * HOUR, blocks=[block(T0, rows)])) == ["INTERVAL_GAP"]
    assert watched.found[0].finding.code == 2
    assert watched.found[0].finding.at_us == T0 + 2 * QUARTER
    assert watched.give(readings(T0 + 3 * HOUR, blocks=[block(T0, [1, 2, 3, 4, 5, 6])])) == ["GAP_CLOSED"]


def test_columns_of_the_same_rows_count_once(watched):
    columns = [block(T0, [1, None, 3, 4], obis=obis) for obis in ("1.0.1.29.0.255", "1.0.2.29.0.255")]
    assert watched.give(readings(T0 + HOUR, blocks=columns)) == ["INTERVAL_GAP"]


def test_the_period_is_learned_from_single_rows(watched):
    for number in range(4):
        assert push(watched, 0, 1, received=T0 + HOUR) == []
        begin = T0 + number * QUARTER
        assert watched.give(readings(begin + 1, blocks=[block(begin, [1], period_s=0)])) == []
    assert watched.state().profiles[0].period_s == 900
    begin = T0 + 6 * QUARTER
    assert watched.give(readings(begin + 1, blocks=[block(begin, [1], period_s=0)])) == ["INTERVAL_GAP"]
    assert watched.found[0].finding.code == 2


def test_two_rows_with_one_missing_between_them_do_not_change_the_period(watched):
    push(watched, 0, 4)
    rows = [block(T0 + 4 * QUARTER, [1, 1], period_s=1800)]
    assert watched.give(readings(T0 + 3 * HOUR, blocks=rows)) == ["INTERVAL_GAP"]
    assert watched.state().profiles[0].period_s == 900
    assert watched.found[0].finding.code == 1


def test_a_new_period_is_taken_over_without_a_gap(watched):
    push(watched, 0, 8)
    begin = T0 + 8 * QUARTER + 45 * MINUTE
    assert watched.give(readings(T0 + 9 * HOUR, blocks=[block(begin, [1] * 5, period_s=3600)])) == []
    assert watched.state().profiles[0].period_s == 3600


def test_days_of_23_hours_are_no_gap(watched):
    profile = "1.0.99.2.0.255"
    push(watched, 0, 5, period_s=86_400, profile=profile)
    begin = T0 + 4 * DAY + 23 * HOUR
    assert watched.give(readings(begin, blocks=[block(begin, [1], period_s=0, profile=profile)])) == []


def test_a_stamp_in_the_far_future_does_not_hide_what_comes(watched):
    push(watched, 0, 4)
    assert push(watched, 40_000, 4, received=T0 + HOUR) == []
    assert push(watched, 8, 4) == ["INTERVAL_GAP"]


def test_a_stamp_of_a_clock_that_was_reset_opens_no_endless_gap(watched):
    assert watched.give(readings(T0, blocks=[block(T0 - 9000 * DAY, [1, 2])])) == []
    assert push(watched, 0, 4) == []


def test_gaps_are_bounded(watched):
    for number in range(100):
        push(watched, 2 * number, 1, received=T0 + 60 * HOUR)
    assert len(watched.state().profiles[0].gaps) == 32


@given(st.permutations(range(24)), st.sets(st.integers(0, 23), min_size=1))
def test_in_whatever_order_rows_come_what_is_missing_is_what_was_not_sent(order, sent):
    watched = Watched()
    push(watched, -4, 4, received=T0)
    for number in [number for number in order if number in sent]:
        push(watched, number, 1, received=T0 + DAY)
    assert missing(watched) == max(sent) + 1 - len(sent)
    gaps = [found for found in watched.found if found.finding.kind == "INTERVAL_GAP"]
    closed = [found for found in watched.found if found.finding.kind == "GAP_CLOSED"]
    assert len(gaps) - len(closed) == len(watched.state().profiles[0].gaps)
