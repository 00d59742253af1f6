"""Ends processes when the one that holds the other end of our standard input is gone, however it went.

Run as `python -m ami_kafka.guard WORD PIDFILE...`; a local broker that belongs to a `with` block has one beside it.
"""

from __future__ import annotations

import signal
import sys
from pathlib import Path

from ami_kafka.process import end


def main() -> None:
    """Wait for the end of standard input, then end what the pid files name."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while sys.stdin.buffer.read(1):
        pass
    word, *pid_files = sys.argv[1:]
    end([Path(name) for name in pid_files], word)


if __name__ == "__main__":
    main()
