"""What can be read, written and done, and what the answers are made of."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from ami_dlms import apdu, axdr
from ami_dlms.apdu import (
    ActionResult,
    Conformance,
    CosemAttribute,
    CosemMethod,
    DataAccessResult,
    DataNotification,
    ExceptionResponse,
    GetRequestNext,
    GetRequestNormal,
    GetRequestWithList,
    GetResponseWithDatablock,
    GetResponseWithList,
    SelectiveAccess,
)
from ami_dlms.client import Answer, Authentication, ClientState, Unsolicited
from ami_dlms.cosem_time import CosemDateTime
from ami_dlms.errors import ApduMalformed, DataMalformed, ReceivedError, UsageError
from ami_dlms.framing import Framing, unframe, wrapper
from ami_dlms.obis import parse_obis
from ami_dlms.selective import CaptureObject, entry_descriptor, range_descriptor

pytestmark = pytest.mark.unit

FRAMINGS = (Framing.WRAPPER, Framing.HDLC)
ENERGY = CosemAttribute(3, parse_obis("1.0.1.8.0.255"), 2)
NOTE = CosemAttribute(1, parse_obis("0.0.96.1.9.255"), 2)
PROFILE = parse_obis("1.0.99.1.0.255")
BUFFER = CosemAttribute(7, PROFILE, 2)
OBJECT_LIST = CosemAttribute(15, parse_obis("0.0.40.0.0.255"), 2)
CET = timezone(timedelta(hours=1))


def ask(talk, attribute, access=None):
    (answer,) = talk.say(talk.client.get(attribute, access))
    assert isinstance(answer, Answer)
    return answer


def energies(result) -> list[int]:
    return [row.value[-1].value for row in result.value]


@pytest.mark.parametrize("framing", FRAMINGS)
@pytest.mark.parametrize("size", [60, 128, 500, 65535])
def test_blocks(converse, framing, size) -> None:
    talk = converse(Authentication.LLS, framing, client={"max_pdu_size": size}, server={"max_pdu_size": size})
    talk.associate()
    talk.to_client.clear()

    answer = ask(talk, BUFFER)

    assert energies(answer.result) == list(range(1000, 1024))
    assert apdu.decode(answer.request) == GetRequestNormal(answer.request[2], BUFFER)
    assert answer.raw == b"".join(talk.to_client)
    message = unframe(answer.raw, framing)
    assert message.complete
    assert all(len(item) <= size for item in message.apdus)
    assert (len(message.apdus) > 1) is (size < 1000)


@pytest.mark.parametrize("framing", FRAMINGS)
def test_ciphered_blocks_fit_the_agreed_size(converse, framing) -> None:
    talk = converse(Authentication.HLS_GMAC, framing, client={"max_pdu_size": 128})
    talk.associate()

    answer = ask(talk, BUFFER)

    assert energies(answer.result) == list(range(1000, 1024))
    assert all(len(item) <= 128 for item in unframe(answer.raw, framing).apdus)


@pytest.mark.parametrize(
    ("begin", "end", "expected"),
    [
        (datetime(2026, 3, 1, 3, tzinfo=CET), datetime(2026, 3, 1, 5, tzinfo=CET), [1003, 1004, 1005]),
        (datetime(2026, 3, 1, 3, tzinfo=timezone.utc), datetime(2026, 3, 1, 4, tzinfo=timezone.utc), [1004, 1005]),
        (datetime(2026, 3, 1, 3), datetime(2026, 3, 1, 3, 59), [1003]),  # noqa: DTZ001  # local time of the meter
        (datetime(2026, 3, 2, 3, tzinfo=CET), datetime(2026, 3, 2, 5, tzinfo=CET), []),
    ],
)
def test_rows_by_range(converse, begin, end, expected) -> None:
    talk = converse()
    talk.associate()

    assert energies(ask(talk, BUFFER, range_descriptor(begin, end)).result) == expected


def test_an_open_end_is_no_bound(converse) -> None:
    talk = converse()
    talk.associate()
    forever = CosemDateTime.from_bytes(b"\xff" * 12)

    result = ask(talk, BUFFER, range_descriptor(datetime(2026, 3, 1, 22, tzinfo=CET), forever)).result

    assert energies(result) == [1022, 1023]


def test_rows_by_range_of_another_column_and_some_columns(converse) -> None:
    talk = converse()
    talk.associate()
    energy = CaptureObject(3, ENERGY.obis)

    access = range_descriptor(axdr.uint32(1002), axdr.uint32(1004), by=energy, columns=[energy])
    result = ask(talk, BUFFER, access).result

    assert result == axdr.array(*(axdr.structure(axdr.uint32(value)) for value in (1002, 1003, 1004)))


@pytest.mark.parametrize(
    ("access", "expected"),
    [
        (entry_descriptor(), list(range(1000, 1024))),
        (entry_descriptor(1, 3), [1000, 1001, 1002]),
        (entry_descriptor(23, 0), [1022, 1023]),
        (entry_descriptor(24, 99), [1023]),
        (entry_descriptor(2, 2, from_column=3, to_column=3), [1001]),
        (entry_descriptor(25, 30), []),
    ],
)
def test_rows_by_entry(converse, access, expected) -> None:
    talk = converse()
    talk.associate()

    assert energies(ask(talk, BUFFER, access).result) == expected


def test_columns_by_entry(converse) -> None:
    talk = converse()
    talk.associate()

    result = ask(talk, BUFFER, entry_descriptor(1, 1, from_column=2, to_column=3)).result

    assert result == axdr.array(axdr.structure(axdr.uint8(0), axdr.uint32(1000)))


@pytest.mark.parametrize(
    ("attribute", "access", "expected"),
    [
        (CosemAttribute(3, parse_obis("1.0.9.9.9.255"), 2), None, DataAccessResult.OBJECT_UNDEFINED),
        (CosemAttribute(3, ENERGY.obis, 9), None, DataAccessResult.OBJECT_UNDEFINED),
        (CosemAttribute(1, ENERGY.obis, 2), None, DataAccessResult.OBJECT_CLASS_INCONSISTENT),
        (ENERGY, entry_descriptor(), DataAccessResult.SCOPE_OF_ACCESS_VIOLATED),
        (BUFFER, SelectiveAccess(3, axdr.NULL), DataAccessResult.SCOPE_OF_ACCESS_VIOLATED),
        (BUFFER, SelectiveAccess(1, axdr.NULL), DataAccessResult.TYPE_UNMATCHED),
        (BUFFER, SelectiveAccess(2, axdr.structure(*[axdr.NULL] * 4)), DataAccessResult.TYPE_UNMATCHED),
        (BUFFER, range_descriptor(axdr.octets(b"x"), axdr.octets(b"y")), DataAccessResult.TYPE_UNMATCHED),
        (
            BUFFER,
            range_descriptor(axdr.NULL, axdr.NULL, by=CaptureObject(3, PROFILE)),
            DataAccessResult.OBJECT_UNDEFINED,
        ),
    ],
)
def test_what_cannot_be_read_says_why(converse, attribute, access, expected) -> None:
    talk = converse()
    talk.associate()

    assert ask(talk, attribute, access).result is expected


def test_the_object_list_tells_all_there_is(converse) -> None:
    talk = converse()
    talk.associate()

    for element in ask(talk, OBJECT_LIST).result.value:
        class_id, _version, name, rights = element.value
        for item in rights.value[0].value:
            number = item.value[0].value
            result = ask(talk, CosemAttribute(class_id.value, name.value, number)).result
            assert isinstance(result, axdr.Data), (class_id, name, number)


def test_write(converse) -> None:
    talk = converse(Authentication.HLS_GMAC)
    talk.associate()

    (written,) = talk.say(talk.client.set(NOTE, axdr.octets(b"new")))
    (denied,) = talk.say(talk.client.set(ENERGY, axdr.uint32(0)))
    (unknown,) = talk.say(talk.client.set(CosemAttribute(1, bytes(6), 2), axdr.NULL))

    assert written.result is DataAccessResult.SUCCESS
    assert ask(talk, NOTE).result == axdr.octets(b"new")
    assert denied.result is DataAccessResult.READ_WRITE_DENIED
    assert unknown.result is DataAccessResult.OBJECT_UNDEFINED


def test_act(converse) -> None:
    talk = converse(Authentication.HLS_GMAC)
    talk.associate()

    (denied,) = talk.say(talk.client.action(CosemMethod(7, PROFILE, 1), axdr.int8(0)))
    (unknown,) = talk.say(talk.client.action(CosemMethod(7, PROFILE, 99)))

    assert denied.result is ActionResult.READ_WRITE_DENIED
    assert unknown.result is ActionResult.OBJECT_UNDEFINED


def raw(talk, request: bytes):
    """Send an APDU past the client; return the answer's APDU."""
    return apdu.decode(talk.server.receive(wrapper.encode(request, 1, 1))[8:])


def test_a_list_of_attributes(converse) -> None:
    talk = converse(client={"conformance": apdu.Conformance(0x7FFFFF)})
    talk.associate()

    answer = raw(talk, GetRequestWithList(0xC1, ((ENERGY, None), (BUFFER, entry_descriptor(1, 1)))).to_bytes())

    assert isinstance(answer, GetResponseWithList)
    assert answer.results[0] == axdr.uint32(4711)
    assert energies(answer.results[1]) == [1000]


def test_a_long_list_comes_in_blocks(converse) -> None:
    talk = converse(client={"max_pdu_size": 100})
    talk.associate()

    answer = raw(talk, GetRequestWithList(0xC1, ((ENERGY, None), (BUFFER, None))).to_bytes())
    octets = b""
    while not answer.last:
        octets += answer.result
        answer = raw(talk, GetRequestNext(0xC1, answer.block_number).to_bytes())
    whole = apdu.decode(b"\xc4\x03\xc1" + octets + answer.result)

    assert isinstance(whole, GetResponseWithList)
    assert energies(whole.results[1]) == list(range(1000, 1024))


def test_blocks_out_of_order(converse) -> None:
    talk = converse(client={"max_pdu_size": 100})
    talk.associate()
    next_block = GetRequestNext(0xC1, 5).to_bytes()

    assert raw(talk, next_block).result is DataAccessResult.NO_LONG_GET_IN_PROGRESS
    first = raw(talk, GetRequestNormal(0xC1, BUFFER).to_bytes())
    assert isinstance(first, GetResponseWithDatablock)
    assert raw(talk, next_block).result is DataAccessResult.DATA_BLOCK_NUMBER_INVALID
    assert raw(talk, GetRequestNext(0xC1, 1).to_bytes()).result is DataAccessResult.NO_LONG_GET_IN_PROGRESS


def test_without_block_transfer_a_long_value_cannot_be_given(converse) -> None:
    talk = converse(client={"max_pdu_size": 100, "conformance": apdu.Conformance.GET})
    talk.associate()

    assert ask(talk, BUFFER).result is DataAccessResult.OTHER_REASON


@pytest.mark.parametrize("request_", ["c001c1", "0f00000000", "c0", "ff", "", "c201", "0100"])
def test_nonsense_is_answered_with_an_exception(converse, request_) -> None:
    talk = converse()
    talk.associate()
    octets = talk.server.receive(wrapper.encode(bytes.fromhex(request_), 1, 1))

    assert octets == b"" or isinstance(apdu.decode(octets[8:]), ExceptionResponse)


def test_without_an_association_there_is_no_service(converse) -> None:
    assert raw(converse(), GetRequestNormal(0xC1, ENERGY).to_bytes()) == ExceptionResponse(1, 1)


def test_plain_requests_are_not_served_where_apdus_are_ciphered(converse) -> None:
    talk = converse(Authentication.HLS_GMAC)
    talk.associate()

    assert raw(talk, GetRequestNormal(0xC1, ENERGY).to_bytes()) == ExceptionResponse(1, 3)


def test_a_request_sent_twice_is_a_replay(converse) -> None:
    talk = converse(Authentication.HLS_GMAC)
    talk.associate()
    request = talk.client.get(ENERGY)
    talk.server.receive(request)

    answer = apdu.decode(talk.server.receive(request)[8:])

    assert (answer.service_error, answer.invocation_counter) == (6, 104)


def test_an_answer_sent_twice_is_a_replay(converse) -> None:
    talk = converse(Authentication.HLS_GMAC)
    talk.associate()
    first = talk.client.get(ENERGY)
    octets = talk.server.receive(first)
    talk.client.receive(octets)
    talk.client.get(ENERGY)

    (answer,) = talk.client.receive(octets)

    assert isinstance(answer.result, ReceivedError)
    assert answer.result.reason == "STALE_COUNTER"


def test_a_plain_answer_where_apdus_are_ciphered(converse) -> None:
    talk = converse(Authentication.HLS_GMAC)
    talk.associate()
    talk.client.get(ENERGY)

    (answer,) = talk.client.receive(wrapper.encode(bytes.fromhex("c401c10011ff"), 1, 1))

    assert answer.result.reason == "DOWNGRADED"


def answer_of(talk, octets: str):
    """Let the meter answer a get with these octets."""
    talk.client.get(ENERGY)
    return talk.client.receive(wrapper.encode(bytes.fromhex(octets), 1, 1))


def test_an_exception_answers_and_the_association_stays(converse) -> None:
    talk = converse()
    talk.associate()

    (answer,) = answer_of(talk, "d80101")

    assert answer.result == ExceptionResponse(1, 1)
    assert talk.client.state is ClientState.READY


def test_an_answer_that_cannot_be_decoded_is_kept(converse) -> None:
    talk = converse()
    talk.associate()

    (answer,) = answer_of(talk, "c401c10007")

    assert isinstance(answer.result, DataMalformed)
    assert answer.raw == wrapper.encode(bytes.fromhex("c401c10007"), 1, 1)
    assert ask(talk, ENERGY).result == axdr.uint32(4711)


def test_the_answer_to_another_request_is_not_taken(converse) -> None:
    talk = converse()
    talk.associate()

    assert answer_of(talk, "c401c90011ff") == []
    (answer,) = talk.client.receive(wrapper.encode(bytes.fromhex("c401c10011ff"), 1, 1))
    assert answer.result == axdr.uint8(255)


def test_a_missing_block_is_noticed(converse) -> None:
    talk = converse()
    talk.associate()
    answer_of(talk, "c402c100000000010001 11")

    (answer,) = talk.client.receive(wrapper.encode(bytes.fromhex("c402c101000000030001 ff"), 1, 1))

    assert isinstance(answer.result, ApduMalformed)


def test_a_push_amid_a_request_is_told_apart(converse) -> None:
    talk = converse()
    talk.associate()
    push = DataNotification(1, b"", axdr.uint8(1)).to_bytes()
    frame = wrapper.encode(push, 1, 103)
    request = talk.client.get(ENERGY)

    pushed, answer = talk.client.receive(frame + talk.server.receive(request))

    assert pushed == Unsolicited(push, frame)
    assert answer.result == axdr.uint32(4711)
    assert frame not in answer.raw


def test_noise_before_an_answer_stays_with_it(converse) -> None:
    talk = converse()
    talk.associate()
    octets = talk.server.receive(talk.client.get(ENERGY))

    (answer,) = talk.client.receive(b"\xff\xfe" + octets)

    assert answer.raw == b"\xff\xfe" + octets


def test_a_request_the_meter_cannot_take(converse) -> None:
    talk = converse(client={"conformance": Conformance.GET | Conformance.SET}, server={"max_pdu_size": 100})
    talk.associate()

    with pytest.raises(UsageError, match="100 at most"):
        talk.client.set(NOTE, axdr.octets(bytes(200)))
    assert ask(talk, ENERGY).result == axdr.uint32(4711)
