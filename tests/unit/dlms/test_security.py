"""Protection: published known answers, all four modes, and what must not open."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ami_dlms import apdu
from ami_dlms.apdu import (
    GeneralCiphering,
    GeneralGloCiphering,
    GeneralHeader,
    IdentifiedKey,
    InitiateRequest,
    ServiceCiphered,
)
from ami_dlms.errors import (
    ApduMalformed,
    AuthenticationFailed,
    KeyWrong,
    NeedKey,
    TagMismatch,
    UnsupportedCompression,
    UnsupportedSuite,
    UsageError,
)
from ami_dlms.security import (
    Form,
    Keys,
    MemoryCounter,
    Protection,
    SecurityControl,
    protect,
    unprotect,
    unwrap_key,
    wrap_key,
)
from ami_dlms.security.hls import gmac_response, gmac_verify

pytestmark = pytest.mark.unit

EK = bytes(range(16))
AK = bytes(range(0xD0, 0xE0))
KEYS = Keys(EK, AK)
TITLE = bytes.fromhex("4D4D4D0000BC614E")
COUNTER = 0x01234567
REQUEST = bytes.fromhex("C0010000080000010000FF0200")
"""GET of the clock's time, the example of the Green Book's Table 40."""


@pytest.fixture(scope="module")
def answers(corpus_dir):
    """Published answers of single primitives, by id."""
    lines = (corpus_dir / "crypto_kats.jsonl").read_text().splitlines()
    return {answer["id"]: answer for answer in map(json.loads, lines)}


@pytest.mark.parametrize(
    ("protection", "content"),
    [
        (Protection.AUTHENTICATED, "C0010000080000010000FF0200 06725D910F9221D263877516"),
        (Protection.ENCRYPTED, "411312FF935A47566827C467BC"),
        (Protection.AUTHENTICATED_ENCRYPTED, "411312FF935A47566827C467BC 7D825C3BE4A77C3FCC056B6B"),
    ],
)
def test_table_40_of_the_green_book(protection, content):
    sealed = protect(
        REQUEST, keys=KEYS, system_title=TITLE, invocation_counter=COUNTER, protection=protection, form=Form.GLO
    )
    one = apdu.decode(sealed)
    assert one == ServiceCiphered(0xC8, SecurityControl(protection, 0).octet, COUNTER, bytes.fromhex(content))
    opened = unprotect(one, KEYS, TITLE)
    assert opened == (REQUEST, protection, protection.authenticated)


def test_the_ciphered_initiate_request_of_the_green_book():
    received = bytes.fromhex(
        "21303001234567801302FF8A7874133D414CED25B42534D28DB0047720606B175BD52211BE6841DB204D39EE6FDB8E356855"
    )
    opened = unprotect(apdu.decode(received), KEYS, TITLE)
    assert opened.verified
    request = apdu.decode(opened.plaintext)
    assert isinstance(request, InitiateRequest)
    assert request.dedicated_key == bytes.fromhex("00112233445566778899AABBCCDDEEFF")
    again = protect(request.to_bytes(), keys=KEYS, system_title=TITLE, invocation_counter=COUNTER, form=Form.GLO)
    assert again == received


def test_hls_gmac(answers):
    answer = answers["kat-gmac-fstoc"]
    iv, challenge = bytes.fromhex(answer["iv"]), bytes.fromhex(answer["challenge"])
    keys = Keys(bytes.fromhex(answer["key"]), bytes.fromhex(answer["gak"]))
    response = gmac_response(
        challenge, keys=keys, system_title=iv[:8], invocation_counter=int.from_bytes(iv[8:], "big")
    )
    assert response == b"\x10" + iv[8:] + bytes.fromhex(answer["expected_tag"])
    assert gmac_verify(response, challenge, keys=keys, system_title=iv[:8]) == 1
    for wrong in (response[:-1], response[:-1] + b"\x00", b"\x20" + response[1:], b""):
        with pytest.raises(AuthenticationFailed):
            gmac_verify(wrong, challenge, keys=keys, system_title=iv[:8])
    with pytest.raises(AuthenticationFailed):
        gmac_verify(response, challenge[::-1], keys=keys, system_title=iv[:8])
    with pytest.raises(UsageError):
        gmac_response(challenge, keys=Keys(EK), system_title=TITLE, invocation_counter=0)


def test_general_ciphering_authenticates_its_header(answers):
    answer = answers["kat-general-ciphering-aad"]
    header = bytes.fromhex(answer["aad"])[17:]
    iv = bytes.fromhex(answer["iv"])
    sealed = GeneralCiphering(
        header=GeneralHeader(header[1:9], header[10:18], header[19:27]),
        key_info=IdentifiedKey(0),
        security_control=0x31,
        invocation_counter=int.from_bytes(iv[8:], "big"),
        content=bytes.fromhex(answer["ciphertext"]) + bytes.fromhex(answer["tag"]),
    )
    assert sealed.header.to_bytes() == header
    received = apdu.decode(sealed.to_bytes())
    opened = unprotect(received, Keys(bytes.fromhex(answer["key"]), AK))
    assert opened.plaintext.hex() == answer["decrypted_hex"]
    assert opened.verified
    with pytest.raises(TagMismatch):
        unprotect(
            sealed._replace(header=sealed.header._replace(recipient_system_title=TITLE)),
            Keys(bytes.fromhex(answer["key"]), AK),
        )


def test_aes_key_wrap(answers):
    answer = answers["kat-aes-key-wrap"]
    kek, key, wrapped = (bytes.fromhex(answer[name]) for name in ("kek", "key", "wrapped"))
    assert wrap_key(kek, key) == wrapped
    assert unwrap_key(kek, wrapped) == key
    for wrong in (wrapped[:-1] + b"\x00", b"", bytes(7)):
        with pytest.raises(KeyWrong):
            unwrap_key(kek, wrong)


def test_published_payloads_open_to_what_is_published(corpus):
    from ami_dlms.framing import Framing, unframe

    framings = {
        "hdlc": Framing.HDLC,
        "wrapper": Framing.WRAPPER,
        "mbus": Framing.MBUS,
        "dsmr-p1": Framing.P1,
        "raw-apdu": Framing.NONE,
    }
    opened = verified = 0
    for vector in corpus:
        if not vector.get("decrypted_hex"):
            continue
        stated = vector["keys"]
        keys = Keys(bytes.fromhex(stated["guek"]), bytes.fromhex(stated["gak"]) if stated["gak"] else None)
        title = bytes.fromhex(stated["system_title"]) if stated["system_title"] else None
        message = unframe(bytes.fromhex(vector["hex"]), framings[vector["transport"]], lenient=True)
        result = unprotect(apdu.decode(message.apdus[0]), keys, title, verify=vector["tag_ok"] is True)
        assert result.plaintext.hex() == vector["decrypted_hex"], vector["id"]
        assert result.verified == bool(vector["tag_ok"]), vector["id"]
        opened += 1
        verified += result.verified
    assert opened >= 20
    assert verified >= 10


def test_unauthenticated_without_the_authentication_key_is_told():
    sealed = apdu.decode(protect(REQUEST, keys=KEYS, system_title=TITLE, invocation_counter=1))
    with pytest.raises(NeedKey) as missing:
        unprotect(sealed, Keys(EK))
    assert (missing.value.kind, missing.value.system_title) == ("authentication", TITLE)
    assert unprotect(sealed, Keys(EK), verify=False) == (REQUEST, Protection.AUTHENTICATED_ENCRYPTED, False)


@settings(max_examples=60, deadline=None)
@given(
    st.binary(min_size=1, max_size=300),
    st.sampled_from(Protection),
    st.sampled_from([(0, 16), (1, 16), (2, 32)]),
    st.integers(0, 0xFFFF_FFFF),
)
def test_every_mode_both_ways(plaintext, protection, suite, counter):
    number, size = suite
    keys = Keys(bytes(range(size)), bytes(range(100, 100 + size)))
    sealed = protect(
        plaintext, keys=keys, system_title=TITLE, invocation_counter=counter, protection=protection, suite=number
    )
    one = apdu.decode(sealed)
    assert (one.invocation_counter, one.system_title) == (counter, TITLE)
    assert unprotect(one, keys) == (plaintext, protection, protection.authenticated)
    if protection.authenticated:
        changed = one._replace(content=bytes((one.content[0] ^ 1,)) + one.content[1:])
        for wrong in (changed, one._replace(invocation_counter=counter ^ 1)):
            with pytest.raises(TagMismatch):
                unprotect(wrong, keys)
        with pytest.raises(TagMismatch):
            unprotect(one, Keys(keys.encryption, bytes(size)))


def test_a_wrong_tag_stops_before_anything_looks_inside():
    poison = b"\x0f" + bytes(5) + b"\x01\x82\xff\xff" * 1000
    sealed = apdu.decode(protect(poison, keys=KEYS, system_title=TITLE, invocation_counter=9))
    with pytest.raises(TagMismatch):
        unprotect(sealed._replace(content=sealed.content[:-1] + bytes((sealed.content[-1] ^ 1,))), KEYS)


def test_kaifa_says_suite_1_and_means_aes_128():
    sealed = protect(
        REQUEST, keys=Keys(EK), system_title=TITLE, invocation_counter=5, protection=Protection.ENCRYPTED, suite=1
    )
    one = apdu.decode(sealed)
    assert one.security_control == 0x21
    assert unprotect(one, Keys(EK)) == (REQUEST, Protection.ENCRYPTED, False)


@pytest.mark.parametrize(
    ("one", "error"),
    [
        (GeneralGloCiphering(TITLE, 0xB0, 1, bytes(20)), UnsupportedCompression),
        (GeneralGloCiphering(TITLE, 0x33, 1, bytes(20)), UnsupportedSuite),
        (GeneralGloCiphering(TITLE, 0x32, 1, bytes(20)), UnsupportedSuite),
        (GeneralGloCiphering(TITLE, 0x30, 1, bytes(11)), ApduMalformed),
        (GeneralGloCiphering(TITLE, 0x10, 1, b""), ApduMalformed),
        (GeneralGloCiphering(b"", 0x30, 1, bytes(20)), NeedKey),
        (ServiceCiphered(0xC8, 0x30, 1, bytes(20)), NeedKey),
        (GeneralGloCiphering(TITLE, 0x70, 1, bytes(20)), NeedKey),
        (GeneralGloCiphering(TITLE, 0x30, 1, bytes(12)), TagMismatch),
    ],
)
def test_what_does_not_open(one, error):
    with pytest.raises(error):
        unprotect(one, KEYS)


def test_broadcast_key():
    keys = Keys(EK, AK, broadcast=bytes(range(16, 32)))
    content = unprotect(GeneralGloCiphering(TITLE, 0x60, 1, REQUEST), keys).plaintext
    assert content == unprotect(GeneralGloCiphering(TITLE, 0x20, 1, REQUEST), Keys(keys.broadcast)).plaintext


def test_what_cannot_be_protected():
    with pytest.raises(UsageError):
        protect(b"\x0f", keys=KEYS, system_title=TITLE, invocation_counter=1, form=Form.GLO)
    with pytest.raises(UsageError):
        protect(b"", keys=KEYS, system_title=TITLE, invocation_counter=1, form=Form.GLO)
    with pytest.raises(UsageError):
        protect(REQUEST, keys=Keys(EK), system_title=TITLE, invocation_counter=1)
    with pytest.raises(UsageError):
        protect(REQUEST, keys=KEYS, system_title=b"short", invocation_counter=1)
    with pytest.raises(UsageError):
        Keys(b"short")


def test_keys_are_not_shown():
    assert repr(Keys(b"A" * 16, b"B" * 16, b"C" * 16)) == "Keys()"


def test_a_counter_never_repeats_and_ends():
    counter = MemoryCounter(0xFFFF_FFFD)
    assert [counter.next(), counter.next()] == [0xFFFF_FFFD, 0xFFFF_FFFE]
    for _ in range(2):
        with pytest.raises(UsageError):
            counter.next()
