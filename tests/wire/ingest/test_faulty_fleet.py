"""A fleet of which every fifth meter is faulty: the healthy ones are read, each faulty one is named rightly."""

import asyncio
import re

import pytest

from ami_ingest.config.model import LinkProfile, Poll, Schedule
from ami_ingest.config.target import Target
from ami_ingest.meters.counters import CounterStore
from ami_ingest.schedule.scheduler import Scheduler
from ami_simulator.fleet.faults import FaultPlan, Kind
from ami_simulator.fleet.members import Members
from bench._fleet import fleet, inventory

pytestmark = pytest.mark.wire

KINDS = ("hang", "reject", "noise", "drop", "crc")
TREE = {
    "authentication": {"lls": 0.5, "hls-gmac": 0.5},
    "framing": {"wrapper": 0.7, "hdlc": 0.3},
    "listen": {"address": "127.17.0.1", "port": 0},
    "faults": [{"kind": kind, "share": 0.05 if kind != "crc" else 0.1} for kind in KINDS],
}
WORDING = {
    Kind.HANG: ("T1_TIMEOUT", r"Timer T1 Timeout \(no answer within 3 s\)"),
    Kind.REJECT: ("ASSOCIATION_REJECTED", r"DLMS Association Rejected \(.+\)"),
    Kind.NOISE: ("PARTIAL_FRAME", r"Partial Frame Received \((\d+ of \d+|no frame in \d+) octets\)"),
    Kind.DROP: ("PARTIAL_FRAME", r"Partial Frame Received \(\d+ of \d+ octets\)"),
    Kind.CRC: ("CRC_ERROR", r"CRC Error \(\d+ of \d+ frames on 127\.17\.\d+\.\d+:\d+\)"),
}


class Store:
    """Counts what is put."""

    def __init__(self):
        self.meters = set()

    async def put(self, records, positions=()):
        self.meters |= {dict(record.headers)["ce_subject"].decode() for record in records}

    async def room(self):
        pass

    def position(self, meter, profile):
        return None


@pytest.mark.timeout(600)
@pytest.mark.parametrize("count", [200, pytest.param(2000, marks=pytest.mark.soak)])
async def test_every_faulty_meter_is_named_with_the_right_wording(tmp_path, log, count):
    link = LinkProfile(connect_timeout_s=30.0, request_timeout_s=3.0, retries=0)
    schedule = Schedule("once", 86_400.0, jitter_s=0.001, read=(Target.parse("3:1.0.1.8.0.255"),))
    store = Store()
    with fleet({**TREE, "meters": count}) as description:
        meters = inventory(description, link, (schedule,))
        scheduler = Scheduler(meters, store, CounterStore(tmp_path), agent="edge-1", poll=Poll(40), log=log.logger())
        polling = asyncio.create_task(scheduler.run())
        while scheduler.stats.results.total() < count:  # noqa: ASYNC110  it counts
            await asyncio.sleep(0.02)
        polling.cancel()
        await asyncio.gather(polling, return_exceptions=True)

    plan = FaultPlan(description.faults, description.seed, count, Members(description).hdlc)
    faulty = {meters[index].id: fault.kind for fault in plan for index in plan.meters(fault)}
    assert len(faulty) == count * 0.23
    assert store.meters == {meter.id for meter in meters} - set(faulty)
    said = {entry["meter"]: entry for entry in log if entry["level"] == "warning" and "code" in entry}
    wrong = {
        (meter, kind.value): said.get(meter, {}).get("event")
        for meter, kind in faulty.items()
        if said.get(meter, {}).get("code") != WORDING[kind][0]
        or not re.fullmatch(WORDING[kind][1], said[meter]["event"])
    }
    assert not wrong
    assert all(said[meter]["cause"] and said[meter]["remedy"] for meter in faulty)
    assert set(said) == set(faulty)


@pytest.mark.timeout(600)
async def test_every_weak_signal_is_told_of_its_meter(tmp_path, log):
    count = 100
    tree = {"meters": count, "authentication": {"lls": 0.5, "hls-gmac": 0.5}, "listen": TREE["listen"]}
    schedule = Schedule("cell", 86_400.0, jitter_s=0.001, read=(Target.parse("47:0.0.25.6.0.255:6"),))
    with fleet({**tree, "faults": [{"kind": "weak-signal", "share": 0.1, "dbm": -111}]}) as description:
        meters = inventory(description, LinkProfile(connect_timeout_s=30.0, request_timeout_s=30.0), (schedule,))
        scheduler = Scheduler(meters, Store(), CounterStore(tmp_path), agent="edge-1", poll=Poll(20), log=log.logger())
        polling = asyncio.create_task(scheduler.run())
        while scheduler.stats.results.total() < count:  # noqa: ASYNC110  it counts
            await asyncio.sleep(0.02)
        polling.cancel()
        await asyncio.gather(polling, return_exceptions=True)

    plan = FaultPlan(description.faults, description.seed, count, Members(description).hdlc)
    weak = {meters[index].id for fault in plan for index in plan.meters(fault)}
    said = {entry["meter"]: entry["dbm"] for entry in log if entry["event"] == "the meter's signal is weak"}
    assert said == dict.fromkeys(weak, -111)
    assert scheduler.stats.signals_weak.total() == 10
    assert sum(found.count for found in scheduler.stats.signals.values()) == count
