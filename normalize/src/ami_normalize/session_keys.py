"""The dedicated keys that come with raw records, opened by the key store."""

from __future__ import annotations

from typing import Final

from ami_keys.keystore import KeyStore, NoKeyStore
from ami_keys.session_key import unwrap_session_key
from ami_normalize.recent import Recent

_MOST_OPEN: Final = 8192


class SessionKeys:
    """Opens the header `ami-session-key`. The records of an association carry the same: what was opened stays so."""

    def __init__(self, store: KeyStore) -> None:
        """Open by `store`."""
        self._store = store
        self._open: Recent[tuple[bytes, bytes], bytes] = Recent(_MOST_OPEN)

    def open(self, value: bytes, system_title: bytes) -> bytes:
        """Return the dedicated key of a meter that a header's value holds.

        Raises SessionKeyMalformed, KeyUnavailable and KeyStoreAway.
        """
        found = self._open.get((value, system_title))
        if found is None:
            found = unwrap_session_key(value, system_title, self._store)
            self._open.put((value, system_title), found)
        return found


NO_SESSION_KEYS: Final = SessionKeys(NoKeyStore())
"""Opens none."""
