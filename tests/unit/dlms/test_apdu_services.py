"""The services' other forms: lists, blocks, ACCESS, short names, confirmations. Every class both ways."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ami_dlms import apdu, axdr
from ami_dlms.apdu import (
    AccessAction,
    AccessActionResult,
    AccessGet,
    AccessGetResult,
    AccessRequest,
    AccessResponse,
    AccessSet,
    AccessSetResult,
    ActionOutcome,
    ActionRequestWithFirstPblock,
    ActionRequestWithList,
    ActionRequestWithListAndFirstPblock,
    ActionRequestWithPblock,
    ActionResponseNextPblock,
    ActionResponseWithList,
    ActionResult,
    BlockNumber,
    BlockNumberAccess,
    CosemAttribute,
    CosemMethod,
    DataAccessResult,
    DataBlockResult,
    DataNotificationConfirm,
    InformationReport,
    ParameterizedAccess,
    ReadDataBlockAccess,
    ReadRequest,
    ReadResponse,
    SelectiveAccess,
    SetRequestWithList,
    SetRequestWithListAndFirstDatablock,
    SetResponseLastDatablockWithList,
    SetResponseWithList,
    VariableName,
    WriteDataBlockAccess,
    WriteRequest,
    WriteResponse,
)
from ami_dlms.errors import ApduMalformed, ReceivedError, TrailingBytes, Truncated, UsageError

pytestmark = pytest.mark.unit

u8, u16, u32 = (st.integers(0, (1 << bits) - 1) for bits in (8, 16, 32))
octets = st.binary(max_size=150)
obis = st.binary(min_size=6, max_size=6)
stamp = st.sampled_from([b"", bytes(12), b"\xff" * 12])
value = st.one_of(
    st.just(axdr.NULL),
    u32.map(axdr.uint32),
    st.binary(max_size=12).map(axdr.octets),
    st.lists(u8.map(axdr.enum), max_size=3).map(lambda items: axdr.structure(*items)),
)
attribute = st.builds(CosemAttribute, u16, obis, st.integers(-128, 127))
method = st.builds(CosemMethod, u16, obis, st.integers(-128, 127))
access = st.none() | st.builds(SelectiveAccess, u8, value)
denial = st.sampled_from(DataAccessResult)
action = st.sampled_from(ActionResult)


def some(kind):
    return st.lists(kind, max_size=4).map(tuple)


selected = some(st.tuples(attribute, access))
specification = st.builds(AccessGet, attribute, access) | st.builds(AccessSet, attribute, access)
specification |= st.builds(AccessAction, method)
variable = st.one_of(
    st.builds(VariableName, u16),
    st.builds(ParameterizedAccess, u16, u8, value),
    st.builds(BlockNumberAccess, u16),
    st.builds(ReadDataBlockAccess, st.booleans(), u16, octets),
    st.builds(WriteDataBlockAccess, st.booleans(), u16),
)

EVERY = {
    SetRequestWithList: st.builds(SetRequestWithList, u8, selected, some(value)),
    SetRequestWithListAndFirstDatablock: st.builds(
        SetRequestWithListAndFirstDatablock, u8, selected, st.booleans(), u32, octets
    ),
    SetResponseLastDatablockWithList: st.builds(SetResponseLastDatablockWithList, u8, some(denial), u32),
    SetResponseWithList: st.builds(SetResponseWithList, u8, some(denial)),
    ActionRequestWithList: st.builds(ActionRequestWithList, u8, some(method), some(value)),
    ActionRequestWithFirstPblock: st.builds(ActionRequestWithFirstPblock, u8, method, st.booleans(), u32, octets),
    ActionRequestWithListAndFirstPblock: st.builds(
        ActionRequestWithListAndFirstPblock, u8, some(method), st.booleans(), u32, octets
    ),
    ActionRequestWithPblock: st.builds(ActionRequestWithPblock, u8, st.booleans(), u32, octets),
    ActionResponseWithList: st.builds(
        ActionResponseWithList, u8, some(st.builds(ActionOutcome, action, st.none() | value | denial))
    ),
    ActionResponseNextPblock: st.builds(ActionResponseNextPblock, u8, u32),
    AccessRequest: st.builds(AccessRequest, u32, some(specification), some(value), stamp),
    AccessResponse: st.builds(
        AccessResponse,
        u32,
        some(value),
        some(
            st.builds(AccessGetResult, denial)
            | st.builds(AccessSetResult, denial)
            | st.builds(AccessActionResult, action)
        ),
        stamp,
        st.none() | some(specification),
    ),
    DataNotificationConfirm: st.builds(DataNotificationConfirm, u32, stamp),
    ReadRequest: st.builds(ReadRequest, some(variable)),
    ReadResponse: st.builds(
        ReadResponse,
        some(value | denial | st.builds(DataBlockResult, st.booleans(), u16, octets) | st.builds(BlockNumber, u16)),
    ),
    WriteRequest: st.builds(WriteRequest, some(variable), some(value), st.booleans()),
    WriteResponse: st.builds(WriteResponse, some(denial | st.builds(BlockNumber, u16))),
    InformationReport: st.builds(
        InformationReport, st.none() | st.just(b"20261123063000Z"), some(variable), some(value)
    ),
}


@pytest.mark.parametrize("kind", EVERY)
def test_what_is_written_is_read(kind):
    @settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
    @given(EVERY[kind], st.data())
    def check(one, choice):
        written = one.to_bytes()
        read = apdu.decode(written)
        assert type(read) is kind
        assert read == one
        assert read.to_bytes() == written
        with pytest.raises(ReceivedError):
            apdu.decode(written[: choice.draw(st.integers(0, len(written) - 1))])
        with pytest.raises(TrailingBytes) as trailing:
            apdu.decode(written + b"\x00")
        assert trailing.value.offset == len(written)

    check()


@settings(max_examples=250, deadline=None)
@given(
    st.sampled_from([b"\x05", b"\x06", b"\x0c", b"\x0d", b"\x10", b"\x16", b"\x18", b"\xd9", b"\xda"])
    | st.tuples(st.sampled_from([0xC1, 0xC3, 0xC5, 0xC7]), st.integers(1, 7)).map(bytes),
    st.binary(max_size=120),
)
def test_noise_is_an_apdu_or_a_received_error(head, noise):
    try:
        read = apdu.decode(head + noise)
    except ReceivedError:
        return
    assert apdu.decode(read.to_bytes()).to_bytes() == read.to_bytes()


def test_written_as_in_the_standard():
    """Octets put together by hand from the ASN.1 of Green Book clause 9.5."""
    energy = CosemAttribute(3, bytes.fromhex("0100010800ff"), 2)
    reset = CosemMethod(3, bytes.fromhex("0100010800ff"), 1)
    written = {
        "c104c1 02 00030100010800ff0200 00030100010800ff0200 02 1101 00": SetRequestWithList(
            0xC1, ((energy, None), (energy, None)), (axdr.uint8(1), axdr.NULL)
        ),
        "c504c1 02 0003 00000002": SetResponseLastDatablockWithList(
            0xC1, (DataAccessResult.SUCCESS, DataAccessResult.READ_WRITE_DENIED), 2
        ),
        "c303c1 01 00030100010800ff01 01 0f00": ActionRequestWithList(0xC1, (reset,), (axdr.int8(0),)),
        "c304c1 00030100010800ff01 00 00000001 03 090b68": ActionRequestWithFirstPblock(
            0xC1, reset, False, 1, bytes.fromhex("090b68")
        ),
        "c703c1 02 0000 00 01 00 1105": ActionResponseWithList(
            0xC1, (ActionOutcome(ActionResult.SUCCESS), ActionOutcome(ActionResult.SUCCESS, axdr.uint8(5)))
        ),
        "d9 c0000001 00 02 01 00030100010800ff02 03 00030100010800ff01 02 00 0f00": AccessRequest(
            0xC0000001, (AccessGet(energy), AccessAction(reset)), (axdr.NULL, axdr.int8(0))
        ),
        "da c0000001 00 00 02 0600000009 00 02 0100 0303": AccessResponse(
            0xC0000001,
            (axdr.uint32(9), axdr.NULL),
            (AccessGetResult(DataAccessResult.SUCCESS), AccessActionResult(ActionResult.READ_WRITE_DENIED)),
        ),
        "05 01 02 fa08": ReadRequest((VariableName(0xFA08),)),
        "0c 02 00 1101 01 03": ReadResponse((axdr.uint8(1), DataAccessResult.READ_WRITE_DENIED)),
        "06 01 02 fa08 01 1101": WriteRequest((VariableName(0xFA08),), (axdr.uint8(1),)),
        "16 01 02 fa08 01 1101": WriteRequest((VariableName(0xFA08),), (axdr.uint8(1),), confirmed=False),
        "0d 02 00 01 03": WriteResponse((DataAccessResult.SUCCESS, DataAccessResult.READ_WRITE_DENIED)),
        "18 00 01 02 fa08 01 1101": InformationReport(None, (VariableName(0xFA08),), (axdr.uint8(1),)),
        "10 40000001 00": DataNotificationConfirm(0x40000001),
    }
    for octets_, one in written.items():
        assert one.to_bytes() == bytes.fromhex(octets_)
        assert apdu.decode(bytes.fromhex(octets_)) == one


@pytest.mark.parametrize(
    ("hexed", "error"),
    [
        ("c106c1", ApduMalformed),
        ("c307c1", ApduMalformed),
        ("c506c1", ApduMalformed),
        ("c705c1", ApduMalformed),
        ("0501 03 0000", ApduMalformed),
        ("0c01 04", ApduMalformed),
        ("0d01 03", ApduMalformed),
        ("d9 00000000 00 01 06", ApduMalformed),
        ("da 00000000 00 00 00 01 04 00", ApduMalformed),
        ("10 00000000 05 0102030405", ApduMalformed),
        ("18 02", ApduMalformed),
        ("0582ffff02", Truncated),
        ("c104c182ffff", Truncated),
        ("c303c184ffffffff", Truncated),
    ],
)
def test_hostile_input(hexed, error):
    with pytest.raises(error):
        apdu.decode(bytes.fromhex(hexed))


@pytest.mark.parametrize("one", [ReadRequest((VariableName(1 << 16),)), WriteRequest((BlockNumberAccess(-1),), ())])
def test_what_does_not_fit_is_the_callers_mistake(one):
    with pytest.raises(UsageError):
        one.to_bytes()
