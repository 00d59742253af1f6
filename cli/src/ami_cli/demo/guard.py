"""Ends the demo's processes when the demo itself ended without doing so (killed, its terminal gone).

Run as a process of its own, `python -m ami_cli.demo.guard`. It reads the ids of process groups from stdin, one a line,
until the pipe closes: with a line `done` before that, all is well; without one it ends the groups.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from contextlib import suppress

_GRACE_S = 3.0


def main() -> None:
    """Wait for the end of stdin, then end what is left."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    groups: list[int] = []
    for line in sys.stdin:
        word = line.strip()
        if word == "done":
            return
        groups.append(int(word))
    for number in (signal.SIGTERM, signal.SIGKILL):
        for group in groups:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(group, number)
        if number == signal.SIGTERM:
            time.sleep(_GRACE_S)


if __name__ == "__main__":
    main()
