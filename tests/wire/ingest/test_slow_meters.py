"""Meters that answer everything, a few octets at a time: what is read of them ends when its time is up."""

import asyncio
import re
from collections import Counter
from datetime import datetime, timedelta, timezone

import pytest
from support.asked import read_asked
from support.conditions import until
from support.polled import Store

from ami_dlms.obis import parse_obis
from ami_ingest.config.model import LinkProfile, Poll, Profile, Schedule
from ami_ingest.config.target import Target
from ami_ingest.meters.counters import CounterStore
from ami_ingest.schedule import backoff
from ami_ingest.schedule import scheduler as module
from ami_ingest.schedule.scheduler import Scheduler
from bench._fleet import fleet, inventory

pytestmark = pytest.mark.wire

TREE = {
    "meters": 1,
    "authentication": {"lls": 1},
    "listen": {"address": "127.17.1.1", "port": 0},
    "faults": [{"kind": "slow", "meters": [0], "bytes_per_s": 1000, "latency_s": 0.2}],
}
LINK = LinkProfile(connect_timeout_s=30.0, request_timeout_s=30.0)
PROFILE = Profile(parse_obis("1.0.99.1.0.255"), 3600)
MANY = tuple(Target.parse("3:1.0.1.8.0.255") for _ in range(1000))


@pytest.fixture
async def slow(tmp_path, log):
    """Start a scheduler for one slow meter and give both."""
    polling = []
    with fleet(TREE) as description:

        def slow(schedule, store):
            (meter,) = inventory(description, LINK, (schedule,))
            scheduler = Scheduler([meter], store, CounterStore(tmp_path), agent="edge", poll=Poll(4), log=log.logger())
            polling.append(asyncio.create_task(scheduler.run()))
            return scheduler, meter

        yield slow
        for task in polling:
            task.cancel()
        await asyncio.gather(*polling, return_exceptions=True)


async def test_a_turn_ends_at_its_deadline_and_keeps_what_it_has(slow, log):
    store = Store()
    scheduler, meter = slow(Schedule("slow", 86_400.0, jitter_s=0.001, deadline_s=3.0, read=MANY), store)
    await until(lambda: scheduler.stats.results and not scheduler.stats.running)

    assert scheduler.stats.results == {("default", "DEADLINE_PASSED"): 1}
    assert scheduler.stats.by_deadline == {("default", "missed"): 1}
    assert scheduler.stats.open_sessions == 0
    assert len(store.records) < len(MANY)
    (warning,) = [entry for entry in log if entry.get("code") == "DEADLINE_PASSED"]
    assert re.fullmatch(r"Deadline Passed \(not done within [\d.]+ s\)", warning["event"])
    assert warning["meter"] == meter.id
    assert warning["cause"]
    assert warning["remedy"]


async def test_what_is_asked_ends_when_its_time_is_up(slow):
    scheduler, meter = slow(Schedule("never", 86_400.0, active=False), Store())
    with pytest.raises(asyncio.TimeoutError):
        await asyncio.wait_for(read_asked(scheduler, meter.id, MANY), 2.0)

    await until(lambda: not scheduler.stats.running and not scheduler.stats.open_sessions)
    assert (await scheduler.ping(meter.id)).logical_device_name


async def test_backfill_ends_at_its_bound_and_is_given_up_after_some_tries(slow, monkeypatch):
    monkeypatch.setattr(module, "_BACKFILL_S", 1.0)
    monkeypatch.setattr(backoff, "pause", lambda _failures, _dice: 0.01)
    store = Store()
    schedule = Schedule("rows", 86_400.0, jitter_s=0.001, profiles=(PROFILE,))
    scheduler, meter = slow(schedule, store)
    now = datetime.now(timezone.utc)
    for place, ago in ((b"", timedelta(minutes=15)), (b"<", timedelta(days=5)), (b">", timedelta(days=1))):
        store.positions[meter.id, PROFILE.obis + place] = round((now - ago).timestamp() * 1e6)
    await until(lambda: scheduler.stats.results.total() == 5 and not scheduler.stats.running)

    assert scheduler.stats.results == Counter({("default", "DEADLINE_PASSED"): 4, ("default", "OK"): 1})
    assert scheduler.stats.open_sessions == 0
    assert not scheduler._states[meter.id].backfills
