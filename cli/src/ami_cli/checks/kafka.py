"""The broker and our topics on it."""

from __future__ import annotations

from collections.abc import Iterator

from ami_cli.checks.finding import Finding, Level, from_error


def kafka(bootstrap: str) -> Iterator[Finding]:
    """Ask the broker, and look for our topics on it."""
    try:
        from ami_kafka.check import metadata as cluster
        from ami_kafka.topics import load

        found = cluster(bootstrap)
    except Exception as error:  # noqa: BLE001 - a check reports, whatever happened
        yield from_error(Level.FAIL, "Kafka", error)
        return
    brokers = len(found.brokers)
    yield Finding(Level.OK, "Kafka", f"{bootstrap}, {brokers} broker" + ("s" if brokers != 1 else ""))
    declared = load()
    missing = [topic.name for topic in declared if topic.name not in found.topics]
    differing = [
        f"{topic.name} has {len(found.topics[topic.name].partitions)} partitions, not {topic.partitions}"
        for topic in declared
        if topic.name in found.topics and len(found.topics[topic.name].partitions) != topic.partitions
    ]
    if missing:
        yield Finding(Level.FAIL, "topics", f"missing: {', '.join(missing)}", "ami topics apply")
    elif differing:
        yield Finding(Level.FAIL, "topics", "; ".join(differing), "all topics keyed by meter need the same count")
    else:
        yield Finding(Level.OK, "topics", f"{len(declared)} as declared")
