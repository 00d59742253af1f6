"""A worker ends when its supervisor does, however that ended: the pipe that is its standard input then closes."""

from __future__ import annotations

import os
import sys
import threading
from typing import BinaryIO, Final

GRACE_S: Final = 20.0
"""To finish the batch; Kafka undoes what is left."""


def end_with_supervisor(stop: threading.Event, pipe: BinaryIO | None = None) -> None:
    """Set `stop` when the pipe closes, and end this process hard where it does not stop in time."""
    source = sys.stdin.buffer if pipe is None else pipe

    def wait() -> None:
        while source.read(1):
            pass
        stop.set()
        threading.Event().wait(GRACE_S)
        os._exit(1)

    threading.Thread(target=wait, name="supervisor", daemon=True).start()
