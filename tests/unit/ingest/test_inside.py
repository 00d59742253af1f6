"""The fingerprint of a configuration: another one where anything but a secret differs."""

from dataclasses import replace
from pathlib import Path

import pytest

from ami_ingest.config.credentials import Credentials
from ami_ingest.config.endpoint import Endpoint
from ami_ingest.config.model import AgentConfig, Kafka, Meter, Schedule
from ami_ingest.inside import fingerprint

pytestmark = pytest.mark.unit

HOURLY = Schedule("hourly", 3600.0)
FIRST = Meter("m1", Endpoint.parse("tcp://h:1"), credentials=Credentials(password=b"one"), schedules=(HOURLY,))
SECOND = replace(FIRST, id="m2")
CONFIG = AgentConfig("edge-1", Kafka("k:9092"), Path("/state"), meters=(FIRST, SECOND))


@pytest.mark.parametrize(
    "other",
    [
        replace(CONFIG, agent="edge-2"),
        replace(CONFIG, meters=(SECOND, FIRST)),
        replace(CONFIG, meters=(FIRST,)),
        replace(CONFIG, meters=(FIRST, replace(SECOND, schedules=(replace(HOURLY, every_s=60.0),)))),
        replace(CONFIG, meters=(FIRST, replace(SECOND, address=Endpoint.parse("tcp://h:2")))),
    ],
)
def test_another_configuration_has_another(other):
    assert fingerprint(other) != fingerprint(CONFIG)


def test_the_same_has_the_same_and_secrets_do_not_count():
    same = replace(CONFIG, meters=(replace(FIRST, schedules=(replace(HOURLY),)), replace(SECOND)))
    secret = replace(CONFIG, meters=(replace(FIRST, credentials=Credentials(password=b"another")), SECOND))

    assert fingerprint(same) == fingerprint(secret) == fingerprint(CONFIG)
