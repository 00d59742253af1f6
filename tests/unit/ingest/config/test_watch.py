"""A configuration that changes while the agent runs: taken over, refused, or waiting for a restart."""

import asyncio
import base64
import json
import os
from contextlib import asynccontextmanager, suppress

import pytest

from ami.registry.v1 import registry_pb2 as pb
from ami_ingest.config import watch as module
from ami_ingest.config.changes import difference, taken_over
from ami_ingest.config.file import load, read
from ami_ingest.config.watch import Watch
from ami_keys.keystore import add_kek

pytestmark = pytest.mark.unit

CONFIG = """
agent: edge-1
kafka: {bootstrap: "localhost:1"}
state_dir: state
schedules: {hourly: {every: 1h, read: [1.0.1.8.0.255]}}
inventory: {file: m.csv}
meters: [{id: own, address: "tcp://h:1", schedules: [hourly]}]
"""


@pytest.fixture
def path(tmp_path):
    (tmp_path / "m.csv").write_text("id,address,authentication_level,secrets\nm1,tcp://h:1,lls,m1.json\n")
    put_secret(tmp_path, "one")
    path = tmp_path / "dlms_config.yaml"
    path.write_text(CONFIG)
    return path


def put_secret(folder, password):
    secret = folder / "m1.json"
    secret.write_text(f'{{"password": "{password}"}}')
    secret.chmod(0o600)


@asynccontextmanager
async def watching(path, log, **more):
    """Watch; give the watch and the configurations applied."""
    watch = Watch(read(path, environ={}), **{"period_s": 0.01, "secrets_every_s": 0.02, **more})
    applied = []
    task = asyncio.create_task(watch.run(applied.append, log.logger()))
    try:
        yield watch, applied
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def until(condition):
    async def wait():
        while not condition():  # noqa: ASYNC110  another task fulfils it
            await asyncio.sleep(0.005)

    await asyncio.wait_for(wait(), 20)


def rewrite(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


async def test_a_changed_file_is_taken_over(path, log):
    async with watching(path, log) as (watch, applied):
        rewrite(path, "every: 1h", "every: 2h")
        await until(lambda: applied)

        assert [schedule.every_s for schedule in applied[-1].meters[0].schedules] == [7200.0]
        assert watch.config is applied[-1]
        (entry,) = [entry for entry in log if entry["event"] == "the configuration has changed"]
        assert (entry["added"], entry["removed"], entry["changed"], entry["keys"]) == (0, 0, 1, [])


async def test_a_key_store_that_comes_is_taken_over(path, log):
    async with watching(path, log) as (watch, applied):
        add_kek(path.parent / "kek.json", "edge")
        path.write_text(CONFIG + "key_store: kek.json\n")
        await until(lambda: applied)
        assert [new.key_store for new in applied] == [path.parent / "kek.json"]
        assert watch.config.meters == applied[0].meters


async def test_a_changed_inventory_is_taken_over(path, log):
    async with watching(path, log) as (_, applied):
        rewrite(path.parent / "m.csv", "m1,", "m2,tcp://h:2,,\nm1,")
        await until(lambda: applied)

        assert [meter.id for meter in applied[-1].meters] == ["own", "m2", "m1"]


async def test_a_changed_secret_is_taken_over_even_where_its_time_stays(path, log):
    async with watching(path, log) as (_, applied):
        before = (path.parent / "m1.json").stat()
        put_secret(path.parent, "another")
        os.utime(path.parent / "m1.json", ns=(before.st_atime_ns, before.st_mtime_ns))
        await until(lambda: applied)

        assert applied[-1].meters[1].credentials.password == b"another"
        assert "another" not in str(log)


async def test_what_says_the_same_changes_nothing(path, log):
    async with watching(path, log) as (watch, applied):
        path.write_text(CONFIG + "# a comment\n")
        watch.reload()
        await until(lambda: "the configuration was read again: nothing has changed" in log.events())

        assert not applied


async def test_sighup_reads_secrets_at_once(path, log):
    async with watching(path, log, period_s=3600, secrets_every_s=3600) as (watch, applied):
        put_secret(path.parent, "another")
        watch.reload()
        await until(lambda: applied)


async def test_a_wrong_file_is_refused_once_and_what_was_in_force_stays(path, log, monkeypatch):
    reads = []

    def counted(*args, **more):
        reads.append(args)
        return read(*args, **more)

    monkeypatch.setattr(module, "read", counted)
    async with watching(path, log) as (watch, applied):
        before = watch.config
        path.write_text(CONFIG + "colour: red\n")
        await until(lambda: log)
        for _ in range(3):
            before_this = len(reads)
            watch.reload()
            await until(lambda: len(reads) > before_this)  # noqa: B023  awaited here

        (entry,) = log
        assert entry["event"] == "the configuration is refused: what was in force stays"
        assert entry["reason"] == f"{path}, line 8: colour: unknown key; remove it"
        assert watch.config is before

        path.write_text(CONFIG.replace("1h", "3h"))
        await until(lambda: applied)
        assert "the configuration is in order again" in log.events()


async def test_of_several_mistakes_the_first_is_said_and_how_many_there_are(path, log):
    async with watching(path, log):
        path.write_text(CONFIG + "colour: red\nshape: round\nspool: {max_mb: 0}\n")
        await until(lambda: log)

        (entry,) = log
        assert entry["reason"] == f"{path}, line 8: colour: unknown key; remove it"
        assert entry["further_mistakes"] == 2
        assert entry["remedy"] == f"`ami collect --check --config {path}` tells all"


async def test_a_file_put_right_elsewhere_is_found(path, log):
    """What was wrong is a secrets file that nobody knew before."""
    async with watching(path, log) as (_, applied):
        rewrite(path.parent / "m.csv", "m1.json", "new.json")
        await until(lambda: log)
        (path.parent / "m1.json").rename(path.parent / "new.json")
        rewrite(path.parent / "m.csv", "tcp://h:1", "tcp://h:9")
        await until(lambda: applied)


async def test_what_needs_a_restart_waits_and_is_named(path, log):
    async with watching(path, log) as (watch, applied):
        path.write_text(
            CONFIG.replace("edge-1", "edge-2").replace("localhost:1", "other:1").replace("every: 1h", "every: 2h")
            + "spool: {max_mb: 9, max_age: 1d}\npush: {max_connections: 7, idle_timeout: 5s}\n"
            + "poll: {connections_per_s: 5}\nlogs: {keep: 3, level: debug}\n"
            + "listen: [{transport: udp}]\n"
        )
        await until(lambda: applied)
        await until(lambda: len(log) == 2)

        (new,) = applied
        assert (new.agent, new.kafka.bootstrap, new.logs.keep) == ("edge-1", "localhost:1", 10)
        assert (new.spool.max_mb, new.poll.connections_per_s, new.logs.level) == (9, 5.0, "debug")
        assert (new.push.max_connections, new.meters[0].schedules[0].every_s) == (7, 7200.0)
        assert set(log[0]["keys"]) == {
            "push.max_connections",
            "push.idle_timeout",
            "spool.max_mb",
            "spool.max_age",
            "poll.connections_per_s",
            "logs.level",
        }
        assert log[-1]["event"] == "these keys take effect after a restart"
        assert set(log[-1]["keys"]) == {"agent", "kafka.bootstrap", "logs.keep", "listen"}

        watch.reload()
        await until(lambda: len(log) == 3)
        assert log[-1]["waiting"] == log[1]["keys"]


async def test_a_defect_while_taking_over_is_told_and_the_watch_goes_on(path, log):
    watch = Watch(read(path, environ={}), period_s=0.01)
    calls = []

    def apply(new):
        calls.append(new)
        if len(calls) == 1:
            raise RuntimeError("defect")

    task = asyncio.create_task(watch.run(apply, log.logger()))
    rewrite(path, "every: 1h", "every: 2h")
    await until(lambda: calls)
    rewrite(path, "every: 2h", "every: 3h")
    await until(lambda: len(calls) == 2)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task

    assert calls[-1].meters[0].schedules[0].every_s == 10800.0
    assert "the configuration was not taken over by a defect of ours" in log.events()


MADE = []


class Follower:
    """A registry that says what a test wants."""

    def __init__(self, bootstrap, agent, kept, log, on_change):
        self.entries, self.on_change, self.running = {}, on_change, False
        self.asked = (bootstrap, agent)
        MADE.append(self)

    def start(self):
        self.running = True

    def stop(self):
        self.running = False

    def say(self, **meters):
        self.entries = {name: pb.Meter(access=access).SerializeToString() for name, access in meters.items()}
        self.on_change()


@pytest.fixture
def followers(monkeypatch):
    monkeypatch.setattr(module, "RegistryFollower", Follower)
    MADE.clear()
    return MADE


async def test_meters_of_the_registry_come_and_go(path, log, followers):
    rewrite(path, "{file: m.csv}", "{file: m.csv, topic: true}")
    async with watching(path, log, period_s=3600) as (watch, applied):
        await until(lambda: followers and followers[0].running)
        (registry,) = followers
        assert registry.asked == ("localhost:1", "edge-1")
        registry.say(MP1=pb.Access(address="tcp://h:7"), bad=pb.Access(address="h"))
        await until(lambda: applied)
        assert [meter.id for meter in applied[-1].meters] == ["own", "m1", "MP1"]
        assert [entry["reason"][:13] for entry in log if "left out" in entry["event"]] == ["registry, bad"]

        registry.say(MP1=pb.Access(address="tcp://h:8"))
        await until(lambda: len(applied) == 2)
        assert applied[-1].meters[-1].address.port == 8
        registry.say()
        await until(lambda: len(applied) == 3)
        assert len(applied[-1].meters) == 2

        registry.say(MP1=pb.Access(address="tcp://h:8"))
        await until(lambda: len(applied) == 4)
        rewrite(path, ", topic: true", "")
        watch.reload()
        await until(lambda: len(applied) == 5)
        assert len(applied[-1].meters) == 2
        await until(lambda: not registry.running)


async def test_a_schedule_of_a_meter_of_the_registry_changes_with_the_file(path, log, followers):
    rewrite(path, "{file: m.csv}", "{topic: true}")
    async with watching(path, log) as (_, applied):
        await until(lambda: followers)
        followers[0].say(MP1=pb.Access(address="tcp://h:7", schedules=["hourly"]))
        await until(lambda: applied)
        rewrite(path, "every: 1h", "every: 2h")
        await until(lambda: len(applied) == 2)

        assert [meter.schedules[0].every_s for meter in applied[-1].meters] == [7200.0, 7200.0]


async def test_a_meter_of_the_registry_whose_secrets_come_later_is_taken_then(path, log, followers):
    rewrite(path, "{file: m.csv}", "{topic: true}")
    async with watching(path, log) as (_, applied):
        await until(lambda: followers)
        followers[0].say(MP1=pb.Access(address="tcp://h:7", authentication_level="lls", secrets="late.json"))
        await until(lambda: "a meter of the registry is left out" in log.events())
        (path.parent / "m1.json").rename(path.parent / "late.json")
        await until(lambda: applied)

        assert [meter.id for meter in applied[-1].meters] == ["own", "MP1"]
        assert log.events().count("a meter of the registry is left out") == 1


async def test_an_agent_that_starts_without_kafka_knows_what_was_kept(path, log, followers):
    rewrite(path, "{file: m.csv}", "{topic: true}")
    kept = path.parent / "state" / "registry.json"
    kept.parent.mkdir()
    value = pb.Meter(access=pb.Access(address="tcp://h:7")).SerializeToString()
    kept.write_text(json.dumps({"MP1": base64.b64encode(value).decode()}))

    assert [meter.id for meter in Watch(read(path)).config.meters] == ["own", "MP1"]


def test_the_difference_of_two_configurations(path):
    old = load(path)
    rewrite(path, "tcp://h:1", "tcp://h:2")
    (path.parent / "m.csv").write_text("id,address\nm7,tcp://h:1\nm8,tcp://h:1\n")
    new = load(path)

    assert difference(old, new) == (2, 1, 1, (), ())
    assert difference(old, old) == (0, 0, 0, (), ())
    assert taken_over(old, new) == new
