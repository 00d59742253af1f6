"""Two independent codecs on the same APDUs: ours and gurux-dlms, which runs in a process of its own.

Every disagreement needs a rule of support/gurux_differences.py, and every rule a disagreement. AMI_SEED gives another
run; the seed is in the failure's text.
"""

import os
from collections import Counter
from datetime import timedelta, timezone
from pathlib import Path

import pytest
from support.gurux_differences import COMPACT, DECODING, ENCODING, SEALED, explained
from support.gurux_tree import data, tree
from support.random_apdus import PLAIN, Generator

from ami_dlms import apdu as apdus
from ami_dlms import axdr
from ami_dlms.apdu import CosemAttribute, CosemMethod, DataNotification, GetResponseNormal
from ami_dlms.apdu.ciphered import GLO_OF
from ami_dlms.axdr import Data, Tag
from ami_dlms.cosem_time import CosemDateTime
from ami_dlms.obis import format_obis
from ami_dlms.security import Form, Keys, Protection, protect, unprotect

pytestmark = pytest.mark.wire

DOCS = Path(__file__).resolve().parents[3] / "docs"

SEED = int(os.environ.get("AMI_SEED", "20261123"))
PROTECTIONS = (Protection.AUTHENTICATED, Protection.ENCRYPTED, Protection.AUTHENTICATED_ENCRYPTED)
WITH_CONTENTS = [tag for tag in PLAIN if tag not in (Tag.NULL, Tag.DONT_CARE)]
FORMS = (Form.GENERAL_GLO, Form.GLO)
KEPT_INVOKES = (0x01, 0x41, 0x81, 0xC1)
"""Their encoder keeps service class and priority, and numbers the invocations itself."""
ENCODED_SERVICES = ("get", "set", "action", "notify", "refuse")
"""Their translator writes a conformance block of its own into associations."""


class Tally:
    """What became of the APDUs of one direction."""

    def __init__(self, rules):
        self.rules = rules
        self.agreed = 0
        self.explained = Counter()

    def note(self, apdu, disagreement):
        """Count one APDU; a disagreement that no rule explains fails."""
        if disagreement is None:
            self.agreed += 1
            return
        names = explained(self.rules, apdu)
        assert names, f"seed {SEED}: {apdu.to_bytes().hex()} ({type(apdu).__name__}): {disagreement}"
        self.explained.update(names)

    def check(self, at_least):
        """Enough was compared, and each rule was needed."""
        assert self.agreed >= at_least
        assert set(self.explained) == set(self.rules)


def difference(answer, expected):
    """What the library says else than expected; None where they agree."""
    if "error" in answer:
        return answer["error"]
    return None if answer["ok"] == expected else f"{answer['ok']} is not {expected}"


def test_what_we_encode_gurux_decodes(gurux_codec):
    generator, tally = Generator(SEED), Tally(DECODING)
    for _ in range(1600):
        apdu = generator.apdu()
        octets = apdu.to_bytes()
        assert apdus.decode(octets) == apdu
        tally.note(apdu, difference(gurux_codec(op="decode", apdu=octets.hex()), {"tree": tree(apdu)}))
    tally.check(at_least=1000)


def test_what_gurux_encodes_we_decode(gurux_codec):
    generator, tally = Generator(SEED + 1, KEPT_INVOKES, ENCODED_SERVICES), Tally(ENCODING)
    for _ in range(1600):
        apdu = generator.apdu()
        answer = gurux_codec(op="encode", tree=tree(apdu))
        wrong = difference(answer, apdu.to_bytes().hex().upper())
        tally.note(apdu, wrong)
        if wrong is None:
            assert apdus.decode(bytes.fromhex(answer["ok"])) == apdu
    tally.check(at_least=550)


def test_what_we_protect_gurux_opens(gurux_codec):
    generator, modes, tally = Generator(SEED + 2), set(), Tally(SEALED)
    for _ in range(1000):
        apdu = generator.apdu()
        plaintext = apdu.to_bytes()
        if explained(DECODING, apdu):
            continue
        mode = draw_mode(generator, service=plaintext[0])
        keys, title, octets = sealed(generator, plaintext, *mode)
        answer = gurux_codec(op="decode", apdu=octets.hex(), cipher=cipher(keys, title))
        wrong = difference(answer, {"plaintext": plaintext.hex(), "tree": tree(apdu)})
        tally.note(apdu, wrong and f"{mode}: {wrong}")
        modes.add(mode)
    tally.check(at_least=500)
    assert len(modes) == len(FORMS) * len(PROTECTIONS) * 3


def test_what_gurux_protects_we_open(gurux_codec):
    generator = Generator(SEED + 3)
    modes = Counter()
    for _ in range(360):
        draw = generator.random
        suite, protection = draw.randint(0, 2), draw.choice(PROTECTIONS)
        keys, title, counter = random_keys(generator, suite), generator.octets(8, 8), generator.u(31)
        request, expected = asked(generator)
        told = {"suite": suite, "security": protection.value, "counter": counter}
        answer = gurux_codec(op="protect", **request, cipher={**cipher(keys, title), **told})
        assert "ok" in answer, f"seed {SEED + 3}: {request}: {answer}"
        found = apdus.decode(bytes.fromhex(answer["ok"]))
        opened = unprotect(found, keys, title)
        assert (opened.protection, opened.verified) == (protection, protection.authenticated)
        assert found.invocation_counter == counter
        assert same_request(apdus.decode(opened.plaintext), expected), (request, opened.plaintext.hex())
        modes[suite, protection, request["service"]] += 1
    assert len(modes) == 3 * len(PROTECTIONS) * 4


def test_compact_arrays_and_dates_have_the_same_values(gurux_codec):
    generator, tally = Generator(SEED + 4), Tally(COMPACT)
    for _ in range(800):
        drawn = generator.random.random()
        if drawn < 0.2:
            tag = generator.random.choice((Tag.DATE, Tag.DATE_TIME))
            value = Data(tag, generator.plain(tag))
        else:
            value = generator.compact_array(WITH_CONTENTS, arrays=drawn > 0.9)
        apdu = GetResponseNormal(0xC1, value)
        assert apdus.decode(apdu.to_bytes()) == apdu
        tally.note(apdu, difference(gurux_codec(op="value", apdu=apdu.to_bytes().hex()), told_value(value)))
    tally.check(at_least=150)


def draw_mode(generator, service):
    """Form, protection and suite that fit a service."""
    forms = FORMS if service in GLO_OF else FORMS[:1]
    return generator.random.choice(forms), generator.random.choice(PROTECTIONS), generator.random.randint(0, 2)


def random_keys(generator, suite):
    size = 32 if suite == 2 else 16
    return Keys(generator.octets(size, size), generator.octets(size, size))


def sealed(generator, plaintext, form, protection, suite):
    """Keys, system title, and the ciphered APDU."""
    keys, title = random_keys(generator, suite), generator.octets(8, 8)
    octets = protect(
        plaintext,
        keys=keys,
        system_title=title,
        invocation_counter=generator.u(32),
        protection=protection,
        suite=suite,
        form=form,
    )
    return keys, title, octets


def cipher(keys, title):
    return {
        "encryption": keys.encryption.hex(),
        "authentication": keys.authentication.hex(),
        "system_title": title.hex(),
    }


def asked(generator):
    """A request in the oracle's words, and in ours."""
    draw = generator.random
    service = draw.choice(("get", "set", "action", "notification"))
    if service == "notification":
        body = generator.data(tags=WITH_CONTENTS)
        return {"service": service, "body": axdr.encode(body).hex()}, body
    obis, (tag, name) = (
        generator.octets(6, 6),
        draw.choice([(Tag.OCTET_STRING, "octet-string"), (Tag.UINT32, "double-long-unsigned"), (Tag.INT16, "long")]),
    )
    value = Data(tag, generator.plain(tag))
    told = value.value.hex() if tag is Tag.OCTET_STRING else value.value
    if service == "action":
        method = CosemMethod(64, obis, draw.randint(1, 5))
        return {"service": service, "object": [64, format_obis(obis), method.method], "data": [name, told]}, (
            method,
            value,
        )
    attribute = CosemAttribute(1, obis, 2)
    request = {"service": service, "object": [1, format_obis(obis), 2]}
    return (request, (attribute, None)) if service == "get" else ({**request, "data": [name, told]}, (attribute, value))


def same_request(apdu, expected):
    if isinstance(apdu, DataNotification):
        return apdu.body == expected
    if isinstance(apdu, apdus.ActionRequestNormal):
        return (apdu.method, apdu.parameter) == expected
    return (apdu.attribute, getattr(apdu, "value", None)) == expected


def told_value(value):
    """A value in the oracle's words: JSON without types."""
    tag, inner = value
    if tag == Tag.COMPACT_ARRAY:
        return [told_value(item) for item in inner.items]
    if tag in (Tag.ARRAY, Tag.STRUCTURE):
        return [told_value(item) for item in inner]
    if tag == Tag.DATE:
        return f"{int.from_bytes(inner[:2], 'big')}-{inner[2]:02}-{inner[3]:02}"
    if tag == Tag.DATE_TIME:
        stamp = CosemDateTime.from_bytes(inner)
        zone = None if stamp.deviation is None else timezone(timedelta(minutes=-stamp.deviation))
        return stamp.local().replace(tzinfo=zone).isoformat()
    if tag == Tag.TIME:
        return "{:02}:{:02}:{:02}".format(*inner)
    if tag in (Tag.BIT_STRING, Tag.VISIBLE_STRING):
        return data(value)[1]
    return inner.hex() if isinstance(inner, bytes) else inner


def test_every_rule_is_explained():
    page = (DOCS / "gurux-differences.md").read_text()
    for name in {*DECODING, *ENCODING, *SEALED, *COMPACT}:
        assert f"| `{name}` |" in page
