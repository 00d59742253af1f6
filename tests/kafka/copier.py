"""A program that copies a topic by the transactional loop, and can be made to kill or stop itself at a chosen moment.

    python copier.py BOOTSTRAP NAME [--signal KILL|STOP --at STEP --after N] [--until-idle]

STEP is `offsets` or `commit` (before that call) or `committed` (after the commit). It prints a line an event.
"""

import argparse
import json
import os
import signal
import sys
import threading

from ami_kafka.loop import BatchPolicy, Output, TransactionalLoop
from ami_kafka.transaction import Writer


class Copy:
    """Writes each record to the output topic, naming its source and its number among those of its partition.

    It remembers in the ledger how many it wrote, and what is due: a mark in a topic of its own for each full hundred.
    """

    def __init__(self, name):
        self.name = name
        self.state = {}
        self.provisional = {}

    def restore(self, partition, records):
        for record in records:
            assert record.key == b"copied"
            self.state[partition] = json.loads(record.value)

    def release(self, partitions):
        self.provisional.clear()
        for partition in partitions:
            self.state.pop(partition, None)

    def committed(self):
        self.state |= self.provisional
        self.provisional.clear()

    def aborted(self):
        self.provisional.clear()

    def known(self, partition):
        return self.provisional.get(partition) or self.state.get(partition) or [0, 0]

    def remember(self, partition, state):
        self.provisional[partition] = state
        return Output(f"{self.name}.ledger", partition, b"copied", json.dumps(state).encode(), [])

    def __call__(self, batch):
        for message in batch:
            copied, marks = self.known(message.partition)
            source = f"{message.partition}/{message.offset}".encode()
            headers = [("ami-source", source), ("number", str(copied).encode())]
            yield Output(f"{self.name}.out", message.partition, message.key, message.value, headers)
            yield self.remember(message.partition, [copied + 1, marks])

    def due(self, partitions):
        for partition in partitions:
            copied, marks = self.known(partition)
            if copied >= 100 * (marks + 1):
                yield Output(f"{self.name}.marks", partition, None, str(marks).encode(), [])
                yield self.remember(partition, [copied, marks + 1])


def hit_oneself(number, step, after):
    """Send ourselves a signal at a step of a transaction, after some transactions."""
    original = Writer._call
    done = [0]

    def call(self, name, function, *arguments, **more):
        if name == step and done[0] == after:
            done[0] += 1
            os.kill(os.getpid(), number)
        original(self, name, function, *arguments, **more)
        if name == "commit":
            done[0] += 1
            if step == "committed" and done[0] == after:
                os.kill(os.getpid(), number)

    Writer._call = call


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("bootstrap")
    parser.add_argument("name")
    parser.add_argument("--signal", choices=["KILL", "STOP"])
    parser.add_argument("--at", default="commit")
    parser.add_argument("--after", type=int, default=3)
    parser.add_argument("--records", type=int, default=200)
    parser.add_argument("--instance")
    parser.add_argument("--transaction-timeout-ms", type=int, default=5000)
    arguments = parser.parse_args()
    if arguments.signal:
        hit_oneself(getattr(signal, f"SIG{arguments.signal}"), arguments.at, arguments.after)
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())

    def tell(event):
        fields = {"kind": event.kind.value, "sentence": event.sentence, **event.fields}
        sys.stdout.write(json.dumps(fields, default=str) + "\n")
        sys.stdout.flush()

    TransactionalLoop(
        bootstrap=arguments.bootstrap,
        group=f"{arguments.name}.group",
        source=f"{arguments.name}.raw",
        ledger=f"{arguments.name}.ledger",
        processor=Copy(arguments.name),
        instance_id=arguments.instance,
        batch=BatchPolicy(records=arguments.records, age_s=0.1),
        on_event=tell,
        session_timeout_ms=6000,
        transaction_timeout_ms=arguments.transaction_timeout_ms,
    ).run(stop)


if __name__ == "__main__":
    main()
