"""Ciphered pushes of a made-up meter, counter by counter."""

import json

from ami_dlms.security import Form, Keys, Protection, protect
from ami_normalize.keys import KeyRing, meter_keys

TITLE = bytes.fromhex("414d490000000042")
EK, AK = bytes(range(16)), bytes(range(16, 32))
KEYS = {"guek": EK.hex(), "gak": AK.hex()}
RING = KeyRing({TITLE: meter_keys(KEYS, "test")})
VERSION = RING.find(TITLE).version
HEADERS = (("ami-framing", b"none"), ("ami-exchange", b"push"), ("ce_time", b"2024-03-01T12:00:00.000000Z"))


def key_file(path, *titles):
    """Write a key file that opens the pushes of these titles."""
    path.write_text(json.dumps({title.hex(): KEYS for title in titles}))
    path.chmod(0o600)
    return path


def energy(value):
    """A plain push of one register with its unit."""
    return (
        bytes.fromhex("0f00000001000201020309060100010800ff06")
        + value.to_bytes(4, "big")
        + bytes.fromhex("02020f00161e")
    )


def sealed(counter, value=None, *, title=TITLE, protection=Protection.AUTHENTICATED_ENCRYPTED, plain=None):
    """A push of a register (its value the counter, where none is given) under a counter."""
    return protect(
        plain or energy(counter if value is None else value),
        keys=Keys(EK, AK),
        system_title=title,
        invocation_counter=counter,
        protection=protection,
        form=Form.GENERAL_GLO,
    )
