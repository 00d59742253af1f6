"""How fast something is: as often as fits into the time, the garbage collector as it is in production."""

import time
from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")


def rate(work: Callable[[T], object], items: Sequence[T], seconds: float) -> float:
    """Work through the items again and again for the time given; return items per second of process time."""
    for item in items[: max(1, len(items) // 10)]:
        work(item)
    done, began, until = 0, time.process_time(), time.perf_counter() + seconds
    while time.perf_counter() < until:
        for item in items:
            work(item)
        done += len(items)
    return done / (time.process_time() - began)
