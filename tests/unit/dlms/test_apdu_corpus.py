"""APDUs that meters, clients and the Green Book's examples really consist of come out as they came in."""

import pytest

from ami_dlms import apdu
from ami_dlms.apdu import (
    Aare,
    Aarq,
    AssociationResult,
    ConfirmedServiceError,
    Diagnostic,
    InitiateRequest,
    InitiateResponse,
    Mechanism,
    Rlre,
    Rlrq,
    ServiceCiphered,
)
from ami_dlms.errors import ReceivedError, TrailingBytes
from ami_dlms.framing import Framing, unframe

pytestmark = pytest.mark.unit

FRAMINGS = {
    "hdlc": Framing.HDLC,
    "wrapper": Framing.WRAPPER,
    "mbus": Framing.MBUS,
    "dsmr-p1": Framing.P1,
    "raw-apdu": Framing.NONE,
}
NOT_A_WHOLE_APDU = ("notification-body-only", "profile-generic-buffer", "axdr-data", "stripped", "joined")


def apdus(vector):
    return unframe(bytes.fromhex(vector["hex"]), FRAMINGS[vector["transport"]], lenient=True).apdus


@pytest.fixture(scope="module")
def associations(corpus):
    """Association APDUs, by the vector's id."""
    kinds = ("aarq", "aare", "rlrq", "rlre")
    found = {vector["id"]: apdus(vector)[0] for vector in corpus if vector["apdu_type"] in kinds}
    assert len(found) >= 20
    return found


def test_every_apdu_in_legal_a_xdr_comes_out_as_it_came_in(corpus):
    seen = 0
    for vector in corpus:
        if any(kind in vector["apdu_type"] for kind in NOT_A_WHOLE_APDU) or vector.get("axdr_ok") is False:
            continue
        for octets in apdus(vector):
            try:
                read = apdu.decode(octets, lenient=True)
            except ReceivedError as error:
                assert error.reason == "UNSUPPORTED_SUITE", (vector["id"], error)  # an agreed key
                continue
            assert read.to_bytes() == octets, vector["id"]
            seen += 1
    assert seen >= 120


def test_what_breaks_a_xdr_is_refused_with_a_reason(corpus):
    refused = 0
    for vector in corpus:
        if vector.get("axdr_ok") is not False or vector["apdu_type"] != "data-notification":
            continue
        for octets in apdus(vector):
            with pytest.raises(ReceivedError):
                apdu.decode(octets)
            refused += 1
    assert refused >= 3


def test_associations_come_out_as_they_came_in(associations):
    for name, octets in associations.items():
        try:
            read = apdu.decode(octets)
        except TrailingBytes:
            assert name == "jdlms-hdlc-3"  # its lengths are one too short
            continue
        assert isinstance(read, (Aarq, Aare, Rlrq, Rlre))
        assert read.to_bytes() == octets, name
        if not read.user_information:
            continue
        inside = apdu.decode(read.user_information)
        assert isinstance(inside, (InitiateRequest, InitiateResponse, ConfirmedServiceError, ServiceCiphered)), name
        assert inside.to_bytes() == read.user_information, name


def test_fields_of_the_green_books_examples(associations):
    plain = apdu.decode(associations["pwitab-aarq-1"])
    assert (plain.mechanism, plain.calling_authentication, plain.calling_ap_title) == (None, None, None)
    password = apdu.decode(associations["pwitab-aarq-2"])
    assert (password.mechanism, password.calling_authentication) == (Mechanism.LLS, b"12345678")
    ciphered = apdu.decode(associations["pwitab-aarq-4"])
    assert (ciphered.application_context, ciphered.calling_ap_title.hex()) == (3, "4d4d4d0000bc614e")
    challenge = apdu.decode(associations["pwitab-aare-4"])
    assert challenge.diagnostic == Diagnostic.AUTHENTICATION_REQUIRED
    assert challenge.responding_authentication == b"P6wRJ21F"
    refused = apdu.decode(associations["pwitab-aare-3"])
    assert refused.result == AssociationResult.REJECTED_PERMANENT
    assert str(apdu.decode(refused.user_information)) == "DLMS version too low"


def test_odd_fields_of_real_meters(associations):
    versioned = apdu.decode(associations["idx-spodes-aarq"])
    assert versioned.other == ((0x80, b"\x02\x84"),)
    assert apdu.decode(associations["guruxfi-24607-hpl-aare"]).mechanism is None
    assert apdu.decode(associations["u9n-95-rlre"]).reason == 0
