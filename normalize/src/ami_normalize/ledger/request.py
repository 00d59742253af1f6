"""Ask the owner of a partition to forget what it has seen of a meter's counter.

Only the owner writes its ledger. So a request is a record of `ami.parked.v1`, in the partition of the window: no value,
no `ami-source`, and a header that names the window by its highest counter. It is answered when the ledger holds another
window or none: a request that is heard again later, of a window that has gone on, does nothing.
"""

from __future__ import annotations

from typing import NamedTuple

from ami_kafka.loop import Output
from ami_schemas import headers, topics

_TITLE_OCTETS = 8


class ResetRequest(NamedTuple):
    """Whose window is to be forgotten."""

    system_title: bytes
    key_version: str
    highest: int
    """Its highest counter."""

    @property
    def key(self) -> bytes:
        """What the counter belongs to, as `pipeline.freshness.Proof.key`."""
        return self.system_title + self.key_version.encode()

    def record(self, group: str, partition: int) -> Output:
        """Return the record that asks the normalizers of a group."""
        title = self.system_title.hex()
        told = f"{title}/{self.key_version}/{self.highest}"
        found = [(headers.RESET_COUNTER, told.encode()), (headers.DLQ_GROUP, group.encode())]
        return Output(topics.PARKED, partition, f"st-{title}".encode(), None, found)

    @classmethod
    def read(cls, header: bytes) -> ResetRequest | None:
        """Read the header; None where it is none."""
        title, _, rest = header.decode("utf-8", "replace").partition("/")
        version, _, highest = rest.rpartition("/")
        try:
            found = cls(bytes.fromhex(title), version, int(highest))
        except ValueError:
            return None
        return found if len(found.system_title) == _TITLE_OCTETS else None
