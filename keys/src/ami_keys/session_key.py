"""The dedicated key of an association as it travels: wrapped, in the header `ami-session-key` of its raw records.

Who reads a meter draws a new key for each association (Green Book clause 9.2.3.3). It protects what the meter
answers, and nothing but the header tells it to who normalizes. The value is `ami.raw.v1.SessionKey`.
"""

from __future__ import annotations

from typing import Final

from google.protobuf.message import DecodeError

from ami.raw.v1.session_key_pb2 import SessionKey
from ami_keys.keystore import KeyStore, Wrapped
from ami_keys.names import key_name, version_of

KIND: Final = "dedicated"
"""What a session key is bound to as, beside its meter and version."""
_LENGTHS: Final = frozenset({16, 32})


class SessionKeyMalformed(Exception):
    """A header's value holds no wrapped session key."""


def wrap_session_key(key: bytes, system_title: bytes, store: KeyStore) -> bytes:
    """Return the header's value for the dedicated key of a meter. Raises KeyUnavailable and KeyStoreAway."""
    version = version_of(KIND, key)
    wrapped = store.wrap(key, key_name(system_title, KIND, version))
    message = SessionKey(kek_id=wrapped.kek_id, nonce=wrapped.nonce, ciphertext=wrapped.ciphertext, version=version)
    return message.SerializeToString(deterministic=True)


def unwrap_session_key(value: bytes, system_title: bytes, store: KeyStore) -> bytes:
    """Return the dedicated key that a header's value holds for a meter.

    Raises SessionKeyMalformed, KeyUnavailable (the key encryption key is not held, or it was wrapped for another
    meter) and KeyStoreAway.
    """
    message = _message(value)
    if not (message.kek_id and message.nonce and message.ciphertext and message.version):
        raise SessionKeyMalformed("key encryption key, nonce, ciphertext or version is missing")
    wrapped = Wrapped(message.kek_id, message.nonce, message.ciphertext)
    key = store.unwrap(wrapped, key_name(system_title, KIND, message.version))
    if len(key) not in _LENGTHS:
        raise SessionKeyMalformed(f"the key in it has {len(key)} octets; 16 or 32 are right")
    return key


def kek_of(value: bytes) -> str:
    """Return the id of the key encryption key that a header's value needs. Raises SessionKeyMalformed."""
    return _message(value).kek_id


def _message(value: bytes) -> SessionKey:
    try:
        return SessionKey.FromString(value)
    except DecodeError:
        raise SessionKeyMalformed("it is no message of its form") from None
