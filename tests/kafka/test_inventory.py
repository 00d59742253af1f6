"""The registry as an agent's inventory on a real broker: read to its end, followed, kept for a start without Kafka."""

import asyncio
import threading
from contextlib import suppress

import pytest
from support.log import Log
from support.processes import until
from typer.testing import CliRunner

from ami_cli.app import app
from ami_ingest.config.file import read
from ami_ingest.config.registry import RegistryFollower, kept_entries
from ami_ingest.config.watch import Watch
from ami_kafka import topics
from ami_kafka.table import Row, write
from ami_schemas import topics as names

pytestmark = pytest.mark.kafka

METERS = """
id,system_title,group,zone,address,agent,client_address,schedules
MP-1,414d490000000001,north,Europe/Vienna,tcp://10.0.0.1,edge-1,1,hourly
MP-2,414d490000000002,north,,hdlc+tcp://10.0.0.2,,,
MP-3,414d490000000003,north,,tcp://10.0.0.3,edge-2,,
MP-4,414d490000000004,north,,,,,
"""
CONFIG = """
agent: edge-1
kafka: {bootstrap: "%s"}
state_dir: state
schedules: {hourly: {every: 1h, read: [1.0.1.8.0.255]}}
inventory: {topic: true}
"""


@pytest.fixture
def imported(own_kafka, tmp_path):
    topics.apply(own_kafka)

    def imported(content):
        (tmp_path / "meters.csv").write_text(content.lstrip())
        done = CliRunner().invoke(app, ["meters", "import", str(tmp_path / "meters.csv"), "--bootstrap", own_kafka])
        assert done.exit_code == 0, done.output

    return imported


async def test_meters_come_to_the_running_agent_and_go(own_kafka, imported, tmp_path):
    imported(METERS)
    path = tmp_path / "dlms_config.yaml"
    path.write_text(CONFIG % own_kafka)
    watch, applied, log = Watch(read(path)), [], Log()
    task = asyncio.create_task(watch.run(applied.append, log.logger()))

    async def until(condition):
        while not condition():  # noqa: ASYNC110  another thread fulfils it
            await asyncio.sleep(0.02)

    def meters():
        return {meter.id: meter for meter in watch.config.meters}

    await asyncio.wait_for(until(applied.__len__), 60)
    assert set(meters()) == {"MP-1", "MP-2"}
    first = meters()["MP-1"]
    assert (str(first.address), first.group, first.client_address) == ("tcp://10.0.0.1:4059", "north", 1)
    assert (first.zone.key, [schedule.name for schedule in first.schedules]) == ("Europe/Vienna", ["hourly"])

    imported("id,address\nMP-2,tcp://10.0.0.9\nMP-5,tcp://10.0.0.5\n")
    await asyncio.wait_for(until(lambda: "MP-5" in meters() and meters()["MP-2"].address.host == "10.0.0.9"), 60)
    write(own_kafka, names.REGISTRY, [Row(b"meter/MP-1", None)])
    await asyncio.wait_for(until(lambda: set(meters()) == {"MP-2", "MP-5"}), 60)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task

    assert set(kept_entries(tmp_path / "state" / "registry.json")) == {"MP-2", "MP-5"}
    path.write_text(CONFIG % "127.0.0.1:1")
    assert {meter.id for meter in Watch(read(path)).config.meters} == {"MP-2", "MP-5"}


def test_kafka_that_is_away_leaves_what_was_known(tmp_path):
    kept, log, told = tmp_path / "registry.json", Log(), threading.Event()
    kept.write_text('{"MP-1": ""}')
    follower = RegistryFollower("127.0.0.1:1", "edge-1", kept, log.logger(), told.set)
    follower.start()
    until(lambda: log, "what the log says")
    follower.stop()

    assert log.events() == ["the registry is not read at present: the meters known of it stay"]
    assert follower.entries == {"MP-1": b""}
    assert not told.is_set()
