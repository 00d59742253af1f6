"""Hours of changes in little time: meters come and go, fail and call, settings change, the clock is set.

What is done to the scheduler follows from a seed. Afterwards everybody is read again, nothing is left behind, and
every value is one that the fleet says it gave.
"""

import asyncio
import random
import time
from collections import Counter
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from support.asked import read_asked
from support.conditions import until
from support.fleet import running_fleet
from support.polled import Store

from ami_dlms import apdu
from ami_dlms.framing import Framing, unframe
from ami_dlms.security import unprotect
from ami_ingest.config.endpoint import Endpoint
from ami_ingest.config.model import LinkProfile, Network, Poll, Schedule
from ami_ingest.config.target import Target
from ami_ingest.errors import MeterUnknown
from ami_ingest.meters.counters import CounterStore
from ami_ingest.schedule.scheduler import Scheduler
from ami_ingest.transport import open_link
from ami_simulator.fleet.description import Listening
from bench._fleet import inventory

pytestmark = pytest.mark.wire

METERS = 24
CALLING = 6
ENERGY = Target.parse("3:1.0.1.8.0.255")
LINK = LinkProfile(connect_timeout_s=5.0, request_timeout_s=1.0, retries=1)
SCHEDULE = Schedule("often", 2.0, jitter_s=0.5, read=(ENERGY,))
TREE = {
    "meters": METERS,
    "authentication": {"lls": 0.5, "hls-gmac": 0.5},
    "framing": {"wrapper": 0.5, "hdlc": 0.5},
    "listen": {"address": "127.17.2.1", "port": 0},
}
FAULTS = ("hang", "drop", "truncate", "noise", "slow")


DEFECTS = (AssertionError, AttributeError, KeyError, TypeError, ValueError)


class Clock:
    """The clock of the agent's machine, which somebody sets."""

    ahead_s = 0.0

    def now(self):
        return time.time() + self.ahead_s


class Churn:
    """Does one thing after the other to a scheduler, as its dice fall."""

    def __init__(self, scheduler, meters, ways, clock, seed):
        self.scheduler, self.meters, self.ways, self.clock = scheduler, meters, ways, clock
        self.present = dict(meters)
        self.links, self.asking = [], []
        self.dice = random.Random(seed)
        self.steps = (self.come_and_go, self.change, self.limit, self.set_clock, self.call, self.hang_up, self.ask)

    async def step(self):
        await self.dice.choice(self.steps)()

    async def come_and_go(self):
        for name in self.dice.sample(sorted(self.meters), 4):
            if self.present.pop(name, None) is None:
                self.present[name] = self.meters[name]
        self.scheduler.apply(self.present.values())

    async def change(self):
        """Give some meters another link, schedule or network: sessions end, turns are planned anew, lanes change."""
        for name in self.dice.sample(sorted(self.present), min(4, len(self.present))):
            self.present[name] = replace(
                self.present[name],
                link=replace(LINK, keep_open_s=self.dice.choice((0.0, 0.5, 60.0))),
                schedules=(replace(SCHEDULE, every_s=self.dice.choice((1.0, 2.0, 3.0))),),
                network=self.dice.choice((None, Network("cell", 2), Network("mesh", 1, connections_per_s=20.0))),
            )
        self.scheduler.apply(self.present.values())

    async def limit(self):
        rate = self.dice.choice((None, 20.0, 100.0))
        self.scheduler.apply(self.present.values(), Poll(self.dice.choice((4, 8, 16)), connections_per_s=rate))

    async def set_clock(self):
        self.clock.ahead_s += self.dice.choice((-7200.0, -90.0, 90.0, 7200.0))

    async def call(self):
        await self.call_from(self.dice.choice(sorted(self.ways)))

    async def call_from(self, name):
        link = await open_link(self.ways[name], connect_timeout_s=20.0)
        try:
            self.scheduler.adopt(name, link)
        except MeterUnknown:
            await link.close()
        else:
            self.links.append(link)

    async def hang_up(self):
        if self.links:
            self.links.pop(self.dice.randrange(len(self.links))).abort()

    async def ask(self):
        """Ask on demand; some do not wait for the answer."""
        asked = read_asked(self.scheduler, self.dice.choice(sorted(self.meters)), [ENERGY])
        self.asking.append(asyncio.create_task(asyncio.wait_for(asked, self.dice.choice((0.01, 0.3, 5.0)))))

    async def settle(self, log):
        """Have everybody there, and wait until each was read once more."""
        self.present.update((name, meter) for name, meter in self.meters.items() if name not in self.present)
        self.scheduler.apply(self.present.values(), Poll(8))
        before = polled(log)
        while waited := {name for name in self.meters if polled(log)[name] == before[name]}:
            for name in waited & set(self.ways):
                await self.call_from(name)
            # What is asked closes the breaker of who failed too often.
            asked = (read_asked(self.scheduler, name, [ENERGY]) for name in waited)
            await asyncio.gather(*asked, return_exceptions=True)
            tries = self.scheduler.stats.results.total()
            await until(lambda tries=tries: self.scheduler.stats.results.total() > tries)


def sockets():
    """Count the sockets that this process has open."""
    found = 0
    for descriptor in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):  # the one that lists them
            found += str(descriptor.readlink()).startswith("socket:")
    return found


def polled(log):
    """Count the successful turns by meter."""
    return Counter(entry["meter"] for entry in log if entry["event"] == "polled")


def value_of(record, known):
    """Open a record as normalization would, and return its value."""
    (octets,) = unframe(record.value, Framing(dict(record.headers)["ami-framing"].decode())).apdus
    response = apdu.decode(octets)
    if not isinstance(response, apdu.GetResponseNormal):
        response = apdu.decode(unprotect(response, known.keys, known.system_title).plaintext)
    return str(response.result.value)


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("seconds", [20, pytest.param(720, marks=pytest.mark.soak)])
async def test_everybody_is_read_again_after_all_that_and_nothing_is_left_behind(tmp_path, log, seconds):
    faults = [{"kind": kind, "share": 0.08, "until_s": seconds} for kind in FAULTS]
    store = Store()
    with running_fleet(tmp_path, {**TREE, "faults": faults}) as fleet:
        meters, ways = known(fleet)
        clock = Clock()
        began = asyncio.all_tasks(), sockets()
        scheduler = Scheduler(
            meters.values(),
            store,
            CounterStore(tmp_path / "counters"),
            agent="edge-1",
            poll=Poll(8),
            log=log.logger(),
            now=clock.now,
        )
        polling = asyncio.create_task(scheduler.run())
        churn = Churn(scheduler, meters, ways, clock, seed=7)

        end = time.monotonic() + seconds
        while time.monotonic() < end:
            await churn.step()
            tries = scheduler.stats.results.total()
            await until(lambda tries=tries: scheduler.stats.results.total() > tries + 2)
            fleet.pass_over()
        assert polled(log), "something went well meanwhile, too"

        await asyncio.wait_for(churn.settle(log), 300)
        await asyncio.wait_for(asyncio.gather(*churn.asking, return_exceptions=True), 60)
        assert not [each for each in churn.asking if isinstance(each.exception(), DEFECTS)]

        scheduler.apply([])
        await asyncio.wait_for(until(lambda: not scheduler.stats.running and not scheduler._ready.waiting.total()), 60)
        await asyncio.wait_for(until(lambda: sockets() == began[1]), 60)
        assert asyncio.all_tasks() - began[0] == {polling}
        assert scheduler.stats.open_sessions == scheduler.stats.breakers_open == 0
        assert not scheduler._states
        assert not scheduler._leaving
        assert not scheduler._sessions._ending
        assert not any(lane.running for lane in scheduler._ready._lanes.values())
        polling.cancel()
        await asyncio.gather(polling, return_exceptions=True)
        last, said = fleet.end()
        account(store, log, said, {known.id: known for known in map(fleet.meter, range(METERS))})

    assert last["associated"] == 0
    assert ("default", "DEFECT") not in scheduler.stats.results
    assert not [entry for entry in log if entry["level"] == "error"]


def known(fleet):
    """Give the inventory by id, some of which call in, and the ways to those."""
    description = fleet.members.description
    listen = Listening(description.listen.address, fleet.port, description.listen.behind)
    meters = inventory(replace(description, listen=listen), LINK, (SCHEDULE,))
    ways = {meter.id: meter.address for meter in meters[:CALLING]}
    for index, meter in enumerate(meters[:CALLING]):
        scheme = "hdlc+call-in" if meter.address.framing is Framing.HDLC else "call-in"
        meters[index] = replace(meter, address=Endpoint.parse(f"{scheme}://"))
    return {meter.id: meter for meter in meters}, ways


def account(store, log, said, known):
    """Hold what was stored against what the fleet said, and against the turns that went well."""
    left = Counter((each.id, each.value.value) for each in said)
    stored = Counter()
    for record in store.records:
        meter = dict(record.headers)["ce_subject"].decode()
        stored[meter] += 1
        value = meter, value_of(record, known[meter])
        assert left[value], "each value stored was said, and not more often than that"
        left[value] -= 1
    failed = Counter(entry["meter"] for entry in log if "code" in entry and "meter" in entry)
    for meter, count in polled(log).items():
        # A turn that ended with its value on disk, and too late to say so, is told as failed.
        assert count <= stored[meter] <= count + failed[meter]
