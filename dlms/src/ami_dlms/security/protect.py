"""Cipher an APDU."""

from __future__ import annotations

from enum import Enum

from ami_dlms.apdu.ciphered import GLO_OF, GeneralGloCiphering, ServiceCiphered
from ami_dlms.errors import UsageError
from ami_dlms.security import gcm
from ami_dlms.security.control import Protection, SecurityControl
from ami_dlms.security.keys import Keys


class Form(Enum):
    """The form of a ciphered APDU."""

    GLO = "glo"
    """Service specific, global key: the service tag is replaced (get-request C0 becomes glo-get-request C8)."""
    GENERAL_GLO = "general-glo"
    """Any APDU, global key, with the system title: what pushes use."""


def protect(
    plaintext: bytes,
    *,
    keys: Keys,
    system_title: bytes,
    invocation_counter: int,
    protection: Protection = Protection.AUTHENTICATED_ENCRYPTED,
    suite: int = 0,
    form: Form = Form.GENERAL_GLO,
) -> bytes:
    """Cipher an APDU (Green Book clause 9.2.7.2) and return the whole ciphered APDU.

    `system_title` is the sender's, 8 octets. Raises UsageError where a key is missing, or where the service has no
    ciphered form.
    """
    if len(system_title) != 8:
        raise UsageError(f"a system title has 8 octets, not {len(system_title)}")
    control = SecurityControl(protection, suite).octet
    iv = gcm.nonce(system_title, invocation_counter)
    if protection.authenticated and keys.authentication is None:
        raise UsageError("an authenticated APDU needs the authentication key")
    head = bytes((control,)) + (keys.authentication or b"")
    if protection is Protection.NONE:
        content = plaintext
    elif protection is Protection.AUTHENTICATED:
        content = plaintext + gcm.tag_of(keys.encryption, iv, b"", head + plaintext)
    elif protection is Protection.ENCRYPTED:
        content = gcm.counter_mode(keys.encryption, iv, plaintext)
    else:
        content = gcm.seal(keys.encryption, iv, plaintext, head)
    if form is Form.GENERAL_GLO:
        return GeneralGloCiphering(system_title, control, invocation_counter, content).to_bytes()
    tag = GLO_OF.get(plaintext[0]) if plaintext else None
    if tag is None:
        raise UsageError("this APDU has no service-specific ciphered form; use general-glo-ciphering")
    return ServiceCiphered(tag, control, invocation_counter, content).to_bytes()
