"""A fleet through agent, Kafka and normalizer: readings are what the fleet said, and where they are not, it is told."""

import re
import subprocess
import sys

import pytest

pytestmark = [pytest.mark.e2e, pytest.mark.kafka, pytest.mark.timeout(240)]


def test_every_value_is_what_the_fleet_said(tmp_path, own_kafka):
    done = subprocess.run(
        [sys.executable, "-m", "ami_cli", "demo", "--fleet", "150", "--state", str(tmp_path), "--bootstrap", own_kafka],
        capture_output=True, text=True, timeout=200, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stdout + done.stderr
    counted = {name: int(count.replace(",", "")) for name, count in
               re.findall(r"^ +([a-z ]+?)  +([0-9,]+)\b", done.stdout, re.MULTILINE)}  # fmt: skip
    assert counted["meters read"] == 150
    assert counted["pushes"] >= 150
    assert counted["said by the fleet"] == counted["equal"] == 150 * 3 + counted["pushes"] * 13
    assert counted["missing"] == counted["surplus"] == counted["dead letters"] == counted["parked"] == 0
    assert "Every value is what the fleet said." in done.stdout
