"""A client that reads and writes by short names, against a meter of a few lines."""

from __future__ import annotations

import pytest

from ami_dlms import apdu, axdr
from ami_dlms.apdu import (
    Aare,
    Aarq,
    BlockNumberAccess,
    ConfirmedServiceError,
    Conformance,
    DataAccessResult,
    DataBlockResult,
    InformationReport,
    InitiateRequest,
    InitiateResponse,
    ParameterizedAccess,
    ReadRequest,
    ReadResponse,
    Rlre,
    Rlrq,
    VariableName,
    WriteRequest,
    WriteResponse,
)
from ami_dlms.apdu.initiate import SN_NAME
from ami_dlms.association.settings import SHORT_NAME_CONFORMANCE
from ami_dlms.client import Answer, Associated, Authentication, Client, ClientSettings, Released, Send, Unsolicited
from ami_dlms.errors import ApduMalformed, DataMalformed, UsageError
from ami_dlms.framing import wrapper
from ami_dlms.short_names import ASSOCIATION, ShortNamedObject, attribute_name, object_list

pytestmark = pytest.mark.unit

ENERGY = bytes((1, 0, 1, 8, 0, 255))
OBJECTS = axdr.array(
    axdr.structure(
        axdr.Data(axdr.Tag.INT16, ASSOCIATION - 0x10000), axdr.uint16(12), axdr.uint8(1), axdr.octets(bytes(6))
    ),
    axdr.structure(axdr.Data(axdr.Tag.INT16, 0x1000), axdr.uint16(3), axdr.uint8(0), axdr.octets(ENERGY)),
)


class Meter:
    """Knows its object list and one register; what is longer than 40 octets comes in blocks of 16."""

    def __init__(self) -> None:
        self.values = {0xFA08: OBJECTS, 0x1000: axdr.octets(ENERGY), 0x1008: axdr.uint32(4711)}
        self.rest = b""

    def answer(self, octets: bytes) -> bytes:
        request = apdu.decode(octets)
        if isinstance(request, Aarq):
            assert request.application_context == 2
            initiate = apdu.decode(request.user_information)
            assert isinstance(initiate, InitiateRequest)
            assert not initiate.conformance & Conformance.GET
            response = InitiateResponse(initiate.conformance, 200, vaa_name=SN_NAME).to_bytes()
            return Aare(0, 0, application_context=2, user_information=response).to_bytes()
        if isinstance(request, Rlrq):
            return Rlre(0).to_bytes()
        if isinstance(request, ReadRequest):
            return self.read(request).to_bytes()
        assert isinstance(request, WriteRequest)
        for variable, value in zip(request.variables, request.data, strict=True):
            self.values[variable.name] = value
        return WriteResponse((DataAccessResult.SUCCESS,) * len(request.variables)).to_bytes()

    def read(self, request: ReadRequest) -> ReadResponse:
        number = 1
        if isinstance(request.variables[0], BlockNumberAccess):
            number = request.variables[0].block_number + 1
        else:
            names = (variable.name for variable in request.variables)
            response = ReadResponse(tuple(self.values.get(name, DataAccessResult.OBJECT_UNDEFINED) for name in names))
            self.rest = response.to_bytes()[1:]
            if len(self.rest) <= 40:
                return response
        block, self.rest = self.rest[:16], self.rest[16:]
        return ReadResponse((DataBlockResult(not self.rest, number, block),))


class Talk:
    def __init__(self, **settings) -> None:
        self.client, self.meter = Client(ClientSettings(short_names=True, **settings)), Meter()
        (self.associated,) = self.say(self.client.associate())

    def say(self, octets: bytes):
        events = []
        while octets:
            answer = self.meter.answer(octets[8:])
            octets = b""
            for event in self.client.receive(wrapper.encode(answer, 1, 16)):
                if isinstance(event, Send):
                    octets += event.data
                else:
                    events.append(event)
        return events

    def ask(self, octets: bytes):
        (answer,) = self.say(octets)
        assert isinstance(answer, Answer)
        return answer.result


def test_the_object_list_names_what_is_read():
    talk = Talk(authentication=Authentication.LLS, password=b"12345678")
    assert talk.associated == Associated(None, SHORT_NAME_CONFORMANCE, 200)

    (found,) = talk.ask(talk.client.read([VariableName(attribute_name(ASSOCIATION, 2))]))
    association, energy = object_list(found)
    assert association == ShortNamedObject(ASSOCIATION, 12, 1, bytes(6))
    assert energy == ShortNamedObject(0x1000, 3, 0, ENERGY)

    names = [VariableName(energy.name_of(attribute)) for attribute in (2, 1, 7)]
    assert talk.ask(talk.client.read(names)) == (
        axdr.uint32(4711),
        axdr.octets(ENERGY),
        DataAccessResult.OBJECT_UNDEFINED,
    )
    assert talk.say(talk.client.release()) == [Released()]


def test_what_is_written_is_read():
    talk = Talk()
    assert talk.ask(talk.client.write([(VariableName(0x1008), axdr.uint8(1))])) == (DataAccessResult.SUCCESS,)
    assert talk.ask(talk.client.read([VariableName(0x1008)])) == (axdr.uint8(1),)


@pytest.mark.parametrize(
    ("response", "result"),
    [
        (ConfirmedServiceError(5, 1, 3), ConfirmedServiceError(5, 1, 3)),
        (ReadResponse(()), ApduMalformed),
        (ReadResponse((axdr.NULL, axdr.NULL)), ApduMalformed),
        (ReadResponse((axdr.NULL, DataBlockResult(True, 1, b""))), ApduMalformed),
        (WriteResponse((DataAccessResult.SUCCESS,)), ApduMalformed),
    ],
)
def test_odd_answers(response, result):
    talk = Talk()
    talk.client.read([VariableName(0x1008)])
    (answer,) = talk.client.receive(wrapper.encode(response.to_bytes(), 1, 16))
    assert answer.result == result or isinstance(answer.result, result)


def test_a_report_while_a_request_is_under_way():
    talk = Talk()
    talk.client.read([VariableName(0x1008)])
    report = InformationReport(None, (VariableName(0x1008),), (axdr.uint8(1),)).to_bytes()
    assert talk.client.receive(wrapper.encode(report, 1, 16)) == [Unsolicited(report, wrapper.encode(report, 1, 16))]


def test_misuse_is_told():
    with pytest.raises(UsageError, match="none or lls"):
        ClientSettings(short_names=True, authentication=Authentication.HLS_MD5, password=b"x")
    with pytest.raises(UsageError, match="200 at most"):
        Talk().client.read([ParameterizedAccess(0x1008, 1, axdr.octets(bytes(200)))])


@pytest.mark.parametrize("data", [axdr.NULL, axdr.array(axdr.NULL), axdr.array(axdr.structure(axdr.NULL))])
def test_an_object_list_that_is_none(data):
    with pytest.raises(DataMalformed):
        object_list(data)
