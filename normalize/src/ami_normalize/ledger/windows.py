"""All windows of a processor, by partition: a copy of what the ledger topic keeps.

What a batch changes is provisional until its transaction is committed, and forgotten when it is aborted.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import Final

from ami_kafka.loop import LedgerRecord, Output
from ami_normalize.ledger import window
from ami_normalize.ledger.window import Ruling, Window
from ami_schemas import topics

_new: Final = tuple.__new__
"""Makes a named tuple at half the price of calling its class."""
_TITLE: Final = 8
_PREFIX: Final = "window/"
_GONE: Final = b""
"""The window of a key that was reset."""

Key = bytes
"""What a counter belongs to: the system title, eight octets, and the key version (`pipeline.freshness.Proof.key`)."""


def record_key(group: str, key: Key) -> bytes:
    """Give the key of a window's record: `window/<group>/<system title, hex>/<key version>`."""
    return f"{_PREFIX}{group}/{key[:_TITLE].hex()}/".encode() + key[_TITLE:]


class Windows:
    """The windows of the partitions owned."""

    def __init__(self, group: str) -> None:
        """Hold nothing yet; `group` tells the ledger's records of this normalizer from others'."""
        self._group = group
        self._prefix = f"{_PREFIX}{group}/".encode()
        self._known: dict[int, dict[Key, bytes]] = {}
        self._changed: dict[int, dict[Key, bytes]] = {}

    def __len__(self) -> int:
        return sum(len(known) for known in self._known.values())

    def judge(self, partition: int, key: Key, counter: int, tag: bytes) -> Ruling:
        """Judge the counter of a message with a verified tag, of which `tag` is the first four octets."""
        changed = self._changed.get(partition)
        if changed is None:
            changed = self._changed[partition] = {}
        state = changed.get(key)
        if state is None:
            known = self._known.get(partition)
            state = known.get(key) if known is not None else None
        after, ruling = window.judge(state or None, counter, tag)
        if after is not state:
            changed[key] = after
        return ruling

    def holds(self, partition: int, key: Key) -> bool:
        """Tell whether a tag of this meter and key version was verified before."""
        return bool(self._state(partition, key))

    def mark(self, partition: int, key: Key, counter: int, tag: bytes) -> Output | None:
        """Note a counter as seen, without a verdict; give the ledger's record where that changes its window."""
        state = self._state(partition, key)
        after = window.mark(state or None, counter, tag)
        return self._change(partition, key, after) if after != state else None

    def reset(self, partition: int, key: Key, highest: int) -> Output | None:
        """Forget what was seen of a key; give the ledger's record, None where `highest` is not its highest counter."""
        state = self._state(partition, key)
        return self._change(partition, key, _GONE) if state and Window.of(state).highest == highest else None

    def _state(self, partition: int, key: Key) -> bytes:
        state = self._changed.get(partition, {}).get(key)
        return self._known.get(partition, {}).get(key, _GONE) if state is None else state

    def _change(self, partition: int, key: Key, state: bytes) -> Output:
        self._changed.setdefault(partition, {})[key] = state
        return Output(topics.LEDGER, partition, self._record_key(key), state or None, [])

    def outputs(self) -> Iterator[Output]:
        """Yield the ledger's records of all windows changed since the last commit, one a window."""
        topic, record_key = topics.LEDGER, self._record_key
        for partition, changed in self._changed.items():
            for key, state in changed.items():
                yield _new(Output, (topic, partition, record_key(key), state or None, []))

    def restore(self, partition: int, records: Iterable[LedgerRecord]) -> list[bytes]:
        """Take over what the ledger holds, return the system titles; what is no window of this group is passed over."""
        known = self._known.setdefault(partition, {})
        length = len(self._prefix)
        titles = []
        for name, value in records:
            if not name.startswith(self._prefix):
                continue
            title, _, version = name[length:].partition(b"/")
            key = bytes.fromhex(title.decode("ascii")) + version
            if value is None:
                known.pop(key, None)
            else:
                known[key] = window.restored(value)
                titles.append(key[:_TITLE])
        return titles

    def release(self, partitions: Collection[int]) -> None:
        """Forget partitions."""
        for partition in partitions:
            self._known.pop(partition, None)
            self._changed.pop(partition, None)

    def committed(self) -> None:
        """Keep what changed."""
        for partition, changed in self._changed.items():
            known = self._known.setdefault(partition, {})
            known.update(changed)
            for key in [key for key, state in changed.items() if not state]:
                del known[key]
        self._changed.clear()

    def aborted(self) -> None:
        """Forget what changed."""
        self._changed.clear()

    def _record_key(self, key: Key) -> bytes:
        return self._prefix + key[:_TITLE].hex().encode() + b"/" + key[_TITLE:]
