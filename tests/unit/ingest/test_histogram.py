"""Observations by bucket."""

import pytest

from ami_ingest.histogram import Histogram

pytestmark = pytest.mark.unit


def test_each_observation_is_in_the_first_bucket_that_holds_it():
    histogram = Histogram((1.0, 2.0))
    for seconds in (0.5, 1.0, 1.5, 2.0, 3.0):
        histogram.observe(seconds)

    assert histogram.counts == [2, 2, 1]
    assert histogram.total == 8.0
    assert histogram.count == 5
