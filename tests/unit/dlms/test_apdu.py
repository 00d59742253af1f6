"""APDUs: every class both ways, and input that wants to hurt."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ami_dlms import apdu, axdr
from ami_dlms.apdu import (
    Aare,
    Aarq,
    ActionRequestNextPblock,
    ActionRequestNormal,
    ActionResponseNormal,
    ActionResponseWithPblock,
    ActionResult,
    AgreedKey,
    ConfirmedServiceError,
    Conformance,
    CosemAttribute,
    CosemMethod,
    DataAccessResult,
    DataNotification,
    EventNotification,
    ExceptionResponse,
    GeneralBlockTransfer,
    GeneralCiphering,
    GeneralGloCiphering,
    GeneralHeader,
    GeneralSigning,
    GetRequestNext,
    GetRequestNormal,
    GetRequestWithList,
    GetResponseNormal,
    GetResponseWithDatablock,
    GetResponseWithList,
    IdentifiedKey,
    InitiateRequest,
    InitiateResponse,
    Rlre,
    Rlrq,
    SelectiveAccess,
    ServiceCiphered,
    SetRequestNormal,
    SetRequestWithDatablock,
    SetRequestWithFirstDatablock,
    SetResponseDatablock,
    SetResponseLastDatablock,
    SetResponseNormal,
    WrappedKey,
)
from ami_dlms.apdu.ciphered import SERVICE_CIPHERED
from ami_dlms.errors import ApduMalformed, ApduUnknown, ReceivedError, TrailingBytes, Truncated, UsageError

pytestmark = pytest.mark.unit

u8, u16, u32 = (st.integers(0, (1 << bits) - 1) for bits in (8, 16, 32))
octets = st.binary(max_size=150)
title = st.binary(min_size=8, max_size=8)
obis = st.binary(min_size=6, max_size=6)
value = st.one_of(
    u32.map(axdr.uint32),
    st.binary(max_size=12).map(axdr.octets),
    st.lists(u8.map(axdr.enum), max_size=3).map(lambda items: axdr.structure(*items)),
)
attribute = st.builds(CosemAttribute, u16, obis, st.integers(-128, 127))
method = st.builds(CosemMethod, u16, obis, st.integers(-128, 127))
access = st.none() | st.builds(SelectiveAccess, u8, value)
denial = st.sampled_from(DataAccessResult)
outcome = value | denial
optional_title = st.none() | title
header = st.builds(GeneralHeader, octets, title, st.just(b"") | title, st.just(b""), octets)
other = st.sampled_from([(), ((0x80, b"\x02\x84"),), ((0xA2, b"\x06\x01\x00"), (0xA9, b"\x02\x01\x05"))])
mechanism = st.none() | st.integers(0, 7)
information = st.binary(min_size=1, max_size=40)

EVERY = {
    DataNotification: st.builds(
        DataNotification, u32, st.sampled_from([b"", bytes(12), b"\xff" * 12]), value, st.booleans()
    ).filter(lambda push: len(push.date_time) == 12 or not push.tagged_date_time),
    EventNotification: st.builds(
        EventNotification, st.none() | st.just(bytes(12)), u16, obis, st.integers(-128, 127), value
    ),
    GetRequestNormal: st.builds(GetRequestNormal, u8, attribute, access),
    GetRequestNext: st.builds(GetRequestNext, u8, u32),
    GetRequestWithList: st.builds(
        GetRequestWithList, u8, st.lists(st.tuples(attribute, access), max_size=4).map(tuple)
    ),
    GetResponseNormal: st.builds(GetResponseNormal, u8, outcome),
    GetResponseWithDatablock: st.builds(GetResponseWithDatablock, u8, st.booleans(), u32, octets | denial),
    GetResponseWithList: st.builds(GetResponseWithList, u8, st.lists(outcome, max_size=4).map(tuple)),
    SetRequestNormal: st.builds(SetRequestNormal, u8, attribute, access, value),
    SetRequestWithFirstDatablock: st.builds(
        SetRequestWithFirstDatablock, u8, attribute, access, st.booleans(), u32, octets
    ),
    SetRequestWithDatablock: st.builds(SetRequestWithDatablock, u8, st.booleans(), u32, octets),
    SetResponseNormal: st.builds(SetResponseNormal, u8, denial),
    SetResponseDatablock: st.builds(SetResponseDatablock, u8, u32),
    SetResponseLastDatablock: st.builds(SetResponseLastDatablock, u8, denial, u32),
    ActionRequestNormal: st.builds(ActionRequestNormal, u8, method, st.none() | value),
    ActionRequestNextPblock: st.builds(ActionRequestNextPblock, u8, u32),
    ActionResponseNormal: st.builds(ActionResponseNormal, u8, st.sampled_from(ActionResult), st.none() | outcome),
    ActionResponseWithPblock: st.builds(ActionResponseWithPblock, u8, st.booleans(), u32, octets),
    ExceptionResponse: st.builds(ExceptionResponse, u8, u8.filter(lambda code: code != 6))
    | st.builds(ExceptionResponse, u8, st.just(6), st.none() | u32),
    ConfirmedServiceError: st.builds(ConfirmedServiceError, u8, u8, u8),
    GeneralBlockTransfer: st.builds(
        GeneralBlockTransfer, st.booleans(), st.booleans(), st.integers(0, 63), u16, u16, octets
    ),
    InitiateRequest: st.builds(
        InitiateRequest,
        conformance=st.integers(0, 0x7FFFFF).map(Conformance),
        client_max_receive_pdu_size=u16,
        dedicated_key=st.none() | st.binary(min_size=16, max_size=16),
        response_allowed=st.booleans(),
        quality_of_service=st.none() | st.integers(-128, 127),
        dlms_version=u8,
    ),
    InitiateResponse: st.builds(
        InitiateResponse,
        conformance=st.integers(0, 0x7FFFFF).map(Conformance),
        server_max_receive_pdu_size=u16,
        quality_of_service=st.none() | st.integers(-128, 127),
        dlms_version=u8,
        vaa_name=u16,
    ),
    Aarq: st.builds(
        Aarq,
        application_context=st.integers(1, 4),
        calling_ap_title=optional_title,
        calling_ae_qualifier=st.none() | st.binary(max_size=300),
        mechanism=mechanism,
        calling_authentication=st.none() | octets,
        user_information=information,
        other=other,
    ),
    Aare: st.builds(
        Aare,
        result=st.integers(0, 2),
        diagnostic=u8,
        provider_diagnostic=st.booleans(),
        application_context=st.none() | st.integers(1, 4),
        responding_ap_title=optional_title,
        responding_ae_qualifier=st.none() | st.binary(max_size=300),
        mechanism=mechanism,
        responding_authentication=st.none() | octets,
        user_information=st.just(b"") | information,
        other=st.sampled_from([(), ((0x80, b"\x02\x84"),)]),
    ),
    Rlrq: st.builds(Rlrq, st.none() | u8, st.just(b"") | information),
    Rlre: st.builds(Rlre, st.none() | u8, st.just(b"") | information),
    GeneralGloCiphering: st.builds(
        GeneralGloCiphering, st.just(b"") | title, u8, u32, octets, st.sampled_from([0xDB, 0xDC])
    ),
    GeneralCiphering: st.builds(
        GeneralCiphering,
        header,
        st.none()
        | st.builds(IdentifiedKey, u8)
        | st.builds(WrappedKey, u8, octets)
        | st.builds(AgreedKey, octets, octets),
        u8,
        u32,
        octets,
    ),
    GeneralSigning: st.builds(GeneralSigning, header, octets, octets),
    ServiceCiphered: st.builds(ServiceCiphered, st.sampled_from(sorted(SERVICE_CIPHERED)), u8, u32, octets),
}


@pytest.mark.parametrize("kind", EVERY)
def test_what_is_written_is_read(kind):
    @settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
    @given(EVERY[kind], st.data())
    def check(one, choice):
        written = one.to_bytes()
        read = apdu.decode(written)
        assert type(read) is kind
        assert read == one
        assert read.to_bytes() == written
        with pytest.raises(ReceivedError):
            apdu.decode(written[: choice.draw(st.integers(1, len(written) - 1))] if kind not in SHORT else b"")
        with pytest.raises(TrailingBytes):
            apdu.decode(written + b"\x00" * (5 if kind is ExceptionResponse else 1))

    check()


SHORT = {ExceptionResponse}
"""A shorter one may be whole: not every meter sends the counter."""


@settings(max_examples=150, deadline=None)
@given(st.sampled_from([0x01, 0x08, 0x0E, 0x0F, *range(0x60, 0x64), 0x21, *range(0xC0, 0xE2)]), st.binary(max_size=120))
def test_noise_is_an_apdu_or_a_received_error(tag, noise):
    try:
        read = apdu.decode(bytes((tag,)) + noise)
    except ReceivedError:
        return
    assert apdu.decode(read.to_bytes()).to_bytes() == read.to_bytes()


@pytest.mark.parametrize(
    ("octets", "error"),
    [
        ("", Truncated),
        ("00", ApduUnknown),
        ("7e", ApduUnknown),
        ("c009", Truncated),
        ("c00900", ApduMalformed),
        ("c40900", ApduMalformed),
        ("c003c184ffffffff", Truncated),
        ("c403c182ffff", Truncated),
        ("c401c102", ApduMalformed),
        ("0f00000000050102030405", ApduMalformed),
        ("c2 09 0c", ApduMalformed),
        ("db 03 010203 05 3000000000", ApduMalformed),
        ("db 08 0102030405060708 04 30000000", ApduMalformed),
        ("db 08 0102030405060708 84ffffffff 3000000000", Truncated),
        ("e0 80 0001 0000 05 00", Truncated),
        ("61 80 a203020100", ApduMalformed),
        ("61 84 ffffffff a203020100", Truncated),
        ("61 00", ApduMalformed),
        ("01 00 00 00 06 5f1f0300 007e1f 04b0", ApduMalformed),
    ],
)
def test_hostile_input(octets, error):
    with pytest.raises(error):
        apdu.decode(bytes.fromhex(octets))


def test_codes_the_standard_does_not_list_are_a_refusal_all_the_same():
    assert apdu.decode(bytes.fromhex("c401c1012a")).result is DataAccessResult.OTHER_REASON
    assert apdu.decode(bytes.fromhex("c701c12a00")).result is ActionResult.OTHER_REASON


def test_an_event_without_its_flag_is_read_where_it_is_allowed():
    received = bytes.fromhex("c2 090c 07e70706040a362600ff8880 0001 0000600101ff 02 1101")
    with pytest.raises(ApduMalformed):
        apdu.decode(received)
    event = apdu.decode(received, lenient=True)
    assert (event.class_id, event.attribute, len(event.time)) == (1, 2, 12)
    assert event.to_bytes() == received
    flagged = EventNotification(bytes(12), 1, bytes(6), 2, axdr.uint8(1))
    assert apdu.decode(flagged.to_bytes(), lenient=True) == flagged


@pytest.mark.parametrize(
    "one",
    [
        GetRequestNext(256, 1),
        GetRequestNext(0, 1 << 32),
        GetRequestNormal(0, CosemAttribute(1, b"\x00", 2)),
        GetRequestNormal(0, CosemAttribute(1, bytes(6), 128)),
        GeneralBlockTransfer(True, False, 64, 1, 0, b""),
    ],
)
def test_what_does_not_fit_is_the_callers_mistake(one):
    with pytest.raises(UsageError):
        one.to_bytes()


def test_secrets_are_not_shown():
    secret = b"secretsecretsecr"
    shown = repr(
        [
            Aarq(calling_authentication=secret, user_information=b"\x01" + secret),
            Aare(result=0, responding_authentication=secret),
            InitiateRequest(Conformance.GET, 100, dedicated_key=secret),
        ]
    )
    assert "secret" not in shown


def test_refusals_in_words():
    assert "invocation counter" in str(ExceptionResponse(1, 6, 7))
    assert "7" in str(ExceptionResponse(1, 6, 7))
    assert "version" in str(ConfirmedServiceError(1, 6, 1))
    assert str(ConfirmedServiceError(5, 2, 3))
    assert str(ExceptionResponse(9, 9))
