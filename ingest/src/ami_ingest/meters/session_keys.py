"""The keys that associations have of their own, wrapped for who normalizes what is read under them."""

from __future__ import annotations

import asyncio
from pathlib import Path

from structlog.typing import FilteringBoundLogger

from ami_ingest.errors import SessionKeyFailed
from ami_keys.errors import KeysUnreadable
from ami_keys.keystore import FileKeyStore, KeyStore, KeyStoreAway, KeyUnavailable
from ami_keys.session_key import wrap_session_key


class SessionKeys:
    """Wraps by the key store of a file, as it is now: it is read again when it changes."""

    def __init__(self, path: Path | None, log: FilteringBoundLogger) -> None:
        """Take the file of `key_store`; None: there is none."""
        self._log = log
        self._path: Path | None = None
        self._store: KeyStore | None = None
        self._one_at_a_time = asyncio.Lock()
        self.use(path)

    def use(self, path: Path | None) -> None:
        """Wrap by another file from now on."""
        if path == self._path:
            return
        self._path, self._store = path, None
        if path is not None:
            try:
                self._store = FileKeyStore(path)
            except KeysUnreadable as error:  # it was in order when the configuration was read
                self._log.error("the key store is refused: no dedicated key is wrapped", error=str(error))

    async def wrap(self, key: bytes, system_title: bytes | None) -> bytes:
        """Return the header's value for the dedicated key of a meter. Raises SessionKeyFailed."""
        if system_title is None:
            raise SessionKeyFailed(
                "Session Key Not Wrapped (the meter states no system title)",
                "write its system_title in the inventory",
                "a wrapped key is bound to its meter",
            )
        async with self._one_at_a_time:
            return await asyncio.to_thread(self._wrap, key, system_title)

    def _wrap(self, key: bytes, system_title: bytes) -> bytes:
        if self._store is None:
            raise SessionKeyFailed(
                "Session Key Not Wrapped (no key store)",
                "write key_store: FILE, the file of key encryption keys that the normalizers hold",
                "without it no normalizer could open what this meter answers",
            )
        self._refresh(self._store)
        try:
            return wrap_session_key(key, system_title, self._store)
        except (KeyUnavailable, KeyStoreAway) as error:
            raise SessionKeyFailed(
                f"Session Key Not Wrapped ({error})",
                "see that the key store answers; nothing is read until it does",
                "without it no normalizer could open what this meter answers",
            ) from None

    def _refresh(self, store: KeyStore) -> None:
        try:
            if store.refresh():
                self._log.info("key encryption keys read again", current=store.current)
        except KeysUnreadable as error:
            self._log.warning("key encryption keys refused, the old ones stay in force", error=str(error))
