"""The normalizer killed in mid-stream: no reading lost, none twice."""

import pytest
from support.killed import survive

pytestmark = [pytest.mark.e2e, pytest.mark.kafka, pytest.mark.timeout(300)]


def test_three_kills_in_mid_stream_lose_and_double_nothing(own_kafka, tmp_path):
    survive(own_kafka, tmp_path / "normalize.log", kills=3, meters=40, messages=1000)
