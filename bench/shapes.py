"""Decrypt, verify and decode ciphered messages by templates, against the generic decoder and the bare cipher."""

import random
from argparse import Namespace
from collections.abc import Iterator
from typing import Any

from ami_dlms import apdu, shapes
from ami_dlms.apdu import GeneralGloCiphering
from ami_dlms.security import gcm, unprotect
from bench._messages import Meter
from bench._rate import rate

METERS = {"push": 10_000, "profile": 200}
"""Each with keys of its own, in random order; of the profiles fewer, they are long."""


def run(options: Namespace) -> Iterator[dict[str, Any]]:
    """Measure a ten-register push and a profile of 96 rows of four columns."""
    source = random.Random(1)
    for kind, count in METERS.items():
        meters = [Meter(number, source) for number in range(count)]
        messages = [(meter, getattr(meter, kind)()) for meter in meters]
        source.shuffle(messages)
        cache = shapes.Shapes()

        def fast(item: tuple[Meter, bytes], cache: shapes.Shapes = cache) -> object:
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

        assert all(fast(item).apdu == generic(item) for item in messages[:100])  # type: ignore[attr-defined]
        opened = [
            (gcm.cipher(meter.keys.encryption).encrypt, message[2:10] + bytes(4), message[18:-12], bytes(17))
            for meter, message in messages
        ]

        def cipher(item: tuple[Any, bytes, bytes, bytes]) -> object:
            encrypt, iv, content, head = item
            return encrypt(iv, encrypt(iv, content, None)[:-16], head)

        limit = rate(cipher, opened, options.seconds)
        oracle = rate(generic, messages, options.seconds)
        for name, work in (("values", fast), ("apdu", whole)):
            value = rate(work, messages, options.seconds)
            yield {
                "name": f"shapes-{kind}-{name}",
                "value": value,
                "unit": "apdu/s",
                "meters": count,
                "templates": len(cache),
                "ratio": value / limit,
                "ratio_to": "the two AES-GCM calls alone",
                "ratio_generic": value / oracle,
            }
        yield {
            "name": f"shapes-{kind}-generic",
            "value": oracle,
            "unit": "apdu/s",
            "meters": count,
            "ratio": oracle / limit,
            "ratio_to": "the two AES-GCM calls alone",
        }
        yield {"name": f"shapes-{kind}-cipher", "value": limit, "unit": "apdu/s", "meters": count}
