"""Digital signatures of APDUs: general-signing (Green Book clause 9.2.7.2.5)."""

from __future__ import annotations

from ami_dlms.apdu.general import GeneralHeader
from ami_dlms.apdu.signing import GeneralSigning
from ami_dlms.errors import SignatureInvalid
from ami_dlms.security.keys import KeyProvider
from ami_dlms.security.suites import suite_of_signature


def sign_apdu(content: bytes, *, keys: KeyProvider, header: GeneralHeader, suite: int) -> bytes:
    """Sign an APDU, plain or ciphered, as the header's originator; return the general-signing APDU."""
    unsigned = GeneralSigning(header, content, b"")
    signature = keys.sign(header.recipient_system_title, unsigned.signed, suite)
    return unsigned._replace(signature=signature).to_bytes()


def verify_apdu(apdu: GeneralSigning, keys: KeyProvider) -> bytes:
    """Return what was signed, if its originator signed it. Raises SignatureInvalid, NeedKey or UnsupportedSuite."""
    suite = suite_of_signature(len(apdu.signature))
    if not keys.verify(apdu.system_title, apdu.signed, apdu.signature, suite):
        raise SignatureInvalid(f"the signature of an APDU of {apdu.system_title.hex()} does not verify")
    return apdu.content
