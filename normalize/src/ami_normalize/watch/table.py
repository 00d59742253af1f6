"""The table of meters: in memory, with `ami.watch.v1` as its changelog."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import faust
from faust.types import TP

from ami_normalize.watch.rules.fleet import split_key
from ami_schemas import topics


class MeterTable(faust.Table[bytes, bytes]):
    """Serialized `MeterState` by `<partition>/<meter id>`.

    The key says the partition, so that states can be written at any time, not only while a record of that partition is
    the current one. `written` tells when the changelog has them: Faust commits offsets without waiting for that.
    """

    def __init__(self, app: faust.App, on_recovered: Callable[[frozenset[int]], None]) -> None:
        """Make the table of an app; `on_recovered` hears which partitions are ours from now on."""
        super().__init__(app, name="meters", key_type=bytes, value_type=bytes, store="memory://")
        self._sending: list[asyncio.Future[Any]] = []
        self._on_recovered = on_recovered

    def _changelog_topic_name(self) -> str:
        return topics.WATCH

    def partition_for_key(self, key: bytes) -> int:
        """Return the partition that the key says."""
        return split_key(key)[0]

    def send_changelog(self, *arguments: Any, **named: Any) -> Any:
        """Send a change, and remember that it is on its way."""
        sending = super().send_changelog(*arguments, **named)
        self._sending.append(sending)
        return sending

    async def write(self, changes: Mapping[bytes, bytes | None]) -> None:
        """Make changes and return when the changelog has them; raise what kept it from that."""
        for key, value in changes.items():
            if value is not None:
                self[key] = value
            elif key in self:
                del self[key]
        sending, self._sending = self._sending, []
        await asyncio.gather(*sending)

    async def on_recovery_completed(self, active_tps: set[TP], standby_tps: set[TP]) -> None:
        """Forget the meters of partitions that are not ours any more."""
        await super().on_recovery_completed(active_tps, standby_tps)
        owned = frozenset(tp.partition for tp in active_tps)
        store: Any = self.data
        for key in [key for key in store.data if split_key(key)[0] not in owned]:
            del store.data[key]
        self._on_recovered(owned)
