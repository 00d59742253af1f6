"""A profile read in parts is one block a column, as if it had come in one message."""

from datetime import datetime, timedelta, timezone

import pytest

from ami_normalize.instants import Instant, Origin
from ami_normalize.join import joined
from ami_normalize.model import Block
from ami_normalize.numbers import Exact
from ami_normalize.quality import Quality

pytestmark = pytest.mark.unit

START = datetime(2026, 3, 29, 0, 15, tzinfo=timezone.utc)


def block(minutes, *values, obis="1.0.1.8.0.255", period=900, unit=30, statuses=()):
    at = START + timedelta(minutes=minutes)
    return Block(
        "1.0.99.1.0.255",
        obis,
        tuple(None if value is None else Exact(value, 0) for value in values),
        ((),) * len(values),
        period,
        Instant(at.replace(tzinfo=None), at, Origin.DEVIATION),
        unit=unit,
        statuses=statuses,
    )


def test_what_goes_on_is_one_block_and_columns_keep_their_order():
    other = "1.0.2.8.0.255"
    found = joined([block(0, 1, 2), block(0, 7, 8, obis=other), block(30, 3), block(30, 9, obis=other)])

    assert found == [block(0, 1, 2, 3), block(0, 7, 8, 9, obis=other)]


def test_rows_missing_between_two_parts_are_missing():
    (found,) = joined([block(0, 1, statuses=(5,)), block(45, 4, statuses=(6,))])

    assert found.values == (Exact(1, 0), None, None, Exact(4, 0))
    assert found.quality == ((), (Quality.MISSING,), (Quality.MISSING,), ())
    assert found.statuses == (5, 0, 0, 6)


def test_a_part_without_values_has_no_unit_of_its_own():
    (found,) = joined([block(0, None, unit=255), block(15, 1)])

    assert found.unit == 30


@pytest.mark.parametrize(
    "after",
    [block(7, 2), block(0, 2), block(15, 2, period=3600), block(15, 2, unit=32), block(15 * 4000, 2)],
    ids=["off the grid", "not later", "another period", "another unit", "a gap too wide"],
)
def test_what_does_not_go_on_starts_a_block(after):
    before = block(0, 1)

    assert joined([before, after]) == [before, after]
