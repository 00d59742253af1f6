"""A million raw records, ten million values: replayed with a changed mapping, compared, promoted."""

import pytest
from support.replay_volume import story

from ami_kafka import topics

pytestmark = [pytest.mark.soak, pytest.mark.kafka, pytest.mark.timeout(3600)]


def test_a_million_records_differ_in_exactly_what_a_changed_mapping_touches(own_kafka, tmp_path, capsys):
    topics.apply(own_kafka)

    def tell(line):
        with capsys.disabled():
            print(f"\n  {line}", end="")

    story(own_kafka, tmp_path, 1_000_000, 6_000, tell)
