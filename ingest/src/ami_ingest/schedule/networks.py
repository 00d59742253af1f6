"""Which bottleneck a meter shares with others: the network of the inventory, or a line or address they are all at."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection

from ami_ingest.config.model import Meter, Network


def networks_of(meters: Collection[Meter]) -> dict[str, Network]:
    """Return the network of each meter that has one: its own, or the line or address that it shares with others."""
    sharing = Counter(meter.address.location for meter in meters if not meter.address.scheme.is_call_in)
    found: dict[str, Network] = {}
    for meter in meters:
        if meter.network is not None:
            found[meter.id] = meter.network
        elif sharing[meter.address.location] > 1:
            at_once = 1 if meter.address.line is not None else meter.link.cell_concurrency or 1
            found[meter.id] = Network(f"at {meter.address.location}", at_once)
    return found
