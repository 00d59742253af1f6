"""The bare limit of everything that opens ciphered messages."""

from typing import Any

from ami_dlms.apdu import GeneralGloCiphering
from ami_dlms.security import gcm
from bench._messages import Meter


def cipher(item: tuple[Meter, Any]) -> object:
    """Decrypt and verify, and nothing else."""
    meter, sealed = item
    assert isinstance(sealed, GeneralGloCiphering)
    iv = gcm.nonce(sealed.system_title, sealed.invocation_counter)
    plaintext = gcm.counter_mode(meter.keys.encryption, iv, sealed.content[:-12])
    return gcm.tag_of(meter.keys.encryption, iv, plaintext, b"0" + (meter.keys.authentication or b""))
