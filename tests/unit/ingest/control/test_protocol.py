"""What is said at the control socket comes back as it was; what is nonsense is named."""

from datetime import datetime, timezone

import pytest

from ami.raw.v1.exchange_pb2 import Exchange, ScalerUnit
from ami_dlms.apdu import DataAccessResult
from ami_dlms.axdr import Data, Tag
from ami_dlms.obis import parse_obis
from ami_ingest.config.target import Target
from ami_ingest.control import protocol
from ami_ingest.control.protocol import ProtocolError
from ami_ingest.errors import AssociationRejected, ExchangeFailed, MeterUnknown, NoAnswer
from ami_ingest.meters.obis_line import pinged_line, reading_line
from ami_ingest.meters.ping import Pinged
from ami_ingest.meters.read import ProfileRange
from ami_ingest.meters.reading import Reading
from ami_ingest.record import RawRecord

pytestmark = pytest.mark.unit

ENERGY = parse_obis("1.0.1.8.0.255")
ROUND = RawRecord(b"key", b"\x00\xff", (("ami-framing", b"wrapper"),), 7)


def energy(result=None, **more):
    result = Data(Tag.UINT32, 12345) if result is None else result
    exchange = Exchange(class_id=3, obis=ENERGY, attribute=2, request=bytes.fromhex("c001c2"), **more)
    return Reading((ROUND,), exchange, result=result)


def test_a_reading_comes_back_without_keys():
    sent = energy(scaler_unit=ScalerUnit(scaler=0, unit=30))
    members = protocol.reading_members(sent)
    line = protocol.line({"reading": members})
    assert line.endswith(b"}\n")
    assert line.count(b"\n") == 1
    assert protocol.reading_of(members) == sent
    assert protocol.plain_response(sent).hex() == "c401c20006" + "00003039"


def test_a_refusal_comes_back_as_one():
    sent = energy(DataAccessResult.READ_WRITE_DENIED)
    assert protocol.reading_of(protocol.reading_members(sent)) == sent


def test_a_ping_comes_back():
    sent = Pinged("AMV1", bytes(8), 0.1, 0.2, 0.3, -4.0, reading=energy())
    assert protocol.pinged_of(protocol.pinged_members(sent)) == sent


def test_what_is_asked_comes_back():
    now = datetime(2026, 3, 1, tzinfo=timezone.utc)
    asked = ([Target.parse("3:1.0.1.8.0.255:2"), Target.parse("1.0.32.7.0.255")], ProfileRange(ENERGY, now, now))
    line = protocol.line({"id": 1, "do": "read", "meter": "m", **protocol.read_members(*asked)})
    assert protocol.asked_of(protocol.parse_request(line)) == asked


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b"", "INVALID"),
        (b"[]\n", "INVALID"),
        (b"\xff\xfe\n", "INVALID"),
        (b"[" * 60_000, "INVALID"),
        (b'{"v":1}', "INVALID"),
        (b'{"do":"ping"}', "VERSION"),
        (b'{"v":2,"do":"ping"}', "VERSION"),
        (b'{"v":1,"do":7}', "INVALID"),
        (b'{"v":1,"do":"ping","id":{}}', "INVALID"),
    ],
)
def test_nonsense_is_named(line, code):
    with pytest.raises(ProtocolError) as refused:
        protocol.parse_request(line)
    assert refused.value.code == code


@pytest.mark.parametrize(
    "members",
    [
        {},
        {"targets": "1.0.1.8.0.255"},
        {"targets": [7]},
        {"targets": ["1.0.1.8.0.255"] * 1001},
        {"profile": 7},
        {"profile": {"obis": "1.0.99.1.0.255", "from": 1, "to": 2}},
        {"profile": {"obis": "1.0.99.1.0.255", "from": "2026-01-01T00:00:00", "to": "2026-01-02T00:00:00"}},
        {"profile": {"obis": "x", "from": "2026-01-01T00:00:00+00:00", "to": "2026-01-02T00:00:00+00:00"}},
        {"profile": {"obis": "1.0.99.1.0.255", "from": "2026-01-02T00:00:00+00:00", "to": "2026-01-01T00:00:00+00:00"}},
    ],
)
def test_a_request_to_read_nothing_is_named(members):
    with pytest.raises(ProtocolError):
        protocol.asked_of(protocol.Request(1, "read", members))


def test_an_instant_may_end_in_z():
    profile = {"obis": "1.0.99.1.0.255", "from": "2026-01-01T00:00:00Z", "to": "2026-01-02T00:00:00Z"}
    _, found = protocol.asked_of(protocol.Request(1, "read", {"profile": profile}))
    assert found.start == datetime(2026, 1, 1, tzinfo=timezone.utc)


@pytest.mark.parametrize("seconds", [0, -1, "7", True, None, 1e9])
def test_a_time_span_is_bounded(seconds):
    with pytest.raises(ProtocolError):
        protocol.Request(1, "ping", {"timeout_s": seconds}).seconds("timeout_s", 60, 3600)


def test_a_failure_keeps_its_code_and_what_to_do():
    error = AssociationRejected(
        "DLMS Association Rejected (authentication-failure)", "check the password", "it refuses"
    )
    error.phase = "associate"
    failure = protocol.failure_of(error)
    assert failure == protocol.failure_from(failure._asdict())
    assert (failure.code, failure.kind, failure.phase) == ("ASSOCIATION_REJECTED", "refused", "associate")
    assert protocol.failure_of(ExchangeFailed("x")).kind == "data"
    assert protocol.failure_of(NoAnswer("x")).kind == "meter"
    unknown = protocol.failure_of(MeterUnknown("There is no meter x; look at the inventory"))
    assert (unknown.kind, unknown.message, unknown.remedy) == (
        "missing",
        "There is no meter x",
        "look at the inventory",
    )
    defect = protocol.failure_of(ValueError("a secret"))
    assert defect.kind == "defect"
    assert "secret" not in str(defect)
    assert protocol.failure_from("nonsense").kind == "defect"


@pytest.mark.parametrize(
    "members",
    [{}, {"records": 7}, {"records": [{}]}, {"records": [], "exchange": "!"}, {"records": [], "exchange": "/w=="}],
)
def test_an_answer_that_is_no_reading_is_named(members):
    with pytest.raises(ProtocolError):
        protocol.reading_of(members)


@pytest.mark.parametrize(
    ("result", "shown"),
    [
        (Data(Tag.UINT32, 12345), "12345 Wh"),
        (Data(Tag.OCTET_STRING, b"AMV0000000000001"), "AMV0000000000001"),
        (Data(Tag.OCTET_STRING, bytes.fromhex("07ea0303020c0000ff800000")), "2026-03-03 12:00:00"),
        (Data(Tag.OCTET_STRING, b"\x00\x01"), "0001"),
        (Data(Tag.OCTET_STRING, bytes(40)), "00" * 32 + "…"),
        (Data(Tag.VISIBLE_STRING, "abc"), "abc"),
        (Data(Tag.BOOLEAN, True), "True"),
        (Data(Tag.STRUCTURE, (Data(Tag.NULL, None),) * 3), "structure of 3"),
        (Data(Tag.NULL, None), "null"),
        (DataAccessResult.OBJECT_UNDEFINED, "refused (object-undefined)"),
    ],
)
def test_a_technician_finds_the_obis_code_in_the_log(result, shown):
    reading = energy(result, scaler_unit=ScalerUnit(scaler=0, unit=30))
    assert reading_line(reading) == f"OBIS Code 1.0.1.8.0.255 = {shown}"


def test_other_lines():
    assert reading_line(energy()._replace(rows=96)) == "OBIS Code 1.0.1.8.0.255 = 96 rows"
    assert reading_line(energy(Data(Tag.UINT32, 2300), scaler_unit=ScalerUnit(scaler=-1, unit=35))).endswith(
        "= 230.0 V"
    )
    assert pinged_line(Pinged("AMV1", None, 0, 0, 0)) == "OBIS Code 0.0.42.0.0.255 = AMV1"
    assert pinged_line(Pinged("", None, 0, 0, 0)) == "OBIS Code 0.0.42.0.0.255 = no value"
