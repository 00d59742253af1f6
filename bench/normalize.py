"""Raw record with headers in, serialized MeterReadings out: full provenance, ledger on, one core.

Without `--input`: traffic of our own making, 10,000 meters with keys of their own in random order, no message twice,
against the two AES-GCM calls alone and Gurux on the same bytes, and against the generic pipeline. With `--input FILE`:
messages in the format of `ami decode --jsonl`, again and again, each timed from its raw bytes, nothing computed from it
beforehand; repeats are retransmissions.
"""

import json
import random
import time
from argparse import Namespace
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from ami_normalize.collector import settle
from ami_normalize.fast import Normalizer
from ami_normalize.keys import KeyRing, meter_keys
from ami_normalize.ledger import Rule, Windows
from ami_normalize.pipeline import Context, EventsOutcome, Outcomes, Parked, RawRecord, ReadingsOutcome, normalize
from bench import _traffic
from bench._foreign import read
from bench._gurux import gurux_rate
from bench._messages import Meter
from bench._rate import rate
from bench.shapes import bare, prepared

METERS = 10_000
PUSHES, PROFILES, MIXED = 6, 4, 8
"""Messages of a meter; only one in ten sends profiles."""
CHUNK = 1000
GURUX = 200
"""Messages that Gurux is timed on."""
GENERIC = 1000
"""Messages that the generic pipeline is timed on."""


class Traffic(NamedTuple):
    """Messages of one kind."""

    name: str
    sealed: list[tuple[Meter, bytes]]


def run(options: Namespace) -> Iterator[dict[str, Any]]:
    """Measure foreign messages, or our own."""
    if options.input:
        yield foreign(options)
        return
    for traffic in own():
        yield measured(traffic, options)


def own() -> Iterator[Traffic]:
    """Make pushes of ten registers, of load profiles, and mixed traffic of forty shapes with some unknown ones."""
    source = random.Random(1)
    meters = [Meter(number, source) for number in range(METERS)]
    yield Traffic("normalize", _sent(meters, PUSHES, source, Meter.push))
    some = source.sample(meters, METERS // 10)
    yield Traffic("normalize-profile", _sent(some, PROFILES, source, lambda meter: _traffic.profile(meter, source)))
    shapes = _traffic.shapes(source)
    speaks = {meter: source.choice(shapes) for meter in meters}

    def mixed(meter: Meter) -> bytes:
        return _traffic.unknown(meter, source) if source.random() < _traffic.UNKNOWN else speaks[meter](meter)

    yield Traffic("normalize-mixed", _sent(meters, MIXED, source, mixed))


def _sent(meters: Sequence[Meter], times: int, source: random.Random, make: _traffic.Make) -> list[tuple[Meter, bytes]]:
    """Let each meter send as often, in random order; a meter's own counters rise."""
    order = list(meters) * times
    source.shuffle(order)
    return [(meter, make(meter)) for meter in order]


def measured(traffic: Traffic, options: Namespace) -> dict[str, Any]:
    """Measure traffic of our own, and what it is held against in the same run."""
    context = Context(keys=ring({meter for meter, _ in traffic.sealed}))
    records = [_traffic.record(meter, octets, offset) for offset, (meter, octets) in enumerate(traffic.sealed)]
    rule = judge()
    normalizer = Normalizer(context)
    settle()
    outcomes: Counter[str] = Counter()
    warm = len(records) // 2
    for record in records[:warm]:
        outcomes[kind(normalizer.normalize(record, rule))] += 1
    ended, value = timed([(record, normalizer) for record in records[warm:]], rule)
    outcomes += ended
    limit = rate(bare, [prepared(*item) for item in traffic.sealed[:METERS]], options.seconds)
    generic = rate(lambda record: normalize(record, context), records[:GENERIC], options.seconds)
    other = gurux_rate(traffic.sealed[:GURUX], options.seconds)
    result = {
        "name": traffic.name,
        "value": value,
        "unit": "apdu/s",
        "messages": len(records),
        "outcomes": dict(sorted(outcomes.items())),
        "ratio": value / limit,
        "ratio_to": "the two AES-GCM calls alone",
        "ratio_generic": value / generic,
    }
    return result if other is None else {**result, "ratio_gurux": value / other}


def foreign(options: Namespace) -> dict[str, Any]:
    """Measure the messages of a file."""
    messages = read(options.input)
    rule = judge()
    settle()
    outcomes: Counter[str] = Counter()
    lines = []
    for identity, record, normalizer in messages:
        ended = normalizer.normalize(record, rule)
        outcomes[kind(ended)] += 1
        lines += [json.dumps({"id": identity, "hex": octets.hex()}) for octets in serialized(ended)]
    if options.out:
        options.out.write_text("".join(f"{line}\n" for line in lines))
    again = [(message.record, message.normalizer) for message in messages]
    timed(again[: len(again) // 10], rule)
    done, spent = 0, 0.0
    while spent < options.seconds:
        _, value = timed(again, rule)
        done, spent = done + len(again), spent + len(again) / value
    value = done / spent
    return {
        "name": "normalize",
        "value": value,
        "unit": "apdu/s",
        "messages": len(messages),
        "outcomes": dict(sorted(outcomes.items())),
    }


def timed(work: Sequence[tuple[RawRecord, Normalizer]], rule: Rule) -> tuple[Counter[str], float]:
    """Normalize records; count how they ended, and return records per second of process time.

    Each thousand is made anew before it is timed: a consumer hands records over that were just received.
    """
    ended: Counter[str] = Counter()
    spent = 0.0
    for begin in range(0, len(work), CHUNK):
        chunk = [(_received(record), normalizer) for record, normalizer in work[begin : begin + CHUNK]]
        began = time.process_time()
        found = [normalizer.normalize(record, rule) for record, normalizer in chunk]
        spent += time.process_time() - began
        ended.update(map(kind, found))
    return ended, len(work) / spent


def _received(record: RawRecord) -> RawRecord:
    told = {name: bytes(bytearray(value)) for name, value in record.headers.items()}
    return record._replace(key=bytes(bytearray(record.key or b"")), value=bytes(bytearray(record.value)), headers=told)


def judge() -> Rule:
    """Return the replay protection of one partition."""
    windows = Windows("bench")
    return lambda proof: windows.judge(0, proof.key, proof.counter, proof.tag)


def serialized(outcomes: Outcomes) -> list[bytes]:
    """Return the MeterReadings as they go to Kafka."""
    return [message for outcome in outcomes if isinstance(outcome, ReadingsOutcome) for message in outcome.messages]


def kind(outcomes: Outcomes) -> str:
    """Return the one name of how a record ends: readings before events before parked before rejected."""
    names = {ReadingsOutcome: "readings", EventsOutcome: "events", Parked: "parked"}
    return next((name for of, name in names.items() if any(isinstance(item, of) for item in outcomes)), "rejected")


def ring(meters: set[Meter]) -> KeyRing:
    """Return the keys of our meters."""
    return KeyRing(
        {
            meter.system_title: meter_keys(
                {"guek": meter.keys.encryption.hex(), "gak": (meter.keys.authentication or b"").hex()}, "bench"
            )
            for meter in meters
        }
    )
