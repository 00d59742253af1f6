"""The ways to a meter: addresses, and links that carry octets with a timeout on every wait."""

from ami_ingest.transport.link import Link
from ami_ingest.transport.opening import open_link

__all__ = ["Link", "open_link"]
