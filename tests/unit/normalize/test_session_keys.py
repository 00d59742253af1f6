"""What is ciphered under the dedicated key of an association: the key comes with the record, wrapped."""

from dataclasses import replace

import pytest

from ami.raw.v1 import exchange_pb2
from ami.readings.v1 import meter_readings_pb2 as pb
from ami_dlms.apdu import CosemAttribute, DataNotification, GetRequestNormal, GetResponseNormal
from ami_dlms.axdr import enum, int8, octets, structure, uint32
from ami_dlms.security import Form, Keys, Protection, protect
from ami_keys.keystore import FileKeyStore, KeyStoreAway, add_kek
from ami_keys.session_key import wrap_session_key
from ami_normalize.diagnosis import diagnose
from ami_normalize.explanation.page import explain_record
from ami_normalize.fast import Normalizer
from ami_normalize.keys import KeyRing, meter_keys
from ami_normalize.ledger import judged
from ami_normalize.pipeline import Context, Parked, RawRecord, ReadingsOutcome, Rejected, normalize
from ami_normalize.session_keys import SessionKeys
from ami_schemas.reasons import Reason

pytestmark = pytest.mark.unit

TITLE = bytes.fromhex("414d490000000001")
EK, AK, DEDICATED = bytes(range(16)), bytes(range(16, 32)), bytes(range(32, 48))
OF_METER = KeyRing({TITLE: meter_keys({"guek": EK.hex(), "gak": AK.hex()}, "test")})
VALUE = CosemAttribute(3, bytes((1, 0, 1, 8, 0, 255)), 2)
ASKED = exchange_pb2.Exchange(
    request=GetRequestNormal(0xC1, VALUE).to_bytes(),
    class_id=3,
    obis=VALUE.obis,
    attribute=2,
    scaler_unit=exchange_pb2.ScalerUnit(scaler=0, unit=30),
).SerializeToString()
ANSWER = GetResponseNormal(0xC1, uint32(4711)).to_bytes()
PUSHED = DataNotification(
    1, b"", structure(structure(octets(VALUE.obis), uint32(4711), structure(int8(0), enum(30))))
).to_bytes()


@pytest.fixture
def kek(tmp_path):
    path = tmp_path / "kek.json"
    add_kek(path, "2026-1")
    return path


@pytest.fixture
def store(kek):
    return FileKeyStore(kek)


@pytest.fixture
def context(store):
    return Context(keys=OF_METER, session_keys=SessionKeys(store))


def sealed(apdu=ANSWER, form=Form.DED, protection=Protection.AUTHENTICATED_ENCRYPTED, ak=AK, dedicated=DEDICATED):
    keys = Keys(EK, ak, dedicated=dedicated)
    return protect(apdu, keys=keys, system_title=TITLE, invocation_counter=7, protection=protection, suite=0, form=form)


def record(value, session_key, kind=b"poll"):
    told = {
        "ami-framing": b"none",
        "ami-exchange": kind,
        "ami-system-title": TITLE.hex().encode(),
        "ce_time": b"2024-03-01T12:00:00.000000Z",
    }
    if kind == b"poll":
        told["ami-context"] = ASKED
    if session_key is not None:
        told["ami-session-key"] = session_key
    return RawRecord("ami.raw.v1", 3, 42, b"st-" + TITLE.hex().encode(), value, told)


def only(outcomes, kind):
    (outcome,) = outcomes
    assert type(outcome) is kind, outcome
    return outcome


def ended(raw, context):
    """How a record ends: by the fast path as by the generic one."""
    expected = normalize(raw, context)
    fast = Normalizer(context)
    assert [fast.normalize(raw) for _ in range(3)] == [expected] * 3
    assert (fast.failed, fast.disproved) == (0, 0)
    return expected


@pytest.mark.parametrize("form", [Form.DED, Form.GENERAL_DED])
@pytest.mark.parametrize("protection", [Protection.AUTHENTICATED_ENCRYPTED, Protection.AUTHENTICATED])
def test_an_answer_under_it_is_readings(context, store, form, protection):
    raw = record(sealed(form=form, protection=protection), wrap_session_key(DEDICATED, TITLE, store))
    (message,) = map(pb.MeterReadings.FromString, only(ended(raw, context), ReadingsOutcome).messages)
    assert [reading.mantissa for reading in message.readings] == [4711]
    assert message.provenance.protection == getattr(pb, f"PROTECTION_{protection.name}")
    assert message.provenance.key_version == OF_METER.find(TITLE).version


def test_a_push_within_the_association_is_readings_and_moves_no_window(context, store):
    raw = record(sealed(PUSHED, Form.GENERAL_DED), wrap_session_key(DEDICATED, TITLE, store), b"push")

    def rule(proof):
        raise AssertionError(proof)

    outcome = only(normalize(raw, context, lambda found: judged(found, rule)), ReadingsOutcome)
    assert Normalizer(context).normalize(raw, rule) == (outcome,)


def test_a_header_beside_what_needs_none_changes_nothing(context):
    for value in (sealed(form=Form.GLO), sealed(form=Form.GENERAL_GLO)):
        assert ended(record(value, b"\xff"), context) == ended(record(value, None), context)
        only(ended(record(value, b"\xff"), context), ReadingsOutcome)


def test_a_retired_key_encryption_key_still_opens(kek, store):
    raw = record(sealed(), wrap_session_key(DEDICATED, TITLE, store))
    add_kek(kek, "2027-1")
    later = Context(keys=OF_METER, session_keys=SessionKeys(FileKeyStore(kek)))
    only(ended(raw, later), ReadingsOutcome)


def test_what_does_not_open_says_which_key_is_missing(context, store, tmp_path):
    header = wrap_session_key(DEDICATED, TITLE, store)
    add_kek(tmp_path / "other.json", "other")
    stranger = replace(context, session_keys=SessionKeys(FileKeyStore(tmp_path / "other.json")))
    for raw, by, words in (
        (record(sealed(), None), context, "the dedicated key of system title 414d490000000001 is not known"),
        (
            record(sealed(), header),
            Context(keys=OF_METER),
            "the session key of 414d490000000001 cannot be used: no",
        ),
        (record(sealed(), header), stranger, "does not hold the KEK 2026-1"),
        (record(sealed(), wrap_session_key(DEDICATED, bytes(8), store)), context, "wrapped for another meter"),
        (record(sealed(), header), replace(context, keys=KeyRing()), "the encryption key of system title"),
    ):
        parked = only(ended(raw, by), Parked)
        assert parked.reason is Reason.KEY_MISSING
        assert words in parked.message
        assert diagnose(raw, by) is None
        assert DEDICATED.hex() not in parked.message


@pytest.mark.parametrize("value", [b"", b"\xff", bytes(5000), b"\x0a\x00"])
def test_a_malformed_header_is_a_dead_letter(context, value):
    rejected = only(ended(record(sealed(), value), context), Rejected)
    assert rejected.reason is Reason.SESSION_KEY_MALFORMED


def test_a_wrong_authentication_key_is_told_and_no_encryption_key_blamed(context, store):
    raw = record(sealed(ak=bytes(16)), wrap_session_key(DEDICATED, TITLE, store))
    assert only(ended(raw, context), Rejected).reason is Reason.TAG_MISMATCH
    assert diagnose(raw, context) is None


def test_a_less_protected_answer_is_downgraded_as_any_other(context, store):
    raw = record(sealed(protection=Protection.ENCRYPTED), wrap_session_key(DEDICATED, TITLE, store))
    assert only(ended(raw, context), Rejected).reason is Reason.DOWNGRADED


def test_without_an_authentication_key_a_wrong_key_is_no_apdu(store):
    ring = KeyRing({TITLE: meter_keys({"guek": EK.hex()}, "test")})
    context = Context(keys=ring, session_keys=SessionKeys(store))
    value = sealed(protection=Protection.ENCRYPTED)
    only(ended(record(value, wrap_session_key(DEDICATED, TITLE, store)), context), ReadingsOutcome)
    wrong = only(ended(record(value, wrap_session_key(EK, TITLE, store)), context), Rejected)
    assert wrong.reason is Reason.KEY_WRONG


def test_a_key_of_the_wrong_length_for_the_suite_never_crashes(context, store):
    raw = record(sealed(), wrap_session_key(bytes(32), TITLE, store))
    only(ended(raw, context), Rejected)


def test_the_key_store_is_asked_once_for_an_association(context, store):
    asked = []

    class Counting:
        def unwrap(self, wrapped, bound_to):
            asked.append(bound_to)
            return store.unwrap(wrapped, bound_to)

    context = replace(context, session_keys=SessionKeys(Counting()))
    header = wrap_session_key(DEDICATED, TITLE, store)
    for _ in range(3):
        only(normalize(record(sealed(), header), context), ReadingsOutcome)
    (bound_to,) = asked
    assert bound_to.startswith(b"key/414d490000000001/dedicated/")


def test_a_key_store_that_is_away_consumes_nothing(context, store):
    class Away:
        def unwrap(self, wrapped, bound_to):
            raise KeyStoreAway("no answer")

    context = replace(context, session_keys=SessionKeys(Away()))
    raw = record(sealed(), wrap_session_key(DEDICATED, TITLE, store))
    for run in (lambda: normalize(raw, context), lambda: Normalizer(context).normalize(raw)):
        with pytest.raises(KeyStoreAway):
            run()


def test_it_is_explained_layer_by_layer(context, store):
    raw = record(sealed(), wrap_session_key(DEDICATED, TITLE, store))
    page = explain_record(raw, context)
    assert page["apdus"][0]["security"][0]["tag"] == "verified"
    assert page["apdus"][0]["readings"]
    closed = explain_record(raw, Context(keys=OF_METER))["apdus"][0]
    assert closed["security"][0]["tag"].startswith("KEY_MISSING: the session key of 414d490000000001 cannot be used")
    assert DEDICATED.hex() not in f"{page}{closed}{context}"


def test_the_fast_path_opens_the_meters_other_messages_meanwhile(context, store):
    """Messages under the global key keep their plan although others of the meter come under session keys."""
    fast = Normalizer(context)
    under = record(sealed(), wrap_session_key(DEDICATED, TITLE, store))
    push = record(sealed(PUSHED, Form.GENERAL_GLO), None, b"push")
    for _ in range(3):
        assert fast.normalize(push) == normalize(push, context)
        assert fast.normalize(under) == normalize(under, context)
    assert fast.quick
    assert fast.generic >= 3
