"""Normalizers and brokers killed at random, connections stalled and cut: and what a reader of the topics must find.

The faults come by progress, not by the clock: a portion of the records is fed, some of it is seen committed, then
something breaks. So each fault meets work in flight, on a machine of any speed.
"""

import collections
import json
import random
import signal
import subprocess
import threading
import time
from contextlib import ExitStack
from typing import NamedTuple

from ami_kafka import clients
from ami_kafka.broker import LocalBroker
from ami_kafka.check import metadata
from ami_schemas import topics
from support.account import OUTCOMES, Account, Reader, verdict
from support.chaos_records import Stream
from support.processes import AMI, start, stop
from support.proxy import Proxy

_KAFKA_AWAY = 4
"""Exit code of a normalizer that finds no Kafka at its very start: whoever supervises it starts it again."""


class Plan(NamedTuple):
    """How much, and how many faults of each sort."""

    stream: Stream
    seed: int = 1
    nodes: int = 3
    normalizers: int = 3
    kills: int = 3
    broker_kills: int = 1
    stalls: int = 1
    cuts: int = 2
    freezes: int = 0
    batch: int = 500
    patience_s: float = 60.0
    """How long any progress may take."""

    def faults(self, dice):
        """Give the faults in their order; in the middle the late keys come."""
        each = {
            "kill": self.kills,
            "kill_broker": self.broker_kills,
            "stall": self.stalls,
            "cut": self.cuts,
            "freeze": self.freezes,
        }
        drawn = [name for name, times in each.items() for _ in range(times)]
        dice.shuffle(drawn)
        return [*drawn[: len(drawn) // 2], "give_keys", *drawn[len(drawn) // 2 :]]


class Chaos:
    """A cluster, a proxy, normalizers, and one who breaks them. Use as a context manager."""

    def __init__(self, folder, plan, tell=lambda _line: None):
        self.folder = folder
        self.plan = plan
        self.tell = tell
        self.dice = random.Random(plan.seed)
        self.done = collections.Counter()
        self.broker = None
        self.proxy = None
        self._normalizers = []
        self._started = 0
        self._fed = 0
        self._stack = ExitStack()
        self._keys = folder / "keys.json"
        self._write_keys(late=False)
        self.account = Account(plan.stream.late_keys())
        self._trouble = None
        self._over = threading.Event()

    def __enter__(self):
        with ExitStack() as stack:
            self.proxy = stack.enter_context(Proxy(self.plan.nodes))
            self.broker = stack.enter_context(
                LocalBroker(self.folder / "kafka", nodes=self.plan.nodes, advertised=self.proxy.ports)
            )
            self.proxy.lead_to(self.broker.fronts)
            apply = [*AMI, "topics", "apply", "--bootstrap", self.broker.bootstrap]
            subprocess.run(apply, check=True, capture_output=True)
            self._feeder = clients.producer(self.broker.bootstrap, delivery_timeout_ms=600_000)
            watcher = threading.Thread(target=self._watch, name="watcher")
            watcher.start()
            stack.callback(watcher.join)
            stack.callback(self._over.set)
            stack.callback(self._end)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_):
        self._stack.close()

    def run(self):
        """Feed the stream and break things; return when every record has ended, all processes stopped with 0."""
        faults = self.plan.faults(self.dice)
        for _ in range(self.plan.normalizers):
            self.start()
        portion = self.plan.stream.records // (len(faults) + 1)
        for number, fault in enumerate(faults):
            before = self.account.ended
            self.feed(portion)
            wanted = min(before + self.dice.uniform(0.05, 0.6) * portion, self._fed)
            self.until(
                lambda wanted=wanted: self.account.ended >= wanted, f"{wanted:.0f} records before the next fault"
            )
            self.tell(f"{number + 1}/{len(faults)} {fault}: {self.account.ended} of {self._fed} records ended")
            getattr(self, fault)()
            self.done[fault] += 1
        return self.finish()

    def finish(self):
        """Feed the rest, wait until every record has ended, stop all, and give what `verdict` finds."""
        stream = self.plan.stream
        self.feed(stream.records - self._fed)
        self.until(lambda: self.account.ended >= stream.records and not self.account.waiting, "an end of every record")
        codes = [stop(each) for each in self._normalizers]
        self._normalizers.clear()
        assert set(codes) == {0}
        return verdict(self.broker.bootstrap, stream, 60.0 + stream.records / 5000)

    def log(self, *kinds, path=None):
        """Give the events of some kinds that the normalizers logged; of one log, or all."""
        found = []
        for each in [path] if path else sorted(self.folder.glob("normalize-*.log")):
            for line in each.read_text().splitlines():
                entry = json.loads(line) if line.startswith("{") and line.endswith("}") else {}
                if entry.get("kind") in kinds:
                    found.append({"log": each.name, **entry})
        return found

    # The faults

    def kill(self):
        index = self.dice.randrange(len(self._normalizers))
        self._normalizers[index].kill()
        self._normalizers[index].wait()
        self._normalizers[index] = self._launch()

    def freeze(self):
        """Stop a normalizer for longer than its session, then wake it: it must find out."""
        frozen = self.dice.choice(self._normalizers)
        frozen.send_signal(signal.SIGSTOP)
        try:
            time.sleep(clients.SESSION_TIMEOUT_MS / 1000 + self.dice.uniform(1, 4))
        finally:
            frozen.send_signal(signal.SIGCONT)

    def kill_broker(self):
        self.until(self._in_sync, "all copies in sync before the next broker is killed")
        number = self.dice.randrange(self.plan.nodes) + 1
        self.broker.kill_node(number)
        time.sleep(self.dice.uniform(0.5, 4))
        self.broker.start_node(number)

    def stall(self):
        self.proxy.stall(self.dice.uniform(1, 6))

    def cut(self):
        assert self.proxy.cut(self.dice, self.dice.choice((0.3, 1.0))) > 0

    def give_keys(self):
        """The keys of some meters come while their messages wait, parked."""
        self._write_keys(late=True)

    # What they happen to

    def start(self):
        """Start one more normalizer: the command, through the proxy."""
        self._normalizers.append(self._launch())
        return self._normalizers[-1]

    def _launch(self):
        self._started += 1
        log = self.folder / f"normalize-{self._started:03}.log"
        options = ("--bootstrap", self.proxy.bootstrap, "--keys", self._keys, "--batch", self.plan.batch)
        process = start("normalize", *options, log=log)
        process.log = log
        return process

    def _revive(self):
        """Start again what ended because it found no Kafka when it started; anything else is a defect."""
        for index, each in enumerate(self._normalizers):
            if each.poll() is not None:
                told = each.log.read_text()
                assert each.returncode == _KAFKA_AWAY, f"a normalizer ended with {each.returncode}: {told[-2000:]}"
                self.done["found no Kafka at its start"] += 1
                self._normalizers[index] = self._launch()

    def feed(self, count):
        """Append the next records of the stream to raw, straight to the brokers."""
        for number in range(self._fed, self._fed + count):
            key, value, headers = self.plan.stream.raw(number)
            while True:
                try:
                    self._feeder.produce(topics.RAW, value, key, headers=headers)
                except BufferError:
                    self._feeder.poll(0.2)
                else:
                    break
            if number % 1000 == 0:
                self._feeder.poll(0)
        self._fed += count
        assert self._feeder.flush(300) == 0, "the raw records could not be fed"

    def _write_keys(self, *, late):
        new = self._keys.with_suffix(".new")
        new.touch(mode=0o600)
        new.write_text(self.plan.stream.keys(late=late))
        new.replace(self._keys)

    def _in_sync(self):
        found = metadata(self.broker.bootstrap).topics.values()
        return all(len(part.isrs) == len(part.replicas) for topic in found for part in topic.partitions.values())

    def _watch(self):
        """Follow what is committed, straight from the brokers."""
        reader = Reader(self.broker.bootstrap, OUTCOMES)
        try:
            while not self._over.is_set():
                for message in reader.read():
                    self.account.take(message)
        except BaseException as error:
            self._trouble = error
            raise
        finally:
            reader.close()

    def until(self, condition, what):
        """Wait for a condition, as long as there is progress."""
        seen, since = -1, time.monotonic()
        while not condition():
            assert self._trouble is None, self._trouble
            self._revive()
            now = (self.account.ended, self.account.waiting)
            if now != seen:
                seen, since = now, time.monotonic()
            if time.monotonic() - since > self.plan.patience_s:
                told = "\n".join(each.log.read_text()[-1500:] for each in self._normalizers)
                raise AssertionError(
                    f"{what}: {self.account.ended} of {self._fed} records ended, {self.account.waiting} wait for a key "
                    f"that came; no progress within {self.plan.patience_s:.0f} s\n{told}"
                )
            time.sleep(0.05)

    def _end(self):
        for each in self._normalizers:
            each.kill()
            each.wait()
