"""Lists, ACCESS, and requests and responses in the blocks of their service, between our two sides."""

from __future__ import annotations

import pytest

from ami_dlms import apdu, axdr
from ami_dlms.apdu import (
    AccessAction,
    AccessGet,
    AccessRequest,
    AccessSet,
    ActionOutcome,
    ActionRequestNextPblock,
    ActionRequestNormal,
    ActionRequestWithFirstPblock,
    ActionRequestWithList,
    ActionRequestWithListAndFirstPblock,
    ActionRequestWithPblock,
    ActionResponseNextPblock,
    ActionResponseNormal,
    ActionResponseWithPblock,
    ActionResult,
    Conformance,
    CosemAttribute,
    CosemMethod,
    DataAccessResult,
    ExceptionResponse,
    GetRequestNormal,
    GetRequestWithList,
    GetResponseNormal,
    GetResponseWithDatablock,
    GetResponseWithList,
    SelectiveAccess,
    SetRequestWithDatablock,
    SetRequestWithFirstDatablock,
    SetRequestWithList,
    SetResponseDatablock,
    SetResponseLastDatablock,
    SetResponseNormal,
    SetResponseWithList,
)
from ami_dlms.association.exchange import Done, Exchange, More
from ami_dlms.association.services import Services
from ami_dlms.association.settings import CLIENT_CONFORMANCE
from ami_dlms.client import Answer, Authentication
from ami_dlms.cosem import DataObject
from ami_dlms.errors import ApduMalformed, Truncated, UsageError
from ami_dlms.framing import Framing

pytestmark = pytest.mark.unit

ECHO = bytes((0, 0, 96, 200, 0, 255))
VALUE, ABSENT = CosemAttribute(1, ECHO, 2), CosemAttribute(1, bytes(6), 2)
LOCKED = CosemAttribute(1, ECHO, 1)
RETURN, FAIL, SILENT = CosemMethod(1, ECHO, 1), CosemMethod(1, ECHO, 2), CosemMethod(1, ECHO, 3)
LONG = axdr.octets(bytes(range(256)) * 4)
SHORT = axdr.uint8(5)


class Echo(DataObject):
    """Takes any value; its first method returns its parameter, its second fails, its third returns nothing."""

    def __init__(self) -> None:
        super().__init__(ECHO, lambda: self.value)
        self.value: axdr.Data = axdr.NULL
        self.setters[2] = self.take

    def take(self, value):
        self.value = value
        return DataAccessResult.SUCCESS

    def invoke(self, method, parameter):
        if method == 1:
            return ActionOutcome(ActionResult.SUCCESS, parameter)
        return ActionResult.SUCCESS if method == 3 else ActionResult.HARDWARE_FAULT


@pytest.fixture(params=["short", "long", "general"])
def talk(request, converse):
    """Conversations with room for everything, with 200 octets an APDU, and with general block transfer."""
    conformance = CLIENT_CONFORMANCE
    if request.param == "general":
        conformance |= Conformance.GENERAL_BLOCK_TRANSFER
    size = {"max_pdu_size": 65535 if request.param == "short" else 200}
    made = converse(client={"conformance": conformance, **size}, server=size)
    made.device.objects[ECHO] = Echo()
    made.associate()
    return made


def answer(talk, octets: bytes):
    (event,) = talk.say(octets)
    assert isinstance(event, Answer)
    return event.result


def test_a_value_of_any_length_is_written(talk):
    for value in (SHORT, LONG):
        assert answer(talk, talk.client.set(VALUE, value)) is DataAccessResult.SUCCESS
        assert talk.device.objects[ECHO].value == value
        assert answer(talk, talk.client.get(VALUE)) == value


def test_what_may_not_be_written(talk):
    assert answer(talk, talk.client.set(LOCKED, LONG)) is DataAccessResult.READ_WRITE_DENIED
    assert answer(talk, talk.client.set(ABSENT, LONG)) is DataAccessResult.OBJECT_UNDEFINED


def test_parameters_and_return_values_of_any_length(talk):
    for value in (SHORT, LONG):
        assert answer(talk, talk.client.action(RETURN, value)) == value
    assert answer(talk, talk.client.action(SILENT)) is ActionResult.SUCCESS
    assert answer(talk, talk.client.action(FAIL, LONG)) is ActionResult.HARDWARE_FAULT


def test_lists(talk):
    client = talk.client
    wrote = answer(talk, client.set_list([((VALUE, None), LONG), ((LOCKED, None), SHORT), ((ABSENT, None), SHORT)]))
    assert wrote == (
        DataAccessResult.SUCCESS,
        DataAccessResult.READ_WRITE_DENIED,
        DataAccessResult.OBJECT_UNDEFINED,
    )
    assert answer(talk, client.get_list([(VALUE, None), (ABSENT, None), (LOCKED, None)])) == (
        LONG,
        DataAccessResult.OBJECT_UNDEFINED,
        axdr.octets(ECHO),
    )
    assert answer(talk, client.action_list([(RETURN, LONG), (FAIL, SHORT), (SILENT, axdr.NULL)])) == (
        LONG,
        ActionResult.HARDWARE_FAULT,
        ActionResult.SUCCESS,
    )


def test_access(talk, request):
    value = SHORT if "long" in request.node.name else LONG  # ACCESS has no blocks of its own
    asked = [(AccessSet(VALUE), value), (AccessGet(VALUE), axdr.NULL), (AccessGet(ABSENT), axdr.NULL)]
    asked += [(AccessAction(RETURN), SHORT), (AccessAction(FAIL), axdr.NULL), (AccessAction(SILENT), axdr.NULL)]
    assert answer(talk, talk.client.access(asked)) == (
        DataAccessResult.SUCCESS,
        value,
        DataAccessResult.OBJECT_UNDEFINED,
        SHORT,
        ActionResult.HARDWARE_FAULT,
        ActionResult.SUCCESS,
    )


@pytest.mark.parametrize("framing", [Framing.WRAPPER, Framing.HDLC])
def test_ciphered_in_blocks(converse, framing):
    talk = converse(Authentication.HLS_GMAC, framing, client={"max_pdu_size": 200}, server={"max_pdu_size": 200})
    talk.device.objects[ECHO] = Echo()
    talk.associate()

    assert answer(talk, talk.client.set(VALUE, LONG)) is DataAccessResult.SUCCESS
    assert answer(talk, talk.client.get_list([(VALUE, None)] * 2)) == (LONG, LONG)
    assert answer(talk, talk.client.action(RETURN, LONG)) == LONG


def test_access_longer_than_the_meter_takes_or_the_client(converse):
    talk = converse(client={"max_pdu_size": 200}, server={"max_pdu_size": 200})
    talk.device.objects[ECHO] = Echo()
    talk.associate()
    talk.device.objects[ECHO].value = LONG

    with pytest.raises(UsageError, match="200 at most"):
        talk.client.access([(AccessSet(VALUE), LONG)])
    assert answer(talk, talk.client.access([(AccessGet(VALUE), axdr.NULL)])) == ExceptionResponse(2, 4)


def test_services_that_were_not_agreed_on_are_refused(converse):
    talk = converse(client={"conformance": Conformance.GET | Conformance.SET})
    talk.device.objects[ECHO] = Echo()
    talk.associate()
    client = talk.client
    for ask in (
        lambda: client.get_list([(VALUE, None)]),
        lambda: client.action(RETURN, SHORT),
        lambda: client.access([(AccessGet(VALUE), axdr.NULL)]),
    ):
        assert answer(talk, ask()) == ExceptionResponse(2, 2)
    assert answer(talk, talk.client.get(VALUE)) == axdr.NULL


def serve(*requests):
    services = Services({ECHO: Echo()}, CLIENT_CONFORMANCE, 100)
    return [apdu.decode(services.answer(request)) for request in requests][-1]


FIRST = SetRequestWithFirstDatablock(0xC1, VALUE, None, False, 1, b"\x09\x04ab")


@pytest.mark.parametrize(
    ("requests", "response"),
    [
        ([FIRST], SetResponseDatablock(0xC1, 1)),
        (
            [FIRST, SetRequestWithDatablock(0xC1, True, 2, b"cd")],
            SetResponseLastDatablock(0xC1, DataAccessResult.SUCCESS, 2),
        ),
        (
            [FIRST, SetRequestWithDatablock(0xC1, True, 3, b"cd")],
            SetResponseLastDatablock(0xC1, DataAccessResult.DATA_BLOCK_NUMBER_INVALID, 3),
        ),
        (
            [FIRST, SetRequestWithDatablock(0xC1, True, 2, b"c")],
            SetResponseLastDatablock(0xC1, DataAccessResult.TYPE_UNMATCHED, 2),
        ),
        (
            [SetRequestWithDatablock(0xC1, True, 2, b"cd")],
            SetResponseLastDatablock(0xC1, DataAccessResult.NO_LONG_SET_IN_PROGRESS, 2),
        ),
        (
            [FIRST, GetRequestNormal(0xC2, VALUE), SetRequestWithDatablock(0xC1, True, 2, b"cd")],
            SetResponseLastDatablock(0xC1, DataAccessResult.NO_LONG_SET_IN_PROGRESS, 2),
        ),
        (
            [FIRST, *(SetRequestWithDatablock(0xC1, False, 2 + n, bytes(1 << 19)) for n in range(2))],
            SetResponseLastDatablock(0xC1, DataAccessResult.LONG_SET_ABORTED, 3),
        ),
        (
            [SetRequestWithFirstDatablock(0xC1, VALUE, SelectiveAccess(1, SHORT), True, 1, b"\x11\x01")],
            SetResponseLastDatablock(0xC1, DataAccessResult.SCOPE_OF_ACCESS_VIOLATED, 1),
        ),
        (
            [SetRequestWithList(0xC1, ((VALUE, None),), ())],
            SetResponseNormal(0xC1, DataAccessResult.OTHER_REASON),
        ),
        ([ActionRequestWithFirstPblock(0xC1, RETURN, False, 1, b"")], ActionResponseNextPblock(0xC1, 1)),
        (
            [ActionRequestWithPblock(0xC1, True, 2, b"")],
            ActionResponseNormal(0xC1, ActionResult.NO_LONG_ACTION_IN_PROGRESS),
        ),
        (
            [ActionRequestWithFirstPblock(0xC1, RETURN, True, 2, b"\x11\x01")],
            ActionResponseNormal(0xC1, ActionResult.LONG_ACTION_ABORTED),
        ),
        (
            [ActionRequestWithListAndFirstPblock(0xC1, (RETURN,), True, 1, b"\x01\x11")],
            ActionResponseNormal(0xC1, ActionResult.LONG_ACTION_ABORTED),
        ),
        ([ActionRequestNextPblock(0xC1, 1)], ActionResponseNormal(0xC1, ActionResult.LONG_ACTION_ABORTED)),
        ([ActionRequestWithList(0xC1, (RETURN,), ())], ActionResponseNormal(0xC1, ActionResult.OTHER_REASON)),
        ([AccessRequest(1, (AccessGet(VALUE),), ())], ExceptionResponse(2, 2)),
    ],
)
def test_the_server_in_each_case(requests, response):
    assert serve(*requests) == response


GETTING = GetRequestNormal(0xC1, VALUE)
CALLING = ActionRequestNormal(0xC1, RETURN, SHORT)
LISTING = GetRequestWithList(0xC1, ((VALUE, None), (LOCKED, None)))


@pytest.mark.parametrize(
    ("request_", "responses", "outcome"),
    [
        (GETTING, [GetResponseNormal(0xC2, SHORT)], None),
        (GETTING, [ExceptionResponse(1, 1)], Done(ExceptionResponse(1, 1))),
        (GETTING, [SetResponseNormal(0xC1, DataAccessResult.SUCCESS)], ApduMalformed),
        (GETTING, [GetResponseWithDatablock(0xC1, False, 1, b"\x11")], More(bytes.fromhex("c002c100000001"))),
        (GETTING, [GetResponseWithDatablock(0xC1, False, n, b"\x11") for n in (1, 3)], ApduMalformed),
        (GETTING, [GetResponseWithDatablock(0xC1, True, 1, b"\x11\x05")], Done(SHORT)),
        (LISTING, [GetResponseWithList(0xC1, (SHORT,))], ApduMalformed),
        (LISTING, [GetResponseNormal(0xC1, DataAccessResult.OTHER_REASON)], Done(DataAccessResult.OTHER_REASON)),
        (LISTING, [GetResponseWithDatablock(0xC1, True, 1, b"\x02\x00\x11\x05\x01\x03")],
         Done((SHORT, DataAccessResult.READ_WRITE_DENIED))),
        (CALLING, [ActionResponseWithPblock(0xC1, True, 1, b"\x11\x05")], Done(SHORT)),
        (CALLING, [ActionResponseWithPblock(0xC1, True, 1, b"\x00\x01\x00\x11\x05")], Done(SHORT)),
        (CALLING, [ActionResponseWithPblock(0xC1, False, 1, b"\x11")], More(bytes.fromhex("c302c100000001"))),
        (CALLING, [ActionResponseWithPblock(0xC1, True, 1, b"\x11")], Truncated),
        (GETTING, [SetResponseWithList(0xC1, ())], ApduMalformed),
        (SetRequestWithList(0xC1, ((VALUE, None),), (SHORT,)), [SetResponseDatablock(0xC1, 1)], ApduMalformed),
    ],
)  # fmt: skip
def test_the_client_in_each_case(request_, responses, outcome):
    exchange = Exchange(request_, 0, CLIENT_CONFORMANCE)
    *before, last = responses
    for response in before:
        exchange.take(response)
    if isinstance(outcome, type):
        with pytest.raises(outcome):
            exchange.take(last)
    else:
        assert exchange.take(last) == outcome


def test_no_room_for_any_block():
    with pytest.raises(UsageError, match="20 at most"):
        Exchange(apdu.SetRequestNormal(0xC1, VALUE, None, LONG), 20, CLIENT_CONFORMANCE)
