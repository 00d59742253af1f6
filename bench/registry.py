"""The registry in memory: octets a meter, with the ledger's too, how fast it is read in, and what finding costs.

Each meter has an id, a system title, a logical device name, a serial number and two wrapped keys (guek, gak).
"""

import argparse
import gc
import os
import random
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ami_kafka.loop import LedgerRecord
from ami_keys.keystore import FileKeyStore, add_kek
from ami_normalize.keys import KeyKind, KeyRing
from ami_normalize.ledger import Windows
from ami_normalize.meter import MeterFacts
from ami_normalize.registry import records
from ami_normalize.registry.packed import RegistryState, RegistryView
from ami_normalize.registry.records import KeyName, Record
from bench._rate import rate

BATCH = 20_000
NOW = 1_767_225_600_000_000
PARTITIONS = 12
FEW = 10_000
"""Meters that all fit into the caches."""
PAGE = os.sysconf("SC_PAGESIZE")


def title(number: int) -> bytes:
    return b"AMI" + number.to_bytes(5, "big")


def batch_of(numbers: range, store: FileKeyStore) -> list[Record]:
    found = []
    for number in numbers:
        facts = MeterFacts(
            f"AT{number:010}", (), title(number), f"AMI{number:013}", f"{number:08}", group=f"g{number % 50}"
        )
        found.append(records.meter_record(facts))
        names = (KeyName(title(number), kind, "") for kind in (KeyKind.GUEK, KeyKind.GAK))
        found += [records.key_record(name, os.urandom(16), store)[1] for name in names]
    return found


def resident() -> int:
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE


def filled(count: int, store: FileKeyStore) -> tuple[RegistryState, float, float]:
    """A registry of `count` meters, octets a meter, seconds it took to take the records in."""
    state = RegistryState(store)
    before, took = resident(), 0.0
    for begin in range(0, count, BATCH):
        batch = batch_of(range(begin, min(count, begin + BATCH)), store)
        began = time.process_time()
        state.apply(batch)
        took += time.process_time() - began
        del batch
    return state, (resident() - before) / count, took


def ledger(count: int) -> tuple[Windows, float]:
    """The replay protection of `count` meters with full windows, and octets a meter."""
    one = Windows("bench")
    for counter in range(64):
        one.judge(0, title(0) + b"00000000", counter, counter.to_bytes(4, "big"))
    (full,) = one.outputs()
    assert full.key is not None
    name, of_first = full.key, title(0).hex().encode()
    before, windows = resident(), Windows("bench")
    for number in range(PARTITIONS):
        titles = (title(one).hex().encode() for one in range(number, count, PARTITIONS))
        windows.restore(number, (LedgerRecord(name.replace(of_first, found), full.value) for found in titles))
    return windows, (resident() - before) / count


def lookups(view: RegistryView, count: int, seconds: float) -> Iterator[tuple[str, float]]:
    numbers = random.Random(1)
    some = [title(number) for number in numbers.sample(range(count), min(FEW, count))]
    many = [title(number) for number in numbers.sample(range(count), min(count, 20 * FEW))]
    strangers = [bytes(8 - 4) + number.to_bytes(4, "big") for number in range(20 * FEW)]
    ring = KeyRing(timelines=view)
    for one in some:
        ring.find(one, NOW)
        view.by_title(one)
    yield "key, known of late", rate(lambda one: ring.find(one, NOW), some, seconds)
    yield "meter, known of late", rate(view.by_title, some, seconds)
    yield "key, to be unwrapped", rate(lambda one: ring.find(one, NOW), many, seconds)
    yield "meter, to be unpacked", rate(view.by_title, many, seconds)
    yield "key of a stranger", rate(lambda one: ring.find(one, NOW), strangers, seconds)
    yield "meter of a stranger", rate(view.by_title, strangers, seconds)


def run(options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "kek.json"
        add_kek(path, "bench")
        state, octets, took = filled(options.meters, FileKeyStore(path))
    yield {"name": "registry: memory", "value": octets, "unit": "octets/meter", "meters": options.meters}
    windows, each = ledger(options.meters)
    yield {"name": "ledger: memory", "value": each, "unit": "octets/meter", "meters": len(windows)}
    whole = {"meters": options.meters, "ratio": resident() / (1 << 30), "ratio_to": "1 GiB"}
    yield {"name": "registry + ledger: process", "value": resident() >> 20, "unit": "MiB", **whole}
    yield {"name": "registry: read in", "value": 3 * options.meters / took, "unit": "records/s"}
    for name, value in lookups(state.view, options.meters, options.seconds):
        yield {"name": f"registry: {name}", "value": value, "unit": "lookups/s"}
    before = resident()
    began, changes = time.process_time(), 200
    for number in range(changes):
        state.apply([records.meter_record(MeterFacts(f"AT{number:010}", (), title(number), group="changed"))])
    each = changes / (time.process_time() - began)
    yield {"name": "registry: single changes", "value": each, "unit": "views/s", "octets": resident() - before}
