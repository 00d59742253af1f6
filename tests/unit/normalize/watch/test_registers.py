"""Registers that only count upwards: backwards, over the end of their digits, and against their intervals."""

import pytest
from support.watched import DAY, ENERGY, EXPORT, HOUR, METER, MINUTE, SECOND, T0, Watched, block, readings

from ami.readings.v1 import meter_readings_pb2 as pb
from ami_normalize.watch.rules.balance import register_of
from ami_normalize.watch.rules.registers import counts_up

pytestmark = pytest.mark.unit

QUARTER = 15 * MINUTE


def values(watched, *mantissas, obis=ENERGY, scales=None):
    kinds = []
    for number, mantissa in enumerate(mantissas):
        scale = scales[number] if scales else 0
        kinds += watched.give(readings(T0 + number * HOUR, registers=[(obis, mantissa, scale)]))
    return kinds


def test_a_register_that_stands_or_advances_is_right(watched):
    assert values(watched, 100, 100, 101, 5000) == []


def test_a_register_that_goes_backwards_is_told_with_both_values(watched):
    assert values(watched, 5000, 4999, 5001) == ["REGISTER_BACKWARDS"]
    (found,) = watched.found
    assert found.source == f"watch/registers/{METER}/REGISTER_BACKWARDS/{ENERGY}/2026-01-01T01:00:00Z"
    assert found.finding.obis == ENERGY
    assert "from 5000 at 2026-01-01T00:00:00Z to 4999" in found.finding.text


@pytest.mark.parametrize(
    ("before", "after"),
    [(99_999, 0), (99_500, 300), (999_990, 20), (99_999_999, 5), (2**32 - 10, 4), (2**24 - 1, 90)],
)
def test_a_rollover_is_told_apart(watched, before, after):
    assert values(watched, before, after) == ["ROLLOVER"]


@pytest.mark.parametrize(("before", "after"), [(50_000, 0), (99_999, 50_000), (9999, 0), (2**32 - 10, 2**31)])
def test_what_is_not_near_the_end_and_the_beginning_of_the_digits_is_no_rollover(watched, before, after):
    assert values(watched, before, after) == ["REGISTER_BACKWARDS"]


def test_values_of_different_scales_are_compared_as_decimals(watched):
    assert values(watched, 5, 5001, 51, scales=[3, 0, 2]) == []
    assert values(Watched(), 5, 4999, scales=[3, 0]) == ["REGISTER_BACKWARDS"]


def test_what_is_older_than_the_latest_says_nothing(watched):
    watched.give(readings(T0 + HOUR, registers=[(ENERGY, 200)]))
    assert watched.give(readings(T0, registers=[(ENERGY, 100)])) == []
    assert watched.give(readings(T0 + 2 * HOUR, registers=[(ENERGY, 199)])) == ["REGISTER_BACKWARDS"]


def test_a_meter_time_in_the_far_future_does_not_hide_what_comes(watched):
    message = readings(T0, registers=[(ENERGY, 100)])
    message.readings[0].measured_at_us = T0 + 3000 * DAY
    assert watched.give(message) == []
    assert values(watched, 50, 40) == ["REGISTER_BACKWARDS"]


def test_registers_are_kept_apart_by_code_and_profile(watched):
    column = block(T0, [5, 6, 7], obis=ENERGY)
    assert watched.give(readings(T0 + HOUR, registers=[(ENERGY, 100), (EXPORT, 50)], blocks=[column])) == []


def test_a_column_that_goes_backwards_within_a_block_is_told(watched):
    column = block(T0, [5, 6, 4, 7], obis=ENERGY)
    assert watched.give(readings(T0 + HOUR, blocks=[column])) == ["REGISTER_BACKWARDS"]
    assert watched.found[0].finding.at_us == T0 + 2 * QUARTER


def test_a_missing_row_is_no_zero(watched):
    column = block(T0, [5, None, 7], obis=ENERGY)
    assert watched.give(readings(T0 + HOUR, blocks=[column])) == ["INTERVAL_GAP"]


def test_values_of_a_doubtful_time_are_left_out(watched):
    values(watched, 100)
    message = readings(T0 + HOUR, registers=[(ENERGY, 50)])
    message.readings[0].quality.append(pb.QUALITY_CLOCK_INVALID)
    assert watched.give(message) == []


@pytest.mark.parametrize(
    ("obis", "upwards"),
    [
        ("1.0.1.8.0.255", True), ("1.0.2.8.2.255", True), ("1.0.21.8.0.255", True), ("1.0.15.8.0.255", True),
        ("1.0.16.8.0.255", False), ("1.0.1.7.0.255", False), ("1.0.1.29.0.255", False), ("1.0.1.8.0.3", False),
        ("1.0.32.7.0.255", False), ("7.0.3.0.0.255", True), ("0.0.1.0.0.255", False),
    ],
)  # fmt: skip
def test_which_codes_count_upwards(obis, upwards):
    assert bool(counts_up(obis)) == upwards


def test_which_register_an_interval_energy_belongs_to():
    assert register_of("1.0.1.29.0.255") == bytes((1, 0, 1, 8, 0, 255))
    assert register_of("1.0.1.8.0.255") is None
    assert register_of("1.0.16.29.0.255") is None


def quarter_hours(watched, first, energies, register=None, received=None):
    """Rows `first`… of the profile, and the register after them."""
    begin = T0 + (first + 1) * QUARTER
    at = received or begin + (len(energies) - 1) * QUARTER + 3 * SECOND
    registers = [(ENERGY, register)] if register is not None else []
    return watched.give(readings(at, registers=registers, blocks=[block(begin, energies)]))


def run(watched, energies, registers, start=1000):
    """A push every quarter of an hour: one row, and the register."""
    kinds = quarter_hours(watched, 0, [energies[0]], start)
    total = start
    for number, energy in enumerate(energies[1:], 1):
        total += registers[number]
        kinds += quarter_hours(watched, number, [energy], total)
    return kinds


def test_intervals_that_sum_up_to_the_register_are_right(watched):
    assert run(watched, [7] * 200, [7] * 200) == []
    assert watched.state().balances[0].count > 0


def test_intervals_that_do_not_are_told_once_a_day(watched):
    kinds = run(watched, [70] * 300, [70] * 250 + [90] * 50)
    assert kinds == ["INTERVAL_SUM_MISMATCH"]
    (found,) = watched.found
    assert found.finding.obis == ENERGY
    assert "sum up to 6720" in found.finding.text
    assert "advanced by 7520" in found.finding.text


def test_a_daily_push_of_rows_is_held_against_registers_pushed_meanwhile(watched):
    """Registers each quarter of an hour, the day's rows after midnight."""
    kinds, total = [], 0
    for day in range(4):
        for number in range(96):
            at = T0 + day * DAY + (number + 1) * QUARTER
            total += 5
            kinds += watched.give(readings(at + SECOND, registers=[(ENERGY, total + (200 if day == 3 else 0))]))
        begin = T0 + day * DAY + QUARTER
        kinds += watched.give(readings(T0 + (day + 1) * DAY + MINUTE, blocks=[block(begin, [5] * 96)]))
    assert kinds == ["INTERVAL_SUM_MISMATCH"]


def test_the_rounding_of_each_interval_is_allowed_for(watched):
    assert run(watched, [7] * 200, [8 if number % 2 else 7 for number in range(200)]) == []


def test_a_missing_row_begins_a_new_sum(watched):
    quarter_hours(watched, 0, [7] * 4, 1000)
    quarter_hours(watched, 4, [7, None, 7], 1021)
    assert [found.finding.kind for found in watched.found] == ["INTERVAL_GAP"]
    kinds = []
    for number in range(7, 207):
        kinds += quarter_hours(watched, number, [7], 1021 + 7 * (number - 6))
    assert kinds == []


def test_values_beyond_64_bits_break_nothing(watched):
    quarter_hours(watched, 0, [1], 1000)
    for number in range(1, 5):
        quarter_hours(watched, number, [2**63 - 1], 1000)
    assert watched.fleet.counts["malformed"] == 0
