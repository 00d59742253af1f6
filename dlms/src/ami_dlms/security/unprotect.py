"""Open a ciphered APDU: the tag is verified before anything looks inside."""

from __future__ import annotations

from typing import NamedTuple

from ami_dlms.apdu.ciphered import UNDER_DEDICATED_KEY, GeneralCiphering, GeneralGloCiphering, ServiceCiphered
from ami_dlms.errors import ApduMalformed, NeedKey, TagMismatch, UnsupportedSuite
from ami_dlms.security import gcm
from ami_dlms.security.control import Protection, SecurityControl
from ami_dlms.security.keys import KeyProvider, KeySet
from ami_dlms.security.session import received_key


class Unprotected(NamedTuple):
    """An opened APDU."""

    plaintext: bytes
    protection: Protection
    """As the security control says."""
    verified: bool
    """Whether a tag was there and right."""


def unprotect(
    apdu: GeneralGloCiphering | GeneralCiphering | ServiceCiphered,
    keys: KeyProvider,
    system_title: bytes | None = None,
    *,
    verify: bool = True,
) -> Unprotected:
    """Open a ciphered APDU (Green Book clause 9.2.7.2).

    `system_title` is the originator's, for the forms that do not carry it. `verify=False` also opens what has a tag
    that is wrong or that cannot be checked; `verified` then tells.

    Raises NeedKey (a key or the system title is unknown), TagMismatch, SignatureInvalid and KeyWrong (of the key that
    general-ciphering brings), UnsupportedSuite, UnsupportedCompression, ApduMalformed.
    """
    control = SecurityControl.from_octet(apdu.security_control)
    title = getattr(apdu, "system_title", b"") or system_title or b""
    if len(title) != 8:
        raise NeedKey("encryption", title)
    content = apdu.content
    key = _encryption_key(apdu, control, keys, title)
    iv = gcm.nonce(title, apdu.invocation_counter)
    if control.protection is Protection.NONE:
        return Unprotected(content, control.protection, verified=False)
    if control.protection is Protection.ENCRYPTED:
        return Unprotected(gcm.counter_mode(key, iv, content), control.protection, verified=False)

    if len(content) < gcm.TAG_LENGTH:
        raise ApduMalformed("an authenticated APDU is shorter than its tag")
    body, tag = content[: -gcm.TAG_LENGTH], content[-gcm.TAG_LENGTH :]
    authentication = keys.authentication_key(title)
    if authentication is None and verify:
        raise NeedKey("authentication", title)
    head = bytes((apdu.security_control,)) + (authentication or b"") + _header(apdu)
    if control.protection is Protection.AUTHENTICATED:
        plaintext = body
        expected = gcm.tag_of(key, iv, b"", head + body)
    else:
        plaintext = gcm.counter_mode(key, iv, body)
        expected = gcm.tag_of(key, iv, plaintext, head)
    verified = authentication is not None and gcm.verify(expected, tag)
    if verify and not verified:
        raise TagMismatch(f"the authentication tag of an APDU of {title.hex()} does not verify")
    return Unprotected(plaintext, control.protection, verified)


def _encryption_key(
    apdu: GeneralGloCiphering | GeneralCiphering | ServiceCiphered,
    control: SecurityControl,
    keys: KeyProvider,
    title: bytes,
) -> bytes:
    if isinstance(apdu, GeneralCiphering):
        key = received_key(keys, apdu.header, apdu.key_info, control.suite)
    elif apdu.tag in UNDER_DEDICATED_KEY:
        key = keys.encryption_key(title, KeySet.DEDICATED)
    else:
        key = keys.encryption_key(title, KeySet.BROADCAST if control.broadcast else KeySet.UNICAST)
    if control.suite == 2 and len(key) != 32:
        raise UnsupportedSuite("security suite 2 needs keys of 32 octets; the known one has 16")
    return key


def _header(apdu: GeneralGloCiphering | GeneralCiphering | ServiceCiphered) -> bytes:
    """Return what general-ciphering authenticates besides the content."""
    return apdu.header.to_bytes() if isinstance(apdu, GeneralCiphering) else b""
