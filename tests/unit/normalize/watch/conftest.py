"""A fleet to feed."""

import pytest
from support.watched import Watched


@pytest.fixture
def watched():
    return Watched()
