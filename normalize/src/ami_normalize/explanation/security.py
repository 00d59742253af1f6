"""The layers of protection around an APDU, and what is inside as far as the keys open it."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from ami_dlms import apdu as apdus
from ami_dlms.annotate import annotate
from ami_dlms.apdu import GeneralCiphering, GeneralGloCiphering, GeneralSigning, ServiceCiphered
from ami_dlms.errors import DlmsError
from ami_dlms.security import unprotect, verify_apdu
from ami_dlms.security.control import SecurityControl
from ami_normalize.explanation.words import elements
from ami_normalize.mapping.dialect import flag_of
from ami_normalize.pipeline.context import Context
from ami_normalize.pipeline.identify import Identified
from ami_normalize.pipeline.outcome import Refused
from ami_normalize.pipeline.session_key import with_session_key

_MOST_LAYERS: Final = 3
_CIPHERED: Final = (GeneralGloCiphering, GeneralCiphering, ServiceCiphered)


class Opened(NamedTuple):
    """What is left when the layers are off."""

    layers: list[dict[str, Any]]
    plain: bytes | None
    """None where a layer could not be opened."""


def opened(octets: bytes, origin: Identified, context: Context) -> Opened:
    """Take the layers off; what a wrong key makes of the content is not looked at any further."""
    title = origin.system_title
    layers: list[dict[str, Any]] = []
    plain: bytes | None = octets
    while plain and len(layers) < _MOST_LAYERS:
        try:
            ciphered = apdus.decode(plain)
        except DlmsError:
            break
        if isinstance(ciphered, GeneralSigning):
            layers.append(_signed(plain, ciphered, context))
            title, plain = ciphered.system_title or title, ciphered.content
            continue
        if not isinstance(ciphered, _CIPHERED):
            break
        title = getattr(ciphered, "system_title", b"") or title
        annotation = annotate(plain)
        layer: dict[str, Any] = {
            "apdu": annotation.name,
            "system_title": title.hex() if title else None,
            "manufacturer": flag_of(title or b"") or None,
            "invocation_counter": ciphered.invocation_counter,
            **_control(ciphered.security_control),
            "elements": elements(plain, annotation.elements),
        }
        layers.append(layer)
        plain = _inside(ciphered, title, origin, context, layer)
    return Opened(layers, plain)


def _signed(octets: bytes, signed: GeneralSigning, context: Context) -> dict[str, Any]:
    """Tell of a signature, and whether it is right."""
    title = signed.system_title
    keys = context.keys.find(title)
    signature = "not looked at: no key"
    if keys is not None:
        try:
            verify_apdu(signed, keys.keys)
            signature = "verified"
        except DlmsError as error:
            signature = f"{error.reason}: {error}"
    return {
        "apdu": "general-signing",
        "system_title": title.hex() or None,
        "manufacturer": flag_of(title) or None,
        "protection": "signed",
        "key_version": keys.version if keys else None,
        "signature": signature,
        "elements": elements(octets, annotate(octets).elements),
    }


def _control(octet: int) -> dict[str, Any]:
    try:
        control = SecurityControl.from_octet(octet)
    except DlmsError as error:
        return {"security_control": octet, "protection": f"{error}", "suite": octet & 0x0F, "broadcast": False}
    return {
        "security_control": octet,
        "protection": control.protection.value,
        "suite": control.suite,
        "broadcast": control.broadcast,
    }


def _inside(
    ciphered: GeneralGloCiphering | GeneralCiphering | ServiceCiphered,
    title: bytes | None,
    origin: Identified,
    context: Context,
    layer: dict[str, Any],
) -> bytes | None:
    """Open a layer and note in it how that went."""
    keys = context.keys.find(title)
    layer["key_version"] = keys.version if keys else None
    if keys is None:
        layer["tag"] = "not looked at: no key"
        return None
    try:
        own = with_session_key(ciphered, title, origin.record, context)(keys.keys)
    except Refused as refusal:
        layer["tag"] = f"{refusal.reason.value}: {refusal.message}"
        return None
    try:
        found = unprotect(ciphered, own, title)
        layer["tag"] = "verified" if found.verified else "none"
    except DlmsError as error:
        layer["tag"] = f"{error.reason}: {error}"
        try:
            found = unprotect(ciphered, own, title, verify=False)
        except DlmsError:
            return None
    return found.plaintext
