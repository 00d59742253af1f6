"""The last pushes of meters are kept within one bound for all shapes together, and forgetting them changes nothing."""

import pytest
from support.pushes import HEADERS, KEYS, energy, sealed

from ami_normalize.fast import Normalizer
from ami_normalize.keys import KeyRing, meter_keys
from ami_normalize.pipeline import Context, RawRecord, normalize

pytestmark = pytest.mark.unit

METERS = [b"AMI" + number.to_bytes(5, "big") for number in range(12)]
HEAD = bytes.fromhex("0f00000001000202")
OBJECT = energy(7)[len(HEAD) :]


def test_last_pushes_are_bounded():
    context = Context(keys=KeyRing({title: meter_keys(KEYS, "test") for title in METERS}))
    normalizer = Normalizer(context)
    normalizer._plans._most_met = 5
    kept = []
    for counter in range(1, 5):
        for offset, title in enumerate(METERS):
            for plain in (energy(counter), HEAD + OBJECT + OBJECT):
                push = sealed(10 * counter + len(plain) % 10, title=title, plain=plain)
                record = RawRecord("ami.raw.v1", 0, offset, b"st-" + title.hex().encode(), push, dict(HEADERS))
                assert normalizer.normalize(record) == normalize(record, context)
                kept.append(sum(map(len, normalizer._plans._lasts.values())))
    assert normalizer.generic == 0
    assert 0 < max(kept) <= 5
