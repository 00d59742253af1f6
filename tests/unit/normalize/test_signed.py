"""Signed messages, and keys that general-ciphering brings: opened where the keys are known, waiting where not."""

import json
from dataclasses import replace

import pytest

from ami.readings.v1 import meter_readings_pb2 as pb
from ami_dlms.apdu import DataNotification, GeneralHeader
from ami_dlms.axdr import enum, int8, octets, structure, uint32
from ami_dlms.framing import wrapper
from ami_dlms.security import KeyPairs, Keys, protect_general, sign_apdu, wrapped
from ami_dlms.security.elliptic import new_private_key, public_octets
from ami_keys.errors import KeysUnreadable
from ami_normalize.keys import KeyRing, meter_keys
from ami_normalize.pipeline import Context, Parked, RawRecord, ReadingsOutcome, Rejected, normalize
from ami_schemas.reasons import Reason

pytestmark = pytest.mark.unit

TITLE = bytes.fromhex("414d490000000001")
HEADER = GeneralHeader(bytes(8), TITLE, b"AMI\0\0\0\0\2")
SIGNING = new_private_key(1)
METER = Keys(bytes(16), bytes(range(16)), master=bytes(range(16, 32)), pairs=KeyPairs(signing=SIGNING))
ENTRY = {
    "guek": METER.encryption.hex(),
    "gak": METER.authentication.hex(),
    "kek": METER.master.hex(),
    "signature_key": public_octets(SIGNING).hex(),
}
ENERGY = structure(octets(bytes((1, 0, 1, 8, 0, 255))), uint32(12345), structure(int8(0), enum(30)))
PUSH = DataNotification(1, bytes.fromhex("07e80301050c0000ff000000"), structure(ENERGY)).to_bytes()
SIGNED = sign_apdu(PUSH, keys=METER, header=HEADER, suite=1)


def context(entry=ENTRY, **change):
    return replace(Context(), keys=KeyRing({TITLE: meter_keys(entry, "test")} if entry else {}), **change)


def outcome(apdu, of):
    headers = {"ami-framing": b"wrapper", "ce_time": b"2024-03-01T12:00:01.5Z", "ami-exchange": b"push"}
    (end,) = normalize(RawRecord("ami.raw.v1", 3, 42, b"meter-1", wrapper.encode(apdu, 1, 16), headers), of)
    return end


def reading(end):
    assert isinstance(end, ReadingsOutcome), end
    (message,) = map(pb.MeterReadings.FromString, end.messages)
    assert len(message.readings) == 1
    return message


def under_wrapped_key(plain):
    session = wrapped(METER, HEADER, bytes(range(32, 48)))
    return protect_general(plain, session=session, keys=METER, header=HEADER, invocation_counter=0, suite=1)


def test_a_signed_push_is_read():
    message = reading(outcome(SIGNED, context()))
    assert message.provenance.protection == pb.PROTECTION_AUTHENTICATED


def test_signed_then_ciphered():
    message = reading(outcome(under_wrapped_key(SIGNED), context()))
    assert message.provenance.protection == pb.PROTECTION_AUTHENTICATED_ENCRYPTED


def test_a_wrapped_key_needs_the_key_encryption_key():
    assert reading(outcome(under_wrapped_key(PUSH), context()))
    end = outcome(under_wrapped_key(PUSH), context({**ENTRY, "kek": None}))
    assert isinstance(end, Parked)
    assert end.reason is Reason.KEY_MISSING


@pytest.mark.parametrize("entry", [None, {**ENTRY, "signature_key": None}])
def test_without_the_signature_key_it_waits(entry):
    end = outcome(SIGNED, context(entry))
    assert isinstance(end, Parked)
    assert end.reason is Reason.KEY_MISSING
    message = reading(outcome(SIGNED, context(entry, lenient=True)))
    assert pb.QUALITY_UNVERIFIED_TAG in message.readings[0].quality
    assert message.provenance.protection == pb.PROTECTION_NONE


def test_another_signer_is_refused():
    other = public_octets(new_private_key(1)).hex()
    end = outcome(SIGNED, context({**ENTRY, "signature_key": other}))
    assert isinstance(end, Rejected)
    assert end.reason is Reason.SIGNATURE_INVALID


@pytest.mark.parametrize("wrong", ["00" * 64, "00" * 63, "zz", 7])
def test_what_is_no_public_key_is_refused_unseen(wrong):
    with pytest.raises(KeysUnreadable) as told:
        meter_keys(json.loads(json.dumps({**ENTRY, "signature_key": wrong})), "test")
    assert "00" * 8 not in str(told.value)
