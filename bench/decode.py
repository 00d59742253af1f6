"""Decrypt, verify and decode ciphered messages with the generic decoder, on one core, against the bare cipher."""

import random
from argparse import Namespace
from collections.abc import Iterator
from typing import Any

from ami_dlms import apdu
from ami_dlms.apdu import GeneralGloCiphering
from ami_dlms.security import unprotect
from bench._cipher import cipher
from bench._messages import Meter
from bench._rate import rate

METERS = 1000


def run(options: Namespace) -> Iterator[dict[str, Any]]:
    """Measure a ten-register push and a profile of 96 rows of four columns."""
    source = random.Random(1)
    for kind in ("push", "profile"):
        meters = [Meter(number, source) for number in range(METERS if kind == "push" else METERS // 10)]
        messages = [(meter, getattr(meter, kind)()) for meter in meters]
        source.shuffle(messages)

        def decode(item: tuple[Meter, bytes]) -> object:
            meter, message = item
            sealed = apdu.decode(message)
            assert isinstance(sealed, GeneralGloCiphering)
            return apdu.decode(unprotect(sealed, meter.keys).plaintext)

        opened = [(meter, apdu.decode(message)) for meter, message in messages]

        limit = rate(cipher, opened, options.seconds)
        value = rate(decode, messages, options.seconds)
        yield {
            "name": f"decode-{kind}",
            "value": value,
            "unit": "apdu/s",
            "meters": len(meters),
            "ratio": value / limit,
            "ratio_to": "the two AES-GCM calls alone",
        }
