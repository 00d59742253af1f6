"""`ami dlq redrive`: ask the owners of partitions to process dead letters again, and wait for what comes of it."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from confluent_kafka import KafkaError, Message

from ami_cli.console import console, note, print_json, table
from ami_cli.errors import CommandError, ExitCode
from ami_kafka import clients
from ami_kafka.loop import Output
from ami_normalize.letters.letter import Letter
from ami_normalize.letters.request import LEDGER_SAID_NO, MOST_ATTEMPTS, Request
from ami_normalize.letters.scan import Resolved, resolved

_LOOK_S = 2.0


class Plan(NamedTuple):
    """What is asked for, and what is not."""

    requests: list[Request]
    exhausted: list[Letter]
    """Tried too often."""
    protected: list[Letter]
    """Turned down by the replay protection, which nobody overrules."""


def plan(found: Iterable[Letter], done: Resolved, most: int | None, *, force: bool, accept_counter: bool) -> Plan:
    """Decide for each raw record once; the last of its letters counts."""
    latest: dict[str, Letter] = {}
    for letter in found:
        known = latest.get(letter.source)
        if known is None or letter.attempt >= known.attempt:
            latest[letter.source] = letter
    made = Plan([], [], [])
    for letter in latest.values():
        attempts = max(letter.attempt, done.attempts.get(letter.source, 0))
        if letter.reason in LEDGER_SAID_NO and not accept_counter:
            made.protected.append(letter)
        elif attempts >= MOST_ATTEMPTS and not force:
            made.exhausted.append(letter)
        elif most is None or len(made.requests) < most:
            made.requests.append(Request(letter, attempts, accept_counter))
    return made


def send(bootstrap: str, requests: Sequence[Output]) -> None:
    """Write the records that ask; all are there when this returns. Raises CommandError."""
    failed: list[str] = []

    def told(error: KafkaError | None, _message: Message) -> None:
        if error is not None:
            failed.append(error.str())

    producer = clients.producer(bootstrap)
    for record in requests:
        while True:
            try:
                producer.produce(
                    record.topic, record.value, record.key, record.partition, told, headers=list(record.headers)
                )
                break
            except BufferError:
                producer.poll(0.1)
    left = producer.flush(30)
    if left or failed:
        raise CommandError(
            f"{left + len(failed)} of {len(requests)} requests were not written" + (f": {failed[0]}" if failed else ""),
            "look at the brokers and ask again: what is asked twice is done once",
            ExitCode.KAFKA,
        )


def wait(bootstrap: str, requests: list[Request], seconds: float) -> dict[str, str]:
    """Wait until the owners have answered; return how each raw record ended that was answered in time."""
    deadline = time.monotonic() + seconds
    partitions = sorted({request.letter.partition for request in requests})
    while True:
        done = resolved(bootstrap, partitions=partitions)
        answered = {
            request.source: done.outcomes[request.source]
            for request in requests
            if done.attempts.get(request.source, 0) > request.attempts
        }
        if len(answered) == len(requests) or time.monotonic() > deadline:
            return answered
        time.sleep(_LOOK_S)


def report(made: Plan, answered: dict[str, str] | None, *, as_json: bool, dry: bool) -> None:
    """Print what was asked for, what was not, and how it ended where that is known."""
    outcomes = Counter((answered or {}).values())
    told: dict[str, Any] = {
        "requested": 0 if dry else len(made.requests),
        "would_request": len(made.requests) if dry else 0,
        "tried_too_often": len(made.exhausted),
        "counter_rejected": len(made.protected),
        "answered": None if answered is None else len(answered),
        "outcomes": dict(outcomes),
    }
    if as_json:
        print_json(told)
        return
    drawn = table("raw record", "meter", "redriven>", "ends as")
    for request in made.requests[:50]:
        ended = "(not asked)" if dry else (answered or {}).get(request.source, "asked")
        drawn.add_row(request.source.partition("/")[2], request.letter.meter, str(request.attempts), ended)
    if made.requests:
        console().print(drawn)
    if len(made.requests) > 50:
        note(f"and {len(made.requests) - 50} more")
    if dry:
        note(f"{len(made.requests)} would be asked for; nothing was")
    if made.exhausted:
        note(f"{len(made.exhausted)} were redriven {MOST_ATTEMPTS} times already: mend the cause, then --force")
    if made.protected:
        note(f"{len(made.protected)} were turned down by the replay protection: --accept-counter overrules it")
