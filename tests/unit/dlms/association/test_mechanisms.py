"""Every authentication in every suite, every form and protection, over wrapper and HDLC; and who does not belong."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from ami_dlms import apdu, axdr
from ami_dlms.apdu import Conformance, CosemAttribute, Diagnostic, Mechanism
from ami_dlms.association.handshake import check_challenges
from ami_dlms.client import Authentication, ClientSettings, Refused, Released
from ami_dlms.errors import AssociationRefused, AuthenticationFailed, UsageError
from ami_dlms.framing import Framing
from ami_dlms.obis import parse_obis
from ami_dlms.security import Form, KeyPairs, Keys, Protection
from ami_dlms.security.elliptic import new_private_key, public_octets
from ami_dlms.security.hls import Exchange, md5_response, sha1_response, sha256_response
from ami_dlms.server import ServerSettings

pytestmark = pytest.mark.unit

A = Authentication
ENERGY = CosemAttribute(3, parse_obis("1.0.1.8.0.255"), 2)
FRAMINGS = (Framing.WRAPPER, Framing.HDLC)
SUITES = {0: 16, 1: 16, 2: 32}
SIGNING = {suite: (new_private_key(suite), new_private_key(suite)) for suite in (1, 2)}
HIGH = [item for item in A if item.challenges]


def vendor(exchange: Exchange) -> bytes:
    return b"vendor" + exchange.received[::-1]


def sides(authentication: Authentication, suite: int, /, **change) -> dict:
    """Settings of client and server that fit each other; `change` is the client's."""
    size = SUITES[suite]
    keys = Keys(bytes(range(size)), bytes(range(100, 100 + size)))
    ours = theirs = keys
    if suite:
        client, server = SIGNING[suite]
        ours = replace(keys, pairs=KeyPairs(client, peer_signing=public_octets(server)))
        theirs = replace(keys, pairs=KeyPairs(server, peer_signing=client.public_key()))
    hook = {"vendor_proof": vendor} if authentication is A.HLS else {}
    return {
        "client": {"suite": suite, "keys": ours, **hook, **change},
        "server": {"suite": suite, "keys": theirs, **hook},
    }


COMBINATIONS = [
    (authentication, suite)
    for authentication, suite in itertools.product(A, SUITES)
    if suite or authentication is not A.HLS_ECDSA
]


@pytest.mark.parametrize("framing", FRAMINGS)
@pytest.mark.parametrize(("authentication", "suite"), COMBINATIONS)
def test_every_mechanism_in_every_suite_and_protection(converse, authentication, suite, framing):
    for protection in (None, *Protection):
        change = {"ciphered": False} if protection is None else {"ciphered": True, "protection": protection}
        talk = converse(authentication, framing, **sides(authentication, suite, **change))
        associated = talk.associate()
        (answer,) = talk.say(talk.client.get(ENERGY))
        (released,) = talk.say(talk.client.release())
        assert associated.max_pdu == 1024
        assert answer.result == axdr.uint32(4711)
        assert isinstance(released, Released)


@pytest.mark.parametrize("framing", FRAMINGS)
@pytest.mark.parametrize("form", Form)
@pytest.mark.parametrize("suite", SUITES)
def test_every_form(converse, form, suite, framing):
    tags = {
        Form.GLO: 0xC8, Form.DED: 0xD0, Form.GENERAL_GLO: 0xDB, Form.GENERAL_DED: 0xDC, Form.GENERAL_CIPHERING: 0xDD
    }  # fmt: skip
    for protection in Protection:
        settings = sides(A.HLS_GMAC, suite, form=form, protection=protection)
        talk = converse(A.HLS_GMAC, framing, **settings)
        associated = talk.associate()
        assert bool(associated.conformance & Conformance.GENERAL_PROTECTION) is form.general
        for _ in range(2):
            (answer,) = talk.say(talk.client.get(ENERGY))
            assert answer.result == axdr.uint32(4711)
        at = 8 if framing is Framing.WRAPPER else 11
        assert talk.to_server[-1][at] == tags[form]
        assert talk.to_client[-1][at] == (tags[form] + 4 if form in (Form.GLO, Form.DED) else tags[form])
        talk.say(talk.client.release())


def test_a_dedicated_key_is_new_with_each_association(converse):
    talk = converse(A.HLS_GMAC, **sides(A.HLS_GMAC, 1, form=Form.DED))
    dedicated = set()
    for _ in range(3):
        talk.associate()
        dedicated.add(talk.client._cipher.keys.dedicated)
        talk.say(talk.client.release())
    assert len(dedicated) == 3
    assert all(len(key) == 16 for key in dedicated)


def test_a_server_that_got_no_dedicated_key_refuses_what_is_under_one(converse):
    talk = converse(A.HLS_GMAC, **sides(A.HLS_GMAC, 0))
    talk.associate()
    talk.client._cipher.dedicate(bytes(16))
    talk.client._cipher.form = Form.DED
    (answer,) = talk.say(talk.client.get(ENERGY))
    assert answer.result == apdu.ExceptionResponse(1, 5)


def test_general_ciphering_answers_in_the_same_transaction(converse):
    talk = converse(A.HLS_GMAC, **sides(A.HLS_GMAC, 0, form=Form.GENERAL_CIPHERING))
    talk.associate()
    talk.say(talk.client.get(ENERGY))
    request, answer = (apdu.decode(octets[-1][8:]) for octets in (talk.to_server, talk.to_client))
    assert answer.header.transaction_id == request.header.transaction_id
    assert answer.header.originator_system_title == request.header.recipient_system_title


def refused(talk) -> Exception:
    (event,) = talk.say(talk.client.associate())
    assert isinstance(event, Refused), event
    return event.error


@pytest.mark.parametrize("framing", FRAMINGS)
@pytest.mark.parametrize("authentication", [A.HLS_MD5, A.HLS_SHA1, A.HLS_SHA256])
def test_a_wrong_secret(converse, authentication, framing):
    talk = converse(authentication, framing, **sides(authentication, 0, password=b"wrong"))
    assert isinstance(refused(talk), AuthenticationFailed)


def test_a_wrong_vendor_proof(converse):
    talk = converse(A.HLS, **sides(A.HLS, 0, vendor_proof=lambda exchange: b"other"))
    assert isinstance(refused(talk), AuthenticationFailed)


@pytest.mark.parametrize("suite", [1, 2])
@pytest.mark.parametrize("ciphered", [True, False])
def test_a_wrong_signing_key(converse, suite, ciphered):
    settings = sides(A.HLS_ECDSA, suite, ciphered=ciphered)
    keys = settings["client"]["keys"]
    settings["client"]["keys"] = replace(keys, pairs=replace(keys.pairs, signing=new_private_key(suite)))
    assert isinstance(refused(converse(A.HLS_ECDSA, **settings)), AuthenticationFailed)


@pytest.mark.parametrize("suite", [1, 2])
def test_a_meter_whose_signature_is_not_the_registered_one(converse, suite):
    settings = sides(A.HLS_ECDSA, suite)
    keys = settings["client"]["keys"]
    other = public_octets(new_private_key(suite))
    settings["client"]["keys"] = replace(keys, pairs=replace(keys.pairs, peer_signing=other))
    error = refused(converse(A.HLS_ECDSA, **settings))
    assert isinstance(error, AuthenticationFailed)
    assert "signature" in str(error)


@pytest.mark.parametrize(("mine", "meters"), [pair for pair in itertools.product(A, A) if pair[0] is not pair[1]])
def test_another_mechanism_is_refused_with_its_diagnostic(converse, mine, meters):
    settings = sides(meters, 1, authentication=mine, ciphered=False, vendor_proof=vendor)
    error = refused(converse(meters, **settings))
    assert isinstance(error, AssociationRefused)
    expected = (
        Diagnostic.AUTHENTICATION_REQUIRED
        if mine is A.NONE
        else Diagnostic.AUTHENTICATION_MECHANISM_NAME_NOT_RECOGNISED
    )
    assert error.diagnostic == expected


@pytest.mark.parametrize("authentication", [A.HLS_SHA256, A.HLS_ECDSA, A.HLS_GMAC])
def test_our_own_title_is_nobody_elses(converse, authentication):
    settings = sides(authentication, 1, client_system_title=b"AMV\0\0\0\0\2", ciphered=False)
    error = refused(converse(authentication, **settings))
    assert error.diagnostic == Diagnostic.CALLING_AP_TITLE_NOT_RECOGNIZED


def test_a_server_that_mirrors_us():
    settings = ClientSettings(authentication=A.HLS_MD5, password=b"secret")
    check_challenges(Exchange(b"theirs", b"ours", b"", b""), settings)
    with pytest.raises(AuthenticationFailed):
        check_challenges(Exchange(b"same", b"same", b"", b""), settings)
    titled = ClientSettings(authentication=A.HLS_SHA256, password=b"secret", client_system_title=b"AMI\0\0\0\0\1")
    for peer in (b"", b"AMI\0\0\0\0\1"):
        with pytest.raises(AuthenticationFailed):
            check_challenges(Exchange(b"theirs", b"ours", b"AMI\0\0\0\0\1", peer), titled)


def test_what_the_answers_are_made_of():
    """Over the challenge and the secret, computed here from their definition (Green Book table 37)."""
    import hashlib

    exchange = Exchange(b"received", b"sent", b"own-titl", b"peer-tit")
    assert md5_response(b"received", b"secret") == hashlib.md5(b"receivedsecret").digest()
    assert sha1_response(b"received", b"secret") == hashlib.sha1(b"receivedsecret").digest()
    assert sha256_response(exchange, b"secret") == hashlib.sha256(b"secretown-titlpeer-titreceivedsent").digest()
    assert exchange.mirrored().message == b"peer-titown-titlsentreceived"
    assert [item.mechanism for item in A] == list(Mechanism)


TITLE = {"client_system_title": b"AMI\0\0\0\0\1"}
BARE = Keys(bytes(16))


@pytest.mark.parametrize(
    "wrong",
    [
        {"authentication": A.HLS},
        {"authentication": A.HLS_MD5},
        {"authentication": A.HLS_SHA256, "password": b"secret"},
        {"authentication": A.HLS_GMAC, "keys": BARE, **TITLE},
        {"authentication": A.HLS_ECDSA, "suite": 1, **TITLE},
        {"authentication": A.HLS_ECDSA, "suite": 1, "keys": BARE, **TITLE},
        {"authentication": A.HLS_ECDSA, "suite": 0, "keys": sides(A.HLS_ECDSA, 1)["client"]["keys"], **TITLE},
        {
            "authentication": A.HLS_ECDSA,
            "suite": 1,
            "keys": replace(sides(A.HLS_ECDSA, 2)["client"]["keys"], encryption=bytes(16)),
            **TITLE,
        },
        {"suite": 3},
        {"suite": 2, "keys": BARE, "ciphered": True, **TITLE},
        {"ciphered": True},
    ],
)
def test_settings_that_cannot_work(wrong):
    with pytest.raises(UsageError):
        ClientSettings(**wrong)


@pytest.mark.parametrize("authentication", [A.HLS_SHA256, A.HLS_MD5])
def test_a_server_needs_what_its_mechanism_needs(authentication):
    with pytest.raises(UsageError):
        ServerSettings(authentication=authentication, **({"password": b"x"} if authentication.uses_titles else {}))


@pytest.mark.parametrize("suite", [1, 2])
def test_private_keys_are_not_shown(suite):
    settings = sides(A.HLS_ECDSA, suite)
    shown = repr(ClientSettings(authentication=A.HLS_ECDSA, **settings["client"], **TITLE))
    assert "EllipticCurve" not in shown
    assert repr(settings["client"]["keys"].encryption)[2:-1] not in shown
