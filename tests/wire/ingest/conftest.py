"""A log that can be looked into."""

import pytest
from support.log import Log


@pytest.fixture
def log():
    return Log()
