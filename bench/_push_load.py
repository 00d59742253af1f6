"""Pushes as many meters send them, a connection each: the load of `bench push`, in a process of its own.

python -m bench._push_load PORT CONNECTIONS SECONDS RATE

Every push is sent by itself, round the connections, as fast as the other side reads (RATE 0) or so many a second. Only
the invocation counter differs from one push of a meter to its next, so that a reader can tell what is missing and what
is out of order. Prints `{"sent": per meter, "seconds"}`.
"""

import json
import random
import resource
import socket
import struct
import sys
import time

from bench._messages import Meter, wrapper

_PUT = struct.Struct(">I").pack_into


class Link:
    """One meter and its connection."""

    def __init__(self, number: int, port: int) -> None:
        self.number = number
        self.push = bytearray(wrapper(Meter(number, random.Random(number)).push()))
        self.sent = 0
        self._rest = memoryview(b"")
        self.socket = socket.create_connection(("127.0.0.1", port), 30)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.settimeout(0)

    def send(self) -> bool:
        """Send the next push; False where the other side does not read."""
        try:
            if self._rest:
                self._rest = self._rest[self.socket.send(self._rest) :]
                return False
            _PUT(self.push, counter_at(self.push), self.sent + 1)
            done = self.socket.send(self.push)
        except BlockingIOError:
            return False
        self.sent += 1
        if done < len(self.push):
            self._rest = memoryview(bytes(self.push[done:]))
        return True

    def close(self) -> None:
        """Send what is left, and close."""
        self.socket.settimeout(60)
        if self._rest:
            self.socket.sendall(self._rest)
        self.socket.close()


def counter_at(push: bytes | bytearray) -> int:
    """Return where a wrapped general-glo-ciphering push has its invocation counter."""
    length = 8 + 1 + 1 + 8  # wrapper, tag, title with its length
    return length + (1 if push[length] < 0x80 else 1 + (push[length] & 0x7F)) + 1


def main() -> None:
    """Send."""
    port, connections = int(sys.argv[1]), int(sys.argv[2])
    seconds, rate = float(sys.argv[3]), float(sys.argv[4])
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    links = [Link(number, port) for number in range(connections)]
    print("connected", flush=True)
    sys.stdin.readline()
    began = time.perf_counter()
    sent = 0
    while (now := time.perf_counter() - began) < seconds:
        if rate and sent > now * rate:
            time.sleep(0.001)
            continue
        took = 0
        for link in links:
            took += link.send()
        sent += took
        if not took:
            time.sleep(0.001)
    for link in links:
        link.close()
    print(json.dumps({"sent": [link.sent for link in links], "seconds": time.perf_counter() - began}), flush=True)


if __name__ == "__main__":
    main()
