"""General-glo-ciphering and glo-* APDUs in their usual form, opened without an object in between.

    DB 08 title(8) length control counter(4) content        tag length control counter(4) content

`unprotect` takes any ciphered APDU: the usual form on a short way, everything else, errors included, by the generic
decoder and `ami_dlms.security.unprotect`.
"""

from __future__ import annotations

from hmac import compare_digest
from typing import Final

from ami_dlms import apdu
from ami_dlms.apdu import GeneralCiphering, GeneralGloCiphering, ServiceCiphered
from ami_dlms.apdu.ciphered import GLO_OF
from ami_dlms.errors import ApduUnknown
from ami_dlms.security import KeyProvider, Keys, KeySet, Protection, Unprotected, gcm
from ami_dlms.security import unprotect as unprotect_generic

_USUAL: Final = b"\xdb\x08"
_ENCRYPTED: Final = frozenset({0x20, 0x21})
_SEALED: Final = {0x30: b"\x30", 0x31: b"\x31"}
"""Security controls of suites 0 and 1 under the unicast key: encrypted, and also authenticated."""
_UNICAST: Final = KeySet.UNICAST
_ENCRYPTED_ONLY: Final = Protection.ENCRYPTED
_AUTHENTICATED_ENCRYPTED: Final = Protection.AUTHENTICATED_ENCRYPTED
"""Looked up once: members of an enum are slow to reach."""
_SHORTEST: Final = 10 + 1 + 5
"""Octets in front of the content of general-glo-ciphering, at least."""
_SHORTEST_SEALED: Final = 5 + 12
"""Security header and tag."""
_SERVICES: Final = frozenset(GLO_OF.values())

_new: Final = tuple.__new__


def system_title(message: bytes) -> bytes | None:
    """Return whose keys open a message of the usual form; None of other forms, which the generic decoder reads."""
    return message[2:10] if message.startswith(_USUAL) and len(message) >= _SHORTEST else None


class Seal:
    """Opens the authenticated and encrypted messages of one meter: what its keys come to is computed once.

    A seal holds a cipher of about 2.5 KB.
    """

    __slots__ = ("_authentication", "_cipher", "_title")

    def __init__(self, title: bytes, encryption: bytes, authentication: bytes) -> None:
        """Open messages of a system title under its global unicast keys."""
        self._title = title
        self._cipher = gcm.cipher(encryption)
        self._authentication = authentication

    def open(self, message: bytes) -> tuple[bytes, bytes] | None:
        """Return plaintext and invocation counter (4 octets) of a general-glo-ciphered message of this title.

        None where its form is not the usual one or its tag is wrong: `unprotect` opens it, or says why not.
        """
        if len(message) < _SHORTEST:
            return None
        length, at = message[10], 11
        if length == 0x82:
            length, at = message[11] << 8 | message[12], 13
        elif length == 0x81:
            length, at = message[11], 12
        control = _SEALED.get(message[at])
        if control is None or length != len(message) - at or length < _SHORTEST_SEALED:
            return None
        content = at + 5
        counter = message[at + 1 : content]
        iv = self._title + counter
        encrypt = self._cipher.encrypt
        plaintext = encrypt(iv, message[content:-12], None)[:-16]
        if not compare_digest(encrypt(iv, plaintext, control + self._authentication)[-16:-4], message[-12:]):
            return None
        return plaintext, counter


def unprotect(message: bytes, keys: KeyProvider, title: bytes | None = None, *, verify: bool = True) -> Unprotected:
    """Open a ciphered APDU: `ami_dlms.security.unprotect(ami_dlms.apdu.decode(message), keys, title, verify=verify)`.

    The result is the same, and so are the errors; also those of the generic decoder. Raises ApduUnknown for an APDU
    that is not ciphered.
    """
    if len(message) >= _SHORTEST:
        if message[0] == 0xDB and message[1] == 8:
            title, at = message[2:10], 11
        elif title is not None and len(title) == 8 and message[0] in _SERVICES:
            at = 2
        else:
            return _unusual(message, keys, title, verify=verify)
        length = message[at - 1]
        if length == 0x82:
            length, at = message[at] << 8 | message[at + 1], at + 2
        elif length == 0x81:
            length, at = message[at], at + 1
        elif length > 0x7F:
            length = 0  # longer lengths are the generic decoder's
        content = at + 5
        if length == len(message) - at and length >= 5:
            control = message[at]
            iv = title + message[at + 1 : content]
            if control in _SEALED:
                if type(keys) is Keys:
                    encryption, authentication = keys.encryption, keys.authentication
                else:
                    encryption, authentication = keys.encryption_key(title, _UNICAST), keys.authentication_key(title)
                if authentication is not None and length >= 17:
                    encrypt = gcm.cipher(encryption).encrypt
                    plaintext = encrypt(iv, message[content:-12], None)[:-16]
                    expected = encrypt(iv, plaintext, _SEALED[control] + authentication)[-16:-4]
                    if compare_digest(expected, message[-12:]):
                        return _new(Unprotected, (plaintext, _AUTHENTICATED_ENCRYPTED, True))
            elif control in _ENCRYPTED:
                encryption = keys.encryption_key(title, _UNICAST)
                return Unprotected(gcm.counter_mode(encryption, iv, message[content:]), _ENCRYPTED_ONLY, verified=False)
    return _unusual(message, keys, title, verify=verify)


def _unusual(message: bytes, keys: KeyProvider, title: bytes | None, *, verify: bool) -> Unprotected:
    sealed = apdu.decode(message)
    if not isinstance(sealed, (GeneralGloCiphering, GeneralCiphering, ServiceCiphered)):
        raise ApduUnknown(f"{message[0]:#04x} begins no ciphered APDU", offset=0)
    return unprotect_generic(sealed, keys, title, verify=verify)
