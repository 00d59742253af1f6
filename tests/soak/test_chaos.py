"""The long form: two million records through twenty killed normalizers, three killed brokers and a bad network.

`AMI_CHAOS_RECORDS` and `AMI_CHAOS_SEED` make it shorter, or another one.
"""

import os
import time

import pytest
from support.chaos import Chaos, Plan
from support.chaos_records import Stream

pytestmark = [pytest.mark.soak, pytest.mark.kafka, pytest.mark.timeout(3600)]


def test_two_million_records_through_chaos(tmp_path, capsys):
    begun = time.monotonic()

    def tell(line):
        with capsys.disabled():
            print(f"\n  {time.monotonic() - begun:6.1f} s  {line}", end="", flush=True)

    plan = Plan(
        Stream(records=int(os.environ.get("AMI_CHAOS_RECORDS", "2000000")), meters=2000),
        seed=int(os.environ.get("AMI_CHAOS_SEED", "6")),
        kills=20,
        broker_kills=3,
        stalls=5,
        cuts=8,
        freezes=2,
        batch=2000,
        patience_s=120.0,
    )
    with Chaos(tmp_path, plan, tell) as chaos:
        wrong, ends = chaos.run()
        for found, times in sorted(ends.items(), key=str):
            tell(f"{times} ended as {found}")
        for kind in ("aborted", "rebuilt", "waiting", "progress-differs", "kafka-away"):
            tell(f"{len(chaos.log(kind))} times {kind}")
    assert wrong == []
