"""Decrypt, verify and decode ciphered messages by templates, against the bare cipher, the generic decoder and Gurux."""

import random
from argparse import Namespace
from collections.abc import Callable, Iterator
from typing import Any

from ami_dlms import apdu, shapes
from ami_dlms.apdu import GeneralGloCiphering
from ami_dlms.security import gcm, unprotect
from bench._gurux import gurux_rate
from bench._messages import Meter
from bench._rate import rate

METERS = {"push": 10_000, "profile": 200}
"""Each with keys of its own, in random order; of the profiles fewer, they are long."""


Encrypt = Callable[[bytes, bytes, "bytes | None"], bytes]


def prepared(meter: Meter, message: bytes) -> tuple[Encrypt, bytes, bytes, bytes]:
    """Return what the cipher needs, so that nothing but the cipher is left to measure."""
    sealed = apdu.decode(message)
    assert isinstance(sealed, GeneralGloCiphering)
    iv = gcm.nonce(sealed.system_title, sealed.invocation_counter)
    head = bytes((sealed.security_control,)) + (meter.keys.authentication or b"")
    return gcm.cipher(meter.keys.encryption).encrypt, iv, sealed.content[:-12], head


def bare(item: tuple[Encrypt, bytes, bytes, bytes]) -> object:
    """Decrypt and compute the tag: the limit of everything that opens ciphered messages."""
    encrypt, iv, content, head = item
    return encrypt(iv, encrypt(iv, content, None)[:-16], head)


def run(options: Namespace) -> Iterator[dict[str, Any]]:
    """Measure a ten-register push and a profile of 96 rows of four columns."""
    source = random.Random(1)
    for kind, count in METERS.items():
        meters = [Meter(number, source) for number in range(count)]
        messages = [(meter, getattr(meter, kind)()) for meter in meters]
        source.shuffle(messages)
        cache = shapes.Shapes()

        def values(item: tuple[Meter, bytes], cache: shapes.Shapes = cache) -> shapes.Decoded:
            meter, message = item
            return cache.decode(shapes.unprotect(message, meter.keys).plaintext)

        def whole(item: tuple[Meter, bytes], cache: shapes.Shapes = cache) -> object:
            meter, message = item
            return cache.decode(shapes.unprotect(message, meter.keys).plaintext).apdu

        def generic(item: tuple[Meter, bytes]) -> object:
            meter, message = item
            sealed = apdu.decode(message)
            assert isinstance(sealed, GeneralGloCiphering)
            return apdu.decode(unprotect(sealed, meter.keys).plaintext)

        assert all(values(item).apdu == generic(item) for item in messages[:100])
        limit = rate(bare, [prepared(*item) for item in messages], options.seconds)
        other = gurux_rate(messages[:200], options.seconds)
        oracle = rate(generic, messages, options.seconds)
        measured = {
            "values": rate(values, messages, options.seconds),
            "apdu": rate(whole, messages, options.seconds),
            "generic": oracle,
            "cipher": limit,
        }
        for name, value in measured.items():
            result: dict[str, Any] = {
                "name": f"shapes-{kind}-{name}",
                "value": value,
                "unit": "apdu/s",
                "meters": count,
                "ratio": value / limit,
                "ratio_to": "the two AES-GCM calls alone",
                "ratio_generic": value / oracle,
            }
            yield result if other is None else {**result, "ratio_gurux": value / other}
        assert len(cache) == 1
