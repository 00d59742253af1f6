"""Raw record with headers in, serialized MeterReadings out, full provenance, on one core.

Without `--input`: messages of our own making, each meter with its own keys, in random order, against the two AES-GCM
calls alone on the same bytes. With `--input FILE`: messages in the format of `ami decode --jsonl`.
"""

import json
import random
from argparse import Namespace
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from ami_dlms import apdu
from ami_normalize.keys import KeyRing, meter_keys
from ami_normalize.offline import to_record, with_keys
from ami_normalize.pipeline import Context, EventsOutcome, Outcomes, Parked, RawRecord, ReadingsOutcome, normalize
from ami_schemas import topics
from bench._cipher import cipher
from bench._messages import Meter, wrapper
from bench._rate import rate

METERS = 10_000


class Message(NamedTuple):
    """A raw record and what is in force for it."""

    identity: object
    record: RawRecord
    context: Context


def run(options: Namespace) -> Iterator[dict[str, Any]]:
    """Measure foreign messages, or our own."""
    if options.input:
        yield measure("normalize", foreign(options.input), options)
        return
    source = random.Random(1)
    for kind, name in (("push", "normalize"), ("profile", "normalize-profile")):
        meters = [Meter(number, source) for number in range(METERS if kind == "push" else METERS // 10)]
        sealed = [(meter, getattr(meter, kind)()) for meter in meters]
        source.shuffle(sealed)
        result = measure(name, own(sealed), options)
        limit = rate(cipher, [(meter, apdu.decode(octets)) for meter, octets in sealed], options.seconds)
        yield {**result, "ratio": result["value"] / limit, "ratio_to": "the two AES-GCM calls alone"}


def measure(name: str, messages: list[Message], options: Namespace) -> dict[str, Any]:
    """Normalize all messages again and again; count how they end."""
    outcomes: Counter[str] = Counter()
    lines = []
    for message in messages:
        ended = normalize(message.record, message.context)
        outcomes[kind(ended)] += 1
        lines += [json.dumps({"id": message.identity, "hex": octets.hex()}) for octets in serialized(ended)]
    if options.out:
        options.out.write_text("".join(f"{line}\n" for line in lines))
    return {
        "name": name,
        "value": rate(lambda item: serialized(normalize(item.record, item.context)), messages, options.seconds),
        "unit": "apdu/s",
        "messages": len(messages),
        "outcomes": dict(sorted(outcomes.items())),
    }


def serialized(outcomes: Outcomes) -> list[bytes]:
    """Return the MeterReadings as they go to Kafka."""
    return [message for outcome in outcomes if isinstance(outcome, ReadingsOutcome) for message in outcome.messages]


def kind(outcomes: Outcomes) -> str:
    """Return the one name of how a record ends: readings before events before parked before rejected."""
    names = {ReadingsOutcome: "readings", EventsOutcome: "events", Parked: "parked"}
    return next((name for of, name in names.items() if any(isinstance(item, of) for item in outcomes)), "rejected")


def foreign(path: Path) -> list[Message]:
    """Read messages of a file; a line that is none is left out and said."""
    base = Context()
    messages = []
    for line in path.read_text().splitlines():
        if line.strip():
            message = json.loads(line)
            messages.append(Message(message.get("id"), to_record(message), with_keys(message.get("keys"), base)))
    return messages


def own(sealed: list[tuple[Meter, bytes]]) -> list[Message]:
    """Make the raw records an agent would have made, and one key ring for all meters."""
    ring = KeyRing(
        {
            meter.system_title: meter_keys(
                {"guek": meter.keys.encryption.hex(), "gak": (meter.keys.authentication or b"").hex()}, "bench"
            )
            for meter, _ in sealed
        }
    )
    context = Context(keys=ring)
    return [
        Message(
            offset,
            RawRecord(
                topics.RAW,
                0,
                offset,
                b"st-" + meter.system_title.hex().encode(),
                wrapper(octets),
                {
                    "ce_id": b"bench/0/%d" % offset,
                    "ce_time": b"2026-01-01T00:00:00.000000Z",
                    "ami-framing": b"wrapper",
                    "ami-transport": b"tcp",
                    "ami-exchange": b"push",
                    "ami-agent": b"bench",
                    "ami-system-title": meter.system_title.hex().encode(),
                },
            ),
            context,
        )
        for offset, (meter, octets) in enumerate(sealed)
    ]
