"""The comparison of readings with what a fleet said: each difference is found, on either side."""

from datetime import datetime, timezone

import pytest

from ami_cli.demo.fleet_truth import Comparison, Said
from ami_cli.view.readings import Row

pytestmark = pytest.mark.unit

AT = datetime(2026, 3, 3, 12, 0, tzinfo=timezone.utc)
TIME = "2026-03-03T12:00:00Z"
PUSHED = Said(1, "1.0.1.8.0.255", TIME, "12345", "Wh")
POLLED = Said(2, "1.0.32.7.0.255", "", "230.1", "V")


def row(said, meter=None, **more):
    quality = () if said.at else ("TIME_RECEPTION",)
    made = Row(meter or f"sn-{said.serial:08d}", said.obis, "", said.value, said.unit, AT, quality, "none")
    return made._replace(**more)


@pytest.fixture
def comparison():
    made = Comparison((1, 2))
    made.say((PUSHED, POLLED))
    return made


def test_the_same_on_both_sides_is_exact_whatever_a_meter_is_called(comparison):
    comparison.read((row(PUSHED, "st-414d560000000001"), row(POLLED)))

    assert comparison.exact
    assert (comparison.said, comparison.equal) == (2, 2)


@pytest.mark.parametrize(
    "change",
    [
        {"value": "12346"},
        {"unit": "kWh"},
        {"obis": "1.0.2.8.0.255"},
        {"at": AT.replace(second=1)},
        {"meter": "sn-00000002"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_difference_is_one_missing_and_one_surplus(comparison, change):
    comparison.read((row(PUSHED, **change), row(POLLED)))

    assert not comparison.exact
    assert dict(comparison.missing()) == {PUSHED: 1}
    assert comparison.surplus().total() == 1


def test_a_value_read_twice_is_surplus(comparison):
    comparison.read((row(PUSHED), row(POLLED), row(POLLED)))

    assert not comparison.exact
    assert dict(comparison.surplus()) == {POLLED: 1}


def test_a_value_lost_is_missing(comparison):
    comparison.read((row(PUSHED),))

    assert not comparison.exact
    assert dict(comparison.missing()) == {POLLED: 1}


def test_a_meter_the_fleet_does_not_have_is_no_success(comparison):
    comparison.read((row(PUSHED), row(POLLED), row(POLLED, "sn-00000009")))

    assert not comparison.exact
    assert comparison.strangers == 1


def test_nothing_said_is_no_success():
    assert not Comparison((1,)).exact
