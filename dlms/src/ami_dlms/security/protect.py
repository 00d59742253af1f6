"""Cipher an APDU."""

from __future__ import annotations

from enum import Enum

from ami_dlms.apdu.ciphered import (
    DED_OF,
    GENERAL_DED,
    GENERAL_GLO,
    GLO_OF,
    GeneralCiphering,
    GeneralGloCiphering,
    ServiceCiphered,
)
from ami_dlms.apdu.general import GeneralHeader
from ami_dlms.errors import UsageError
from ami_dlms.security import gcm
from ami_dlms.security.control import Protection, SecurityControl
from ami_dlms.security.keys import KeyProvider, KeySet
from ami_dlms.security.session import SessionKey
from ami_dlms.security.suites import KEY_LENGTHS


class Form(Enum):
    """The form of a ciphered APDU."""

    GLO = "glo"
    """Service specific, global key: the service tag is replaced (get-request C0 becomes glo-get-request C8)."""
    GENERAL_GLO = "general-glo"
    """Any APDU, global key, with the system title: what pushes use."""
    DED = "ded"
    """Service specific, dedicated key (get-request C0 becomes ded-get-request D0)."""
    GENERAL_DED = "general-ded"
    """Any APDU, dedicated key, with the system title."""
    GENERAL_CIPHERING = "general-ciphering"
    """Any APDU between two named parties: see `protect_general`."""

    @property
    def dedicated(self) -> bool:
        """Whether the dedicated key is used."""
        return self in (Form.DED, Form.GENERAL_DED)

    @property
    def general(self) -> bool:
        """Whether it is one of the general protection APDUs, which both sides must offer."""
        return self in (Form.GENERAL_GLO, Form.GENERAL_DED, Form.GENERAL_CIPHERING)


def protect(
    plaintext: bytes,
    *,
    keys: KeyProvider,
    system_title: bytes,
    invocation_counter: int,
    protection: Protection = Protection.AUTHENTICATED_ENCRYPTED,
    suite: int = 0,
    form: Form = Form.GENERAL_GLO,
    broadcast: bool = False,
    recipient: bytes = b"",
) -> bytes:
    """Cipher an APDU (Green Book clause 9.2.7.2) and return the whole ciphered APDU.

    `system_title` is the sender's, 8 octets. `recipient` is the partner's, by which a provider of many partners finds
    the keys. `broadcast` uses the broadcast key. Raises UsageError where a key does not fit, or where the service has
    no ciphered form; NeedKey where the provider has no key.
    """
    if len(system_title) != 8:
        raise UsageError(f"a system title has 8 octets, not {len(system_title)}")
    if form is Form.GENERAL_CIPHERING:
        raise UsageError("general-ciphering names both parties; use protect_general")
    if form.dedicated and broadcast:
        raise UsageError("a dedicated key has one partner; a broadcast goes under the global broadcast key")
    key_set = KeySet.DEDICATED if form.dedicated else KeySet.BROADCAST if broadcast else KeySet.UNICAST
    key = keys.encryption_key(recipient, key_set)
    control = SecurityControl(protection, suite, broadcast).octet
    iv = gcm.nonce(system_title, invocation_counter)
    authentication = _authentication(keys, recipient, protection)
    content = _seal(plaintext, key, iv, head=bytes((control,)) + authentication)
    if form.general:
        general = GENERAL_DED if form.dedicated else GENERAL_GLO
        return GeneralGloCiphering(system_title, control, invocation_counter, content, general).to_bytes()
    tag = (DED_OF if form.dedicated else GLO_OF).get(plaintext[0]) if plaintext else None
    if tag is None:
        raise UsageError("this APDU has no service-specific ciphered form; use general-glo-ciphering")
    return ServiceCiphered(tag, control, invocation_counter, content).to_bytes()


def protect_general(
    plaintext: bytes,
    *,
    session: SessionKey,
    keys: KeyProvider,
    header: GeneralHeader,
    invocation_counter: int,
    protection: Protection = Protection.AUTHENTICATED_ENCRYPTED,
    suite: int = 0,
) -> bytes:
    """Cipher an APDU between two named parties and return the general-ciphering APDU.

    `session` is made by `ami_dlms.security.session`; `keys` give the authentication key. Errors are those of `protect`.
    """
    title = header.originator_system_title
    if len(title) != 8:
        raise UsageError(f"a system title has 8 octets, not {len(title)}")
    control = SecurityControl(protection, suite).octet
    iv = gcm.nonce(title, invocation_counter)
    authentication = _authentication(keys, header.recipient_system_title, protection)
    head = bytes((control,)) + authentication + header.to_bytes()
    content = _seal(plaintext, session.key, iv, head=head)
    return GeneralCiphering(header, session.info, control, invocation_counter, content).to_bytes()


def _authentication(keys: KeyProvider, recipient: bytes, protection: Protection) -> bytes:
    if not protection.authenticated:
        return b""
    key = keys.authentication_key(recipient)
    if key is None:
        raise UsageError("an authenticated APDU needs the authentication key")
    return key


def _seal(plaintext: bytes, key: bytes, iv: bytes, *, head: bytes) -> bytes:
    """Return the ciphertext and, where authenticated, the tag.

    `head` is authenticated in front of the APDU; it begins with the security control, which tells what to do.
    """
    protection, suite, _ = SecurityControl.from_octet(head[0])
    if protection is Protection.NONE:
        return plaintext
    if suite == 2 and len(key) != KEY_LENGTHS[suite]:
        raise UsageError(f"security suite 2 needs keys of 32 octets, not {len(key)}")
    if protection is Protection.AUTHENTICATED:
        return plaintext + gcm.tag_of(key, iv, b"", head + plaintext)
    if protection is Protection.ENCRYPTED:
        return gcm.counter_mode(key, iv, plaintext)
    return gcm.seal(key, iv, plaintext, head)
