"""Receive and produce, and nothing else: what asyncio, the Kafka client and the broker allow an agent.

python -m bench._push_bare BOOTSTRAP TOPIC PORT_FILE

Cuts wrappers by their length, and produces each with as many headers of the same size as the agent gives, with the
same producer settings. No spool, no detection, no delivery reports.
"""

import asyncio
import contextlib
import signal
import sys
import time
from pathlib import Path

from confluent_kafka import Producer

from ami_kafka import clients

Header = tuple[str, str | bytes | None]


class Receive(asyncio.Protocol):
    """One connection."""

    def __init__(self, producer: Producer, topic: str) -> None:
        self._producer = producer
        self._topic = topic
        self._buffer = b""
        self._headers: list[Header] = []
        self.count = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Note the peer."""
        host, port = transport.get_extra_info("peername")[:2]
        self._headers = [
            ("ce_specversion", b"1.0"),
            ("ce_type", b"ami.raw.apdu.v1"),
            ("ce_source", b"/ami/agents/bench"),
            ("ce_subject", f"{host}:{port}".encode()),
            ("ami-framing", b"wrapper"),
            ("ami-transport", b"tcp"),
            ("ami-exchange", b"push"),
            ("ami-agent", b"bench"),
        ]

    def data_received(self, data: bytes) -> None:
        """Cut and produce."""
        buffer = self._buffer + data
        at, now = 0, time.time_ns() // 1000
        moment = b"2026-01-01T00:00:00.%06dZ" % (now % 1_000_000)
        while len(buffer) >= at + 8 and len(buffer) >= (end := at + 8 + int.from_bytes(buffer[at + 6 : at + 8], "big")):
            title = buffer[at + 10 : at + 18].hex().encode()
            self.count += 1
            headers = [
                ("ce_id", b"bench/00000000-0000-0000-0000-000000000000/%d" % now),
                *self._headers,
                ("ce_time", moment),
                ("ami-system-title", title),
            ]
            self._produce(buffer[at:end], b"st-" + title, headers, now // 1000)
            at = end
        self._buffer = buffer[at:]

    def _produce(self, value: bytes, key: bytes, headers: list[Header], timestamp: int) -> None:
        while True:
            try:
                self._producer.produce(self._topic, value, key, headers=headers, timestamp=timestamp)
            except BufferError:  # noqa: PERF203  a retry
                self._producer.poll(0.01)
            else:
                return


async def serve(bootstrap: str, topic: str, port_file: Path) -> None:
    """Serve until SIGTERM, then flush."""
    producer = clients.producer(bootstrap, message_timeout_ms=0, queue_buffering_max_messages=40_000)
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    server = await loop.create_server(lambda: Receive(producer, topic), "127.0.0.1", 0, backlog=4096)
    port_file.write_text(str(server.sockets[0].getsockname()[1]))  # noqa: ASYNC240  before anything runs
    while not stop.is_set():
        producer.poll(0)
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(stop.wait(), 0.01)
    producer.flush(60)


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1], sys.argv[2], Path(sys.argv[3])))
