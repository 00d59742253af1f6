"""What the ledger topic holds of a meter's counters, read once, up to now."""

from __future__ import annotations

from typing import NamedTuple

from ami_kafka import clients
from ami_kafka.check import check, metadata
from ami_kafka.follow import Follower, Where
from ami_kafka.offsets import bounds
from ami_normalize.ledger.window import Window
from ami_schemas import topics

_WINDOW = "window"
_AT_ONCE = 5000


class Held(NamedTuple):
    """A window as the ledger holds it."""

    partition: int
    group: str
    system_title: bytes
    key_version: str
    window: Window


def held(bootstrap: str, system_title: bytes) -> list[Held]:
    """Return the windows of a system title; raises KafkaUnavailable, TopicMissing or KafkaException."""
    check(bootstrap, topics=[topics.LEDGER])
    numbers = sorted(metadata(bootstrap).topics[topics.LEDGER].partitions)
    ends = bounds(clients.admin(bootstrap), topics.LEDGER, numbers)
    unread = {Where(topics.LEDGER, number) for number, each in ends.items() if each.high > each.low}
    found: dict[tuple[int, bytes], bytes | None] = {}
    follower = Follower(bootstrap, "ami-ledger")
    try:
        follower.follow(dict.fromkeys(unread))
        while unread:
            records, reached = follower.take(_AT_ONCE, 1.0)
            for record in records:
                found[record.where.partition, record.key or b""] = record.value
            unread -= {where for where, end in reached.items() if end >= ends[where.partition].high}
    finally:
        follower.close()
    title = system_title.hex()
    shown = []
    for (partition, key), value in sorted(found.items()):
        kind, _, rest = key.decode("utf-8", "replace").partition("/")
        group, _, named = rest.partition(f"/{title}/")
        if kind == _WINDOW and named and value:
            shown.append(Held(partition, group, system_title, named, Window.of(value)))
    return shown
