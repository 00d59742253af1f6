"""general-ciphering with every kind of key, general-signing, dedicated and broadcast keys: both ways, and refusals."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ami_dlms import apdu
from ami_dlms.apdu import AgreedKey, GeneralHeader, IdentifiedKey, WrappedKey
from ami_dlms.errors import (
    ApduMalformed,
    KeyWrong,
    NeedKey,
    ReceivedError,
    SignatureInvalid,
    TagMismatch,
    UnsupportedSuite,
    UsageError,
)
from ami_dlms.security import (
    Form,
    KeyId,
    KeyPairs,
    Keys,
    KeyStore,
    Protection,
    accept_key,
    agree_key,
    agreed_one_pass,
    agreed_static,
    identified,
    offer_key,
    protect,
    protect_general,
    read_transfer,
    sign_apdu,
    transfer,
    unprotect,
    verify_apdu,
    wrapped,
)
from ami_dlms.security.elliptic import new_private_key, private_key, public_key, public_octets
from ami_dlms.security.transfer import key_data, read_key_data
from ami_schemas.reasons import Reason

pytestmark = pytest.mark.unit

METER, HEAD_END = b"AMV\0\0\0\0\1", b"AMI\0\0\0\0\1"
HEADER = GeneralHeader(b"\0\0\0\0\0\0\0\7", METER, HEAD_END)
PUSH = bytes.fromhex("0f00000001000203")
LENGTHS = {0: 16, 1: 16, 2: 32}
PRIVATE = {suite: [new_private_key(suite) for _ in range(4)] for suite in (1, 2)}
"""Two keys for signing and two for agreement: of the meter, and of the head-end."""


def partners(suite):
    """Give the keys as the meter holds them, and as the head-end does."""
    size = LENGTHS[suite]
    symmetric = [bytes((number,)) * size for number in range(1, 6)]
    if suite == 0:
        return Keys(*symmetric), Keys(*symmetric)
    meter_signs, head_end_signs, meter_agrees, head_end_agrees = PRIVATE[suite]
    meter = KeyPairs(meter_signs, meter_agrees, head_end_signs.public_key(), head_end_agrees.public_key())
    # The other side has them as octets.
    octets = [key.private_numbers().private_value.to_bytes(48 if suite == 2 else 32, "big") for key in PRIVATE[suite]]
    head_end = KeyPairs(octets[1], octets[3], public_octets(meter_signs), public_octets(meter_agrees))
    return Keys(*symmetric, pairs=meter), Keys(*symmetric, pairs=head_end)


SESSIONS = {
    "identified": lambda keys, suite: identified(keys, HEADER),
    "broadcast": lambda keys, suite: identified(keys, HEADER, broadcast=True),
    "wrapped": lambda keys, suite: wrapped(keys, HEADER, bytes(range(LENGTHS[suite]))),
    "one-pass": lambda keys, suite: agreed_one_pass(keys, HEADER, suite),
    "static": lambda keys, suite: agreed_static(keys, HEADER, suite),
}
KINDS = [(kind, suite) for kind in SESSIONS for suite in LENGTHS if suite or kind not in ("one-pass", "static")]


@pytest.mark.parametrize(("kind", "suite"), KINDS)
@pytest.mark.parametrize("protection", Protection)
def test_general_ciphering_both_ways(kind, suite, protection):
    meter, head_end = partners(suite)
    session = SESSIONS[kind](meter, suite)

    @settings(max_examples=8, deadline=None)
    @given(st.binary(max_size=300), st.integers(0, 0xFFFF_FFFF))
    def check(plaintext, counter):
        octets = protect_general(
            plaintext, session=session, keys=meter, header=HEADER, invocation_counter=counter,
            protection=protection, suite=suite,
        )  # fmt: skip
        received = apdu.decode(octets)
        assert unprotect(received, head_end) == (plaintext, protection, protection.authenticated)
        assert unprotect(received, KeyStore({METER: head_end})).plaintext == plaintext
        with pytest.raises(NeedKey):
            unprotect(received, KeyStore({HEAD_END: head_end}))
        if protection.authenticated:
            for change in (
                {"header": HEADER._replace(date_time=b"\1")},
                {"content": bytes((received.content[0] ^ 1,)) + received.content[1:]},
                {"invocation_counter": counter ^ 1},
            ):
                with pytest.raises(TagMismatch):
                    unprotect(received._replace(**change), head_end)

    check()


@pytest.mark.parametrize("suite", LENGTHS)
@pytest.mark.parametrize("form", [form for form in Form if form is not Form.GENERAL_CIPHERING])
@pytest.mark.parametrize("protection", Protection)
def test_every_form_both_ways(suite, form, protection):
    meter, head_end = partners(suite)
    request = bytes.fromhex("C0010000080000010000FF0200")
    octets = protect(
        request, keys=meter, system_title=METER, invocation_counter=5, protection=protection, suite=suite, form=form
    )
    received = apdu.decode(octets)
    assert unprotect(received, head_end, METER) == (request, protection, protection.authenticated)
    if protection is not Protection.NONE:
        other = replace(head_end, **{"dedicated" if form.dedicated else "encryption": bytes(LENGTHS[suite])})
        if protection.authenticated:
            with pytest.raises(TagMismatch):
                unprotect(received, other, METER)
        else:
            assert unprotect(received, other, METER).plaintext != request
    if form.dedicated:
        with pytest.raises(NeedKey) as missing:
            unprotect(received, replace(head_end, dedicated=None), METER)
        assert missing.value.kind == "dedicated"


def test_broadcast():
    meter, head_end = partners(0)
    received = apdu.decode(protect(PUSH, keys=meter, system_title=METER, invocation_counter=5, broadcast=True))
    assert received.security_control == 0x70
    assert unprotect(received, head_end).plaintext == PUSH
    with pytest.raises(NeedKey):
        unprotect(received, replace(head_end, broadcast=None))
    with pytest.raises(UsageError):
        protect(PUSH, keys=meter, system_title=METER, invocation_counter=5, broadcast=True, form=Form.GENERAL_DED)


@pytest.mark.parametrize("suite", [1, 2])
def test_an_ephemeral_key_that_another_signed(suite):
    meter, head_end = partners(suite)
    stranger = replace(meter, pairs=replace(meter.pairs, signing=new_private_key(suite)))
    session = agreed_one_pass(stranger, HEADER, suite)
    octets = protect_general(PUSH, session=session, keys=meter, header=HEADER, invocation_counter=0, suite=suite)
    for verify in (True, False):
        with pytest.raises(SignatureInvalid):
            unprotect(apdu.decode(octets), head_end, verify=verify)


@pytest.mark.parametrize(
    ("info", "suite", "error"),
    [
        (IdentifiedKey(2), 0, UnsupportedSuite),
        (WrappedKey(1, bytes(24)), 0, UnsupportedSuite),
        (WrappedKey(0, bytes(24)), 0, KeyWrong),
        (WrappedKey(0, b""), 0, KeyWrong),
        (AgreedKey(b"\x01", bytes(128)), 0, UnsupportedSuite),
        (AgreedKey(b"\x01", bytes(127)), 1, ApduMalformed),
        (AgreedKey(b"\x01", bytes(128)), 1, SignatureInvalid),
        (AgreedKey(b"\x02", b"\0"), 1, UnsupportedSuite),
        (AgreedKey(b"\x03", b""), 1, UnsupportedSuite),
        (AgreedKey(b"", b""), 2, UnsupportedSuite),
    ],
)
def test_key_information_that_leads_to_no_key(info, suite, error):
    _, head_end = partners(suite)
    with pytest.raises(error):
        unprotect(apdu.GeneralCiphering(HEADER, info, 0x30 | suite, 1, bytes(40)), head_end)


def test_a_signed_point_that_is_not_on_the_curve():
    meter, head_end = partners(1)
    point = b"\1" * 64
    info = AgreedKey(b"\x01", point + meter.sign(HEAD_END, point, 1))
    with pytest.raises(ApduMalformed):
        unprotect(apdu.GeneralCiphering(HEADER, info, 0x31, 1, bytes(40)), head_end)


def test_a_wrapped_key_of_an_odd_size():
    meter, head_end = partners(0)
    with pytest.raises(UsageError):
        wrapped(meter, HEADER, bytes(24))
    info = WrappedKey(0, meter.wrap(HEAD_END, bytes(24)))
    with pytest.raises(ApduMalformed):
        unprotect(apdu.GeneralCiphering(HEADER, info, 0x30, 1, bytes(40)), head_end)


@pytest.mark.parametrize("suite", [1, 2])
def test_missing_keys_are_named(suite):
    meter, head_end = partners(suite)
    bare = replace(head_end, master=None, broadcast=None, pairs=KeyPairs())
    kinds = {"broadcast": "broadcast", "wrapped": "key encryption", "one-pass": "signature", "static": "key agreement"}
    for kind, missing in kinds.items():
        session = SESSIONS[kind](meter, suite)
        octets = protect_general(PUSH, session=session, keys=meter, header=HEADER, invocation_counter=0, suite=suite)
        with pytest.raises(NeedKey) as told:
            unprotect(apdu.decode(octets), bare)
        assert (told.value.kind, told.value.system_title) == (missing, METER)
    for make in (wrapped, agreed_one_pass):
        with pytest.raises(NeedKey):
            make(bare, HEADER, bytes(16) if make is wrapped else suite)
    with pytest.raises(NeedKey):
        bare.sign(METER, b"", suite)


@pytest.mark.parametrize("suite", [1, 2])
def test_general_signing(suite):
    meter, head_end = partners(suite)
    octets = sign_apdu(PUSH, keys=meter, header=HEADER, suite=suite)
    received = apdu.decode(octets)
    assert received.to_bytes() == octets
    assert octets[0] == 0xDF
    assert received.system_title == METER
    assert verify_apdu(received, head_end) == PUSH
    assert verify_apdu(received, KeyStore({METER: head_end})) == PUSH
    for change in (
        {"content": PUSH + b"\0"},
        {"header": HEADER._replace(recipient_system_title=METER)},
        {"signature": received.signature[::-1]},
    ):
        with pytest.raises(SignatureInvalid):
            verify_apdu(received._replace(**change), head_end)
    with pytest.raises(UnsupportedSuite):
        verify_apdu(received._replace(signature=b"short"), head_end)
    with pytest.raises(NeedKey):
        verify_apdu(received, Keys(bytes(16)))
    for end in range(len(octets)):
        with pytest.raises(ReceivedError):
            apdu.decode(octets[:end])


@pytest.mark.parametrize("suite", [1, 2])
def test_signed_then_ciphered(suite):
    meter, head_end = partners(suite)
    signed = sign_apdu(PUSH, keys=meter, header=HEADER, suite=suite)
    session = agreed_static(meter, HEADER, suite)
    octets = protect_general(signed, session=session, keys=meter, header=HEADER, invocation_counter=0, suite=suite)
    opened = unprotect(apdu.decode(octets), head_end)
    assert opened.verified
    assert verify_apdu(apdu.decode(opened.plaintext), head_end) == PUSH


@pytest.mark.parametrize("suite", [1, 2])
@pytest.mark.parametrize("key_id", KeyId)
def test_a_key_agreed_through_security_setup(suite, key_id):
    """The parameter of key_agreement and its answer, C(2e, 0s)."""
    meter, head_end = partners(suite)
    ours, theirs = new_private_key(suite), new_private_key(suite)
    titles = {"client_title": HEAD_END, "server_title": METER}
    offered = key_data({key_id: offer_key(key_id, ours, signing_key=head_end.pairs.signing, suite=suite)})
    answered = key_data({key_id: offer_key(key_id, theirs, signing_key=meter.pairs.signing, suite=suite)})
    at_meter = accept_key(key_id, read_key_data(offered)[key_id], signer=meter.pairs.peer_signing, suite=suite)
    at_us = accept_key(key_id, read_key_data(answered)[key_id], signer=head_end.pairs.peer_signing, suite=suite)
    agreed = agree_key(key_id, ours, at_us, suite=suite, **titles)
    assert agreed == agree_key(key_id, theirs, at_meter, suite=suite, **titles)
    assert len(agreed) == LENGTHS[suite]
    with pytest.raises(SignatureInvalid):
        accept_key(key_id, read_key_data(offered)[key_id], signer=meter.pairs.signing.public_key(), suite=suite)
    with pytest.raises(ApduMalformed):
        accept_key(key_id, b"", signer=meter.pairs.peer_signing, suite=suite)


def test_keys_transferred_through_security_setup():
    kek, new = bytes(range(16)), {KeyId.GLOBAL_UNICAST: bytes(16), KeyId.AUTHENTICATION: bytes(range(16))}
    sent = transfer(kek, new)
    assert read_transfer(kek, sent) == new
    with pytest.raises(KeyWrong):
        read_transfer(bytes(16), sent)
    from ami_dlms.axdr import array, enum, octets, structure, uint8

    for wrong in (uint8(1), array(uint8(1)), array(structure(enum(0))), array(structure(enum(9), octets(b"")))):
        with pytest.raises(ApduMalformed):
            read_transfer(kek, wrong)


@pytest.mark.parametrize("suite", [1, 2])
def test_a_peer_that_speaks_another_suite_than_its_keys(suite):
    """What it sends cannot make a key of ours an error of ours."""
    meter, _ = partners(suite)
    _, head_end = partners(3 - suite)
    head_end = replace(head_end, encryption=bytes(32), authentication=bytes(32))
    for kind in ("one-pass", "static"):
        session = SESSIONS[kind](meter, suite)
        octets = protect_general(PUSH, session=session, keys=meter, header=HEADER, invocation_counter=0, suite=suite)
        with pytest.raises(NeedKey):
            unprotect(apdu.decode(octets), head_end)
    with pytest.raises(NeedKey):
        verify_apdu(apdu.decode(sign_apdu(PUSH, keys=meter, header=HEADER, suite=suite)), head_end)
    with pytest.raises(NeedKey):
        head_end.sign(METER, PUSH, suite)


def test_keys_of_another_curve():
    with pytest.raises(UsageError):
        private_key(PRIVATE[2][0], 1)
    with pytest.raises(UsageError):
        public_key(PRIVATE[1][0].public_key(), 2)
    with pytest.raises(UsageError):
        private_key(bytes(32), 1)
    with pytest.raises(UsageError):
        private_key(bytes(31), 1)
    with pytest.raises(UsageError):
        public_key(bytes(64), 1)
    with pytest.raises(UsageError):
        public_key(bytes(63), 1)
    with pytest.raises(UnsupportedSuite):
        private_key(bytes(32), 0)


def test_suite_2_with_short_keys():
    keys = Keys(bytes(16), bytes(16))
    with pytest.raises(UsageError):
        protect(PUSH, keys=keys, system_title=METER, invocation_counter=1, suite=2)
    with pytest.raises(UsageError):
        protect(PUSH, keys=keys, system_title=METER, invocation_counter=1, form=Form.GENERAL_CIPHERING)
    session = identified(keys, HEADER)
    with pytest.raises(UsageError):
        protect_general(
            PUSH, session=session, keys=keys, header=HEADER._replace(originator_system_title=b""), invocation_counter=1
        )


def test_nothing_secret_is_shown():
    meter, head_end = partners(1)
    session = wrapped(meter, HEADER, bytes(range(16)))
    shown = repr(meter) + repr(head_end) + repr(meter.pairs) + repr(head_end.pairs) + repr(session)
    for secret in (meter.encryption, meter.master, head_end.pairs.signing, head_end.pairs.agreement, session.key):
        assert repr(secret)[2:-1] not in shown
        assert secret.hex() not in shown
    assert "private" not in shown.lower()


def test_every_error_about_received_bytes_has_its_reason():
    def classes(kind):
        return {kind}.union(*map(classes, kind.__subclasses__()))

    codes = {kind.reason for kind in classes(ReceivedError)} - {"RECEIVED"} | {NeedKey.reason}
    assert codes <= {reason.value for reason in Reason}


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from([0xDB, 0xDC, 0xDD, 0xDF, 0xC8, 0xD0]),
    st.binary(max_size=60),
    st.sampled_from([b"", b"\0", b"\1\0\0", b"\1\1\0", b"\1\2\1\1", b"\1\2\1\2\0"]),
    st.integers(0, 255),
    st.binary(max_size=200),
)
def test_hostile_octets_end_in_our_errors(tag, front, info, control, rest):
    header = HEADER.to_bytes() if tag in (0xDD, 0xDF) else b""
    sealed = bytes((control,)) + b"\0\0\0\1" + rest[:40]
    for octets in (bytes((tag,)) + header + info + bytes((len(sealed),)) + sealed, bytes((tag,)) + front + rest):
        for suite in LENGTHS:
            try:
                received = apdu.decode(octets)
                if isinstance(received, apdu.GeneralSigning):
                    verify_apdu(received, partners(suite)[1])
                else:
                    unprotect(received, partners(suite)[1], METER)
            except (ReceivedError, NeedKey):
                pass
