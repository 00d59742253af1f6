"""Calls that may never return, made in a thread that can be given up.

librdkafka's transactional calls were seen to pass their timeouts when the coordinator's broker dies under them.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout

_Job = tuple["Future[None]", Callable[..., object], tuple[object, ...]]


class Worker:
    """Makes one call at a time in a thread of its own."""

    def __init__(self) -> None:
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        threading.Thread(target=_work, args=(self._jobs,), name="ami-kafka-calls", daemon=True).start()

    def call(
        self,
        function: Callable[..., object],
        *arguments: object,
        patience_s: float,
        on_wait: Callable[[], None],
        notice_s: float = 5.0,
    ) -> None:
        """Call, and raise what the call raises; `on_wait` hears once when it takes long.

        Raises `TimeoutError` after the given patience: the call may then still run, and this worker must not be used
        again.
        """
        future: Future[None] = Future()
        self._jobs.put((future, function, arguments))
        try:
            future.result(min(notice_s, patience_s))
        except FutureTimeout:
            if future.done():
                raise
        else:
            return
        on_wait()
        try:
            future.result(max(0.0, patience_s - notice_s))
        except FutureTimeout:
            raise TimeoutError(f"a call to Kafka did not return within {patience_s:.0f} s") from None

    def close(self) -> None:
        """End the thread, as soon as its call has returned."""
        self._jobs.put(None)


def _work(jobs: queue.SimpleQueue[_Job | None]) -> None:
    while True:
        job = jobs.get()
        if job is None:
            return
        future, function, arguments = job
        try:
            function(*arguments)
        except BaseException as error:  # noqa: BLE001  it is raised again where the call was made
            future.set_exception(error)
        else:
            future.set_result(None)
        del job, future, function, arguments
