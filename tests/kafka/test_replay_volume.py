"""Replay, diff and promotion of many records; `tests/soak` has the form with a million."""

import pytest
from support.replay_volume import story

from ami_kafka import topics

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(300)]


def test_a_changed_mapping_differs_in_exactly_what_it_touches(own_kafka, tmp_path, capsys):
    topics.apply(own_kafka)

    def tell(line):
        with capsys.disabled():
            print(f"\n  {line}", end="")

    story(own_kafka, tmp_path, 20_000, 300, tell)
