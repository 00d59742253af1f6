"""Names of the topics, as `deploy/topics.yaml` declares them."""

from typing import Final

RAW: Final = "ami.raw.v1"
"""What meters said, as received. Everything else can be made again from it."""

READINGS: Final = "ami.readings.v1"
"""`ami.readings.v1.MeterReadings`, keyed by meter id."""

EVENTS: Final = "ami.events.v1"
"""`ami.events.v1.MeterEvents`, keyed by meter id."""

DEAD_LETTERS: Final = "ami.dlq.v1"
"""Raw records that cannot be understood, byte-identical, with the reason in `dlq.*` headers."""

PARKED: Final = "ami.parked.v1"
"""Raw records waiting for a key, a mapping or an identity, byte-identical, with the reason in `dlq.*` headers."""

LEDGER: Final = "ami.ledger.v1"
"""Progress of each processor group and, per key, the replay protection. Compacted."""

REGISTRY: Final = "ami.registry.v1"
"""Meters, key timelines, mapping versions. Compacted."""

WATCH: Final = "ami.watch.v1"
"""What `ami watch` remembers of each meter (`ami.watch.v1.MeterState`): the changelog of its table. Compacted."""

ROUTES: Final = "mdms."
"""Readings for one consumer, as a route chooses and forms them: `mdms.<name>.v1`, keyed by meter id."""


def route(name: str) -> str:
    """Return the topic of a route."""
    return f"{ROUTES}{name}.v1"
