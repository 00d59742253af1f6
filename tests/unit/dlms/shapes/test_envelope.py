"""The short way through general-glo-ciphering opens what the long way opens, and refuses what that refuses."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.shaped_apdus import outcome

from ami_dlms import apdu
from ami_dlms.apdu import Ciphered, GeneralGloCiphering, GetResponseNormal, ServiceCiphered
from ami_dlms.axdr import octets
from ami_dlms.errors import ApduUnknown, DlmsError, NeedKey, TagMismatch
from ami_dlms.framing import Framing, unframe
from ami_dlms.security import Form, Keys, KeyStore, Protection, Unprotected, protect
from ami_dlms.security import unprotect as unprotect_generic
from ami_dlms.shapes import Seal, system_title, unprotect

pytestmark = pytest.mark.unit

patient = settings(deadline=None, max_examples=150, suppress_health_check=list(HealthCheck))

TITLE = b"AMI\x00\x00\x00\x00\x07"
SHORT = Keys(bytes(range(16)), bytes(range(16, 32)), broadcast=bytes(range(32, 48)))
LONG = Keys(bytes(range(32)), bytes(range(32, 64)))
KEYS = {
    "right": SHORT,
    "long": LONG,
    "store": KeyStore({TITLE: SHORT}),
    "store of others": KeyStore({}),
    "encryption only": Keys(SHORT.encryption),
    "wrong": Keys(bytes(16), bytes(16)),
}


def long_way(message, keys, *, verify):
    sealed = apdu.decode(message)
    if not isinstance(sealed, Ciphered.__args__):
        raise ApduUnknown(f"{message[0]:#04x} begins no ciphered APDU", offset=0)
    return unprotect_generic(sealed, keys, TITLE, verify=verify)


def same(message, keys, *, verify=True):
    expected = outcome(lambda value: long_way(value, keys, verify=verify), message)
    assert outcome(lambda value: unprotect(value, keys, TITLE, verify=verify), message) == expected
    return expected


@st.composite
def messages(draw):
    suite = draw(st.sampled_from([0, 1, 2]))
    plaintext = GetResponseNormal(1, octets(bytes(draw(st.integers(0, 300))))).to_bytes()
    return protect(
        plaintext,
        keys=LONG if suite == 2 else SHORT,
        system_title=TITLE,
        invocation_counter=draw(st.integers(0, 2**32 - 1)),
        protection=draw(st.sampled_from(Protection)),
        suite=suite,
        form=draw(st.sampled_from([Form.GENERAL_GLO, Form.GENERAL_GLO, Form.GLO])),
    )


@patient
@given(message=messages(), keys=st.sampled_from(sorted(KEYS)), verify=st.booleans())
def test_every_protection_opens_as_on_the_long_way(message, keys, verify):
    same(message, KEYS[keys], verify=verify)


@patient
@given(message=messages(), source=st.randoms(use_true_random=False), verify=st.booleans())
def test_whatever_is_done_to_a_message_ends_as_on_the_long_way(message, source, verify):
    for _ in range(8):
        at = source.choice([*range(20), source.randrange(len(message))])
        same(message[:at] + bytes((source.randrange(256),)) + message[at + 1 :], SHORT, verify=verify)
    at = source.randrange(len(message))
    same(message[:at], SHORT, verify=verify)
    same(message + b"\x00", SHORT, verify=verify)


@pytest.mark.parametrize("length", [5, 16, 17, 0x7F, 0x80, 0x83, 0x84, 0xFF, 0x100, 0xFFFF, 0x10000])
@pytest.mark.parametrize("control", [0x00, 0x10, 0x20, 0x21, 0x30, 0x31, 0x32, 0x70, 0xB0, 0x33])
def test_every_way_to_write_a_length(length, control):
    inner = bytes((control,)) + bytes(length - 1)
    for width in range(5):
        if length >= (1 << 8 * width if width else 0x80):
            continue
        written = bytes((0x80 | width,)) + length.to_bytes(width, "big") if width else bytes((length,))
        message = b"\xdb\x08" + TITLE + written + inner
        same(message, SHORT)
        same(message, SHORT, verify=False)
        same(message + bytes(length), SHORT)
        same(b"\xcc" + written + inner, SHORT)
        same(b"\xcc" + written + inner, SHORT, verify=False)
        same(b"\xd4" + written + inner, SHORT)
    same(b"\xdb\x08" + TITLE + bytes((length & 0xFF,)) + inner, SHORT, verify=False)


def test_other_forms_go_the_long_way():
    plaintext = b"\xc4\x01\x01\x00\x11\x01"
    glo = protect(plaintext, keys=SHORT, system_title=TITLE, invocation_counter=1, form=Form.GLO)
    assert isinstance(apdu.decode(glo), ServiceCiphered)
    assert unprotect(glo, SHORT, TITLE).plaintext == plaintext
    with pytest.raises(NeedKey):
        unprotect(glo, SHORT)
    untitled = GeneralGloCiphering(b"", *apdu.decode(glo)[1:]).to_bytes()
    assert unprotect(untitled, SHORT, TITLE) == Unprotected(plaintext, Protection.AUTHENTICATED_ENCRYPTED, True)
    with pytest.raises(ApduUnknown):
        unprotect(plaintext, SHORT)


def test_nothing_comes_out_before_the_tag_is_right():
    message = protect(b"\x0f" + bytes(40), keys=SHORT, system_title=TITLE, invocation_counter=1)
    for at in range(-12, 0):
        changed = bytearray(message)
        changed[at] ^= 1
        with pytest.raises(TagMismatch):
            unprotect(bytes(changed), SHORT)
    with pytest.raises(NeedKey):
        unprotect(message, Keys(SHORT.encryption))


def test_the_system_title_is_read_from_the_usual_form_only():
    message = protect(b"\x0f", keys=SHORT, system_title=TITLE, invocation_counter=1)
    assert system_title(message) == TITLE
    assert system_title(message[:15]) is None
    assert system_title(b"\xdb\x00" + message[10:]) is None
    assert system_title(b"\x0f" + bytes(20)) is None


def test_ciphered_pushes_of_the_corpus(corpus):
    framings = {"hdlc": "hdlc", "wrapper": "wrapper", "mbus": "mbus", "dsmr-p1": "p1", "raw-apdu": "none"}
    opened = 0
    for vector in corpus:
        known = vector["keys"]
        if not known["guek"]:
            continue
        keys = Keys(bytes.fromhex(known["guek"]), bytes.fromhex(known["gak"]) if known["gak"] else None)
        for octets_ in unframe(
            bytes.fromhex(vector["hex"]), Framing(framings[vector["transport"]]), lenient=True
        ).apdus:
            opened += isinstance(same(octets_, keys), str)
            same(octets_, keys, verify=False)
    assert opened >= 20


@patient
@given(messages(), st.data())
def test_a_seal_opens_what_is_sealed_in_the_usual_form_and_nothing_else(message, data):
    if data.draw(st.booleans()):
        at = data.draw(st.integers(0, len(message) - 1))
        message = message[:at] + bytes((message[at] ^ data.draw(st.integers(1, 255)),)) + message[at + 1 :]
    if system_title(message) != TITLE:
        return
    found = Seal(TITLE, SHORT.encryption, SHORT.authentication).open(message)
    try:
        expected = long_way(message, SHORT, verify=True)
    except DlmsError:
        expected = None
    if found is None:
        usual = expected is not None and expected.protection is Protection.AUTHENTICATED_ENCRYPTED
        assert not usual or apdu.decode(message).security_control not in {0x30, 0x31}
        return
    plaintext, counter = found
    assert Unprotected(plaintext, Protection.AUTHENTICATED_ENCRYPTED, verified=True) == expected
    assert int.from_bytes(counter, "big") == apdu.decode(message).invocation_counter


def test_a_seal_opens_nothing_that_is_cut_off():
    message = protect(
        b"\x0f", keys=SHORT, system_title=TITLE, invocation_counter=1, protection=Protection.AUTHENTICATED_ENCRYPTED
    )
    seal = Seal(TITLE, SHORT.encryption, SHORT.authentication)
    assert seal.open(message) is not None
    assert all(seal.open(message[:end]) is None for end in range(len(message)))
