"""The long form: twenty kills over 400,000 raw records."""

import pytest
from support.killed import survive

pytestmark = [pytest.mark.soak, pytest.mark.timeout(3600)]


def test_twenty_kills_lose_and_double_nothing(own_kafka, tmp_path):
    survive(own_kafka, tmp_path / "normalize.log", kills=20, meters=40, messages=10_000)
