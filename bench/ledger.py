"""Replay protection: what judging a counter costs, and what remembering a meter takes."""

import random
import tracemalloc
from argparse import Namespace
from collections.abc import Iterator, Sequence
from typing import Any

from ami_normalize.ledger import Windows
from bench._rate import rate

METERS = 100_000
BATCH = 2000
MESSAGES = 40
"""Before measuring, so that the tags are full."""
GAPS = {"in-order": 1, "gaps": 3}
"""How far the counters of a meter lie apart."""


def remembered(keys: Sequence[bytes], gap: int, messages: int) -> Windows:
    """Windows of meters that sent so many messages."""
    windows = Windows("bench")
    for number in range(messages):
        counter = 1 + number * gap
        for key in keys:
            windows.judge(0, key, counter, b"tag.")
        windows.committed()
    return windows


def run(options: Namespace) -> Iterator[dict[str, Any]]:
    """Measure judging and committing, many meters in random order, and the memory of a meter, keys included."""
    source = random.Random(1)
    for name, gap in GAPS.items():
        keys = [source.randbytes(8) + b"0123abcd" for _ in range(METERS)]
        windows = remembered(keys, gap, MESSAGES)
        source.shuffle(keys)
        batches = [(start, keys[start : start + BATCH]) for start in range(0, METERS, BATCH)]
        last = dict.fromkeys(range(0, METERS, BATCH), 1 + (MESSAGES - 1) * gap)

        def batch(
            item: tuple[int, list[bytes]], windows: Windows = windows, last: dict[int, int] = last, gap: int = gap
        ) -> None:
            start, part = item
            judge, counter = windows.judge, last[start] + gap
            for key in part:
                judge(0, key, counter, b"tag.")
            windows.committed()
            last[start] = counter

        value = BATCH * rate(batch, batches, options.seconds)
        yield {"name": f"ledger-{name}", "value": value, "unit": "counters/s"}
    yield from memory()


def memory() -> Iterator[dict[str, Any]]:
    """What a meter takes after 40 messages, after 1100, and where two of three counters are used for something else."""
    for name, gap, messages in (("new", 1, MESSAGES), ("in-order", 1, 1100), ("gaps", 3, 400)):
        tracemalloc.start()
        windows = remembered([number.to_bytes(8, "big") + b"0123abcd" for number in range(1000)], gap, messages)
        octets, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        yield {"name": f"ledger-memory-{name}", "value": octets / len(windows), "unit": "bytes/meter"}
