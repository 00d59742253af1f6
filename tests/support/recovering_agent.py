"""Pushes at a rate while Kafka is away, then an agent killed over and over while it recovers: nothing may be missing.

Who pushes keeps a connection a meter and numbers its pushes. A killed agent takes with it what it had read and not yet
written to disk; a meter notices the broken connection and sends again from the last push that it knows to be on disk:
each push asks for a confirmation, and the agent confirms what is on disk.
"""

import collections
import json
import os
import re
import selectors
import signal
import socket
import sqlite3
import struct
import subprocess
import time
from contextlib import closing

from ami_kafka.topics import apply
from ami_schemas import topics
from support.kafka_reader import each
from support.processes import AMI, until

METERS = 50
_CONFIRM = 14
"""Octets of a wrapped DataNotificationConfirm without a time."""


def push(meter, number):
    """A plain push that asks for a confirmation; its invoke id is its number."""
    apdu = struct.pack(">BI", 0x0F, 0x40000000 | number) + b"\x00\x02\x02\x12" + struct.pack(">H", meter)
    apdu += b"\x09\x60" + bytes(96)
    return struct.pack(">HHHH", 1, 1 + meter, 16, len(apdu)) + apdu


class Meters:
    """Meters that push at a rate together, and repeat what was not confirmed when a connection broke."""

    def __init__(self, port):
        self.port = port
        self.pushed = [0] * METERS
        self.confirmed = [0] * METERS
        self._links = [None] * METERS
        self._answers = [b""] * METERS
        self._selector = selectors.DefaultSelector()

    def run(self, seconds, rate):
        """Push for so long."""
        began, sent = time.monotonic(), 0
        while (now := time.monotonic() - began) < seconds:
            self._listen(0.0)
            due = int(now * rate)
            if sent >= due:
                self._listen(0.002)
            while sent < due:
                sent += self._push_one(sent % METERS) or 1

    def settle(self, within=120):
        """Wait until everything is confirmed, repeating where a connection broke."""
        end = time.monotonic() + within
        while self.confirmed != self.pushed:
            assert time.monotonic() < end, "meters still wait for their confirmations"
            for meter in range(METERS):
                if self._links[meter] is None:
                    self._connect(meter)
            self._listen(0.1)

    def _push_one(self, meter):
        if self._links[meter] is None and not self._connect(meter):
            return 0
        self.pushed[meter] += 1
        self._send(meter, push(meter, self.pushed[meter]))
        return 1

    def _connect(self, meter):
        try:
            link = socket.create_connection(("127.0.0.1", self.port), 5)
        except OSError:
            time.sleep(0.005)
            return False
        self._links[meter], self._answers[meter] = link, b""
        self._selector.register(link, selectors.EVENT_READ, meter)
        for number in range(self.confirmed[meter] + 1, self.pushed[meter] + 1):
            self._send(meter, push(meter, number))
        return self._links[meter] is not None

    def _send(self, meter, data):
        if self._links[meter] is None:
            return
        try:
            self._links[meter].sendall(data)
        except OSError:
            self._drop(meter)

    def _listen(self, timeout):
        for key, _ in self._selector.select(timeout):
            meter = key.data
            try:
                data = self._links[meter].recv(65536)
            except OSError:
                data = b""
            if not data:
                self._drop(meter)
                continue
            answers = self._answers[meter] + data
            for start in range(0, len(answers) - _CONFIRM + 1, _CONFIRM):
                number = int.from_bytes(answers[start + 9 : start + 13], "big") & 0xFFFFFF
                self.confirmed[meter] = max(self.confirmed[meter], number)
            self._answers[meter] = answers[len(answers) // _CONFIRM * _CONFIRM :]

    def _drop(self, meter):
        self._selector.unregister(self._links[meter])
        self._links[meter].close()
        self._links[meter] = None

    def close(self):
        for meter in range(METERS):
            if self._links[meter] is not None:
                self._drop(meter)


def agent(folder, bootstrap, port):
    """Start an agent; return its process when it listens."""
    config, log = folder / "agent.yaml", folder / "agent.log"
    config.write_text(
        f'agent: edge-1\nkafka: {{bootstrap: "{bootstrap}"}}\nstate_dir: state\n'
        f"spool: {{max_mb: 4096}}\nlisten: [{{transport: tcp, host: 127.0.0.1, port: {port}}}]\n"
    )
    before = log.stat().st_size if log.exists() else 0
    with log.open("ab") as file:
        process = subprocess.Popen([*AMI, "collect", "--config", str(config)], stdout=file, stderr=file)
    until(
        lambda: b'"collecting"' in log.read_bytes()[before:], "a listening agent", process=process, log=log, within=60
    )
    return process, int(re.findall(rb"127\.0\.0\.1:(\d+)\", \"event\": \"listening\"", log.read_bytes())[-1])


def survive(folder, broker, *, before_s, away_s, rate):
    """Push while Kafka is there, away and back; kill the agent twice while it recovers; check what arrived."""
    apply(broker.bootstrap)
    process, port = agent(folder, broker.bootstrap, 0)
    meters = Meters(port)
    try:
        meters.run(before_s, rate)
        broker.kill_node(1)
        meters.run(away_s, rate)
        broker.start()
        for _ in range(2):
            depth = spooled(folder)
            deadline = time.monotonic() + 120
            while spooled(folder) > depth * 0.8 and time.monotonic() < deadline:
                meters.run(0.2, rate)
            assert spooled(folder) > 0, "the spool was empty before the agent was killed: push more"
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
            process, _ = agent(folder, broker.bootstrap, port)
        meters.run(1.0, rate)
        meters.settle()
        until(lambda: spooled(folder) == 0, "an empty spool", process=process, log=folder / "agent.log", within=600)
    finally:
        meters.close()
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        process.wait(60)
    stopped = json.loads((folder / "agent.log").read_text().splitlines()[-1])
    assert (stopped["event"], stopped["spooled"]) == ("stopped", 0)
    return check(broker.bootstrap, meters)


def spooled(folder):
    """Records on disk."""

    with closing(sqlite3.connect(folder / "state" / "spool.sqlite", timeout=30)) as connection:
        return connection.execute("SELECT coalesce(sum(records), 0) FROM segment").fetchone()[0]


def check(bootstrap, meters):
    """Each push of each meter is there, and none before the one it follows; return pushes and records."""
    highest = collections.Counter()
    named = {}  # spool and sequence number to meter and push
    records = 0
    for record in each(bootstrap, topics.RAW):
        value = record.value()
        meter, number = int.from_bytes(value[2:4], "big") - 1, int.from_bytes(value[9:13], "big") & 0xFFFFFF
        assert number <= highest[meter] + 1, f"meter {meter}: push {number} stands behind {highest[meter]}"
        highest[meter] = max(highest[meter], number)
        _, spool, sequence = dict(record.headers())["ce_id"].decode().split("/")
        what = meter << 24 | number
        assert named.setdefault(spool, {}).setdefault(int(sequence), what) == what, "a ce_id names two records"
        records += 1
    assert [highest[meter] for meter in range(METERS)] == meters.pushed
    return sum(meters.pushed), records
