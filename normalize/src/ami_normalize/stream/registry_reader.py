"""The registry as it stands in Kafka: read to its end before anything is processed, followed from then on.

One thread reads, and makes a view of each change; the processor takes the latest view over between two batches. A
Kafka that goes away later changes nothing: what was read stays in force, and what was missed is read when it is back.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from structlog.typing import FilteringBoundLogger

from ami_kafka.followed import FollowedTable
from ami_kafka.table import Row, Table, write
from ami_keys.keystore import KeyStore
from ami_normalize.registry.packed import Changes, RegistryState, RegistryView
from ami_normalize.registry.records import Record
from ami_schemas import topics

_BATCH: Final = 20_000
"""Records of which one view is made, while reading to the end."""
_POLL_S: Final = 0.2
_WRITE_EVERY_S: Final = 30.0
_EVERYTHING: Final = Changes(set(), set(), set(), [], everything=True)


def snapshot(bootstrap: str, store: KeyStore) -> RegistryView:
    """Read the registry to its end, once. Raises KafkaRoomError."""
    state = RegistryState(store)
    with Table(bootstrap, topics.REGISTRY) as table:
        for _ in _read(table, state):
            pass
    return state.view


def record_of(bootstrap: str, key: bytes) -> Record | None:
    """Return the record under a key, None where there is none; reads one partition. Raises KafkaRoomError."""
    found: Record | None = None
    with Table(bootstrap, topics.REGISTRY, only=key) as table:
        while not table.whole:
            for row in table.rows(_POLL_S):
                if row.key == key:
                    found = None if row.value is None else Record(*row)
    return found


def _read(table: Table, state: RegistryState) -> Iterator[Changes]:
    """Read to the end in batches, yielding what each changed."""
    waiting: list[Row] = []
    while not table.whole:
        waiting += table.rows(_POLL_S)
        if len(waiting) >= _BATCH:
            yield state.apply(Record(*row) for row in waiting)
            waiting = []
        else:
            yield Changes.none()
    yield state.apply(Record(*row) for row in waiting)


class RegistryReader:
    """Reads and follows the registry in a thread of its own."""

    def __init__(self, bootstrap: str, store: KeyStore, log: FilteringBoundLogger) -> None:
        """Know nothing yet."""
        self._bootstrap = bootstrap
        self._store = store
        self._log = log
        self._followed = FollowedTable(bootstrap, topics.REGISTRY, self._session, self._in_trouble)
        self._lock = threading.Lock()
        self._reopening = threading.Event()
        self._changes = Changes.none()
        self._wanted: Record | None = None
        self._written = -_WRITE_EVERY_S
        self.view: RegistryView = RegistryState(store).view
        """What is registered, as far as was read to an end."""
        self.ready = threading.Event()
        """Set when the registry was read to its end once."""

    def take(self) -> tuple[RegistryView, Changes]:
        """Return the latest view, and what changed since this was asked last."""
        with self._lock:
            changes, self._changes = self._changes, Changes.none()
            return self.view, changes

    def reopen(self) -> None:
        """Look every key up again: the key store has changed."""
        self._reopening.set()

    def want(self, record: Record) -> None:
        """See that the registry holds a record; it is written in the reader's thread, again until it is there."""
        self._wanted = record

    @contextmanager
    def following(self) -> Iterator[None]:
        """Read and follow as long as this lasts."""
        self._followed.start()
        try:
            yield
        finally:
            self._followed.stop()

    def await_ready(self, stop: threading.Event, on_wait: Callable[[str], None], notice_s: float = 5.0) -> bool:
        """Return True when the registry was read to its end, False when asked to stop before.

        `on_wait` hears every few seconds why it takes long.
        """
        told = time.monotonic()
        while not self.ready.wait(_POLL_S / 2) and not stop.is_set():
            if time.monotonic() - told >= notice_s:
                on_wait(f"the registry is not read to its end yet: {self._followed.trouble}")
                told = time.monotonic()
        return self.ready.is_set()

    def _in_trouble(self, sentence: str) -> None:
        self._log.warning("the registry is not followed at present; it is tried again", error=sentence)

    def _session(self, table: Table, stop: threading.Event) -> None:
        """Read to the end, then follow until something goes wrong."""
        state = RegistryState(self._store)
        for changes in _read(table, state):
            self._complain(changes)
            unread = sorted(table.unread)
            self._followed.trouble = f"{len(state.view)} meters read, partitions {unread} are not at their ends"
            if stop.is_set():
                return
        again = self.ready.is_set()
        self._publish(state, _EVERYTHING if again else Changes.none())
        self._followed.trouble = ""
        self.ready.set()
        self._log.info("registry read", meters=len(state.view), keyed=state.view.keyed)
        while not stop.is_set():
            rows = table.rows(_POLL_S)
            if rows:
                changes = state.apply(Record(*row) for row in rows)
                self._complain(changes)
                self._publish(state, changes)
            if self._reopening.is_set():
                self._reopening.clear()
                state.reopen()
                self._publish(state, _EVERYTHING)
            self._write_wanted()

    def _publish(self, state: RegistryState, changes: Changes) -> None:
        with self._lock:
            self.view = state.view
            self._changes.add(changes)

    def _complain(self, changes: Changes) -> None:
        for problem in changes.problems:
            self._log.warning("a record of the registry cannot be used", error=problem)

    def _write_wanted(self) -> None:
        wanted, now = self._wanted, time.monotonic()
        if wanted is None or now - self._written < _WRITE_EVERY_S:
            return
        content_hash = wanted.key.decode().partition("/")[2]
        if content_hash in self.view.mappings:
            self._wanted = None
            return
        self._written = now
        write(self._bootstrap, topics.REGISTRY, [Row(*wanted)])
