"""Meters associated at the same time in one process: all read, no error, little memory. Times belong to the bench."""

from argparse import Namespace

import pytest

from bench import associate

pytestmark = pytest.mark.wire


@pytest.mark.timeout(900)
@pytest.mark.parametrize("meters", [300, pytest.param(10_000, marks=pytest.mark.soak)])
def test_all_are_associated_at_the_same_time_and_read(meters):
    measured = {each["name"]: each for each in associate.run(Namespace(meters=meters))}

    assert measured["associate-open"]["value"] == meters
    assert measured["associate-open"]["peak_mb"] <= 512
    assert measured["associate-first-reading"]["errors"] == 0
    assert measured["associate-next-reading"]["errors"] == 0
    assert 0 < measured["associate-idle-session"]["value"] <= 40
