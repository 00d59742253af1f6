"""What goes wrong with the files that hold keys; what a key store says of one key is in `keystore`."""

from __future__ import annotations


class KeysUnreadable(Exception):
    """The key file is missing, open to others, or not in its form; the text says why and what to do."""

    reason = "KEYS_UNREADABLE"
