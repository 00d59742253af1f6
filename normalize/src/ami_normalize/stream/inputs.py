"""What normalization depends on beside the record, in force now: keys, mappings, policies; and routes.

Files are looked at between batches and once a second; what is broken is refused, and the old stays in force.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from structlog.typing import FilteringBoundLogger

from ami_keys.errors import KeysUnreadable
from ami_keys.keystore import FileKeyStore, KeyStore, NoKeyStore
from ami_normalize.errors import MappingInvalid
from ami_normalize.instants import zone_of
from ami_normalize.keys import KeyFile, KeyRing
from ami_normalize.mapping.watched import MappingFiles
from ami_normalize.meter import title_of
from ami_normalize.pipeline import Context
from ami_normalize.registry.records import mapping_record
from ami_normalize.routes.outputs import Routes
from ami_normalize.session_keys import SessionKeys
from ami_normalize.stream.registry_reader import RegistryReader, snapshot
from ami_normalize.stream.routes_in_force import RoutesInForce
from ami_normalize.stream.settings import Settings

_LOOK_EVERY_S = 1.0


class Inputs:
    """The context in force; `refresh` takes over what changed."""

    def __init__(self, settings: Settings, log: FilteringBoundLogger) -> None:
        """Read keys, dialects and routes; raises NormalizeError.

        The registry is read while in `registry.following()`.
        """
        self._log = log
        self._bootstrap = settings.bootstrap
        zone_of(settings.default_zone)
        self._keys = KeyFile(settings.keys) if settings.keys else None
        self._store: KeyStore = FileKeyStore(settings.kek) if settings.kek else NoKeyStore()
        self.registry = RegistryReader(settings.bootstrap, self._store, log)
        self._mappings = MappingFiles(settings.mappings)
        self._routes = RoutesInForce(settings, log)
        self._changing = threading.Lock()
        self.context = Context(
            dialects=self._mappings.dialects,
            unidentified=settings.unidentified,
            default_zone=settings.default_zone,
            registry=self.registry.view,
            session_keys=SessionKeys(self._store),
            keys=KeyRing(timelines=self.registry.view, overlap_us=settings.key_overlap_us),
        )
        if self._keys:
            self.context = replace(self.context, keys=self.context.keys.renewed(keys=self._keys.ring))

    def read_registry(self) -> None:
        """Take the registry over as it stands, once, without following it. Raises KafkaRoomError."""
        self.registry.view = snapshot(self._bootstrap, self._store)
        self.refresh()

    @property
    def missing_mappings(self) -> tuple[Path, ...]:
        """The mappings that do not exist yet."""
        return self._mappings.missing

    @property
    def routes(self) -> Routes:
        """Where readings go beside `ami.readings.v1`."""
        return self._routes.routes

    def keyed(self, meter: bytes) -> bool:
        """Tell whether keys are known of the meter that the key of a raw record names by its system title."""
        title = title_of(meter.decode("utf-8", "replace"))
        return title is not None and self.context.keys.find(title) is not None

    def refresh(self) -> None:
        """Take over what changed in the registry and in files; what is broken is refused, the old stays in force."""
        with self._changing:
            self._refresh_registry()
            self._refresh_keys()
            self._refresh_mappings()

    def _refresh_registry(self) -> None:
        if self.registry.view is self.context.registry:
            return
        view, changes = self.registry.take()
        changed = None if changes.everything else changes.titles
        keys = self.context.keys.renewed(timelines=view, changed=changed)
        self.context = replace(self.context, registry=view, keys=keys)
        self._offer_mapping()

    def _offer_mapping(self) -> None:
        """See that the registry holds the mapping in force, so that it can be replayed when it is no longer."""
        if self.registry.ready.is_set() and self.context.mapping_hash not in self.registry.view.mappings:
            self.registry.want(mapping_record(self.context.dialects))

    def _refresh_mappings(self) -> None:
        try:
            changed = self._mappings.refresh()
        except MappingInvalid as error:
            self._log.warning("mapping refused, the old one stays in force", error=f"{error}")
            return
        if changed:
            self.context = replace(self.context, dialects=self._mappings.dialects)
            self._offer_mapping()
            self._log.info("mapping in force", mapping=self.context.mapping_hash)

    def _refresh_keys(self) -> None:
        try:
            if self._store.refresh():
                self.registry.reopen()
                self.context = replace(self.context, session_keys=SessionKeys(self._store))
                self._log.info("key encryption keys read again", current=self._store.current)
            changed = self._keys is not None and self._keys.refresh()
        except KeysUnreadable as error:
            self._log.warning("keys refused, the old ones stay in force", error=f"{error}")
            return
        if changed and self._keys is not None:
            self.context = replace(self.context, keys=self.context.keys.renewed(keys=self._keys.ring))
            self._log.info("keys read again", meters=len(self._keys.ring))

    @contextmanager
    def attended(self) -> Iterator[None]:
        """Look after changed files also while no records arrive, so that whoever changed one is told at once."""
        done = threading.Event()

        def attend() -> None:
            while not done.wait(_LOOK_EVERY_S):
                self.refresh()
                self._routes.refresh()

        thread = threading.Thread(target=attend, name="changed-files", daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()
