"""The example and the stage on each reason's page are what a message that ends so is really told."""

from dataclasses import replace

import pytest

from ami_dlms.apdu import DataNotification, GeneralHeader, GetResponseNormal
from ami_dlms.axdr import array, enum, int8, octets, structure, uint16, uint32
from ami_dlms.framing import hdlc, wrapper
from ami_dlms.framing.hdlc import HdlcFrame
from ami_dlms.security import Form, KeyPairs, Keys, Protection, protect, sign_apdu
from ami_dlms.security.elliptic import new_private_key, public_octets
from ami_normalize.keys import KeyRing, meter_keys
from ami_normalize.ledger.judge import _SENTENCES
from ami_normalize.pipeline import Context, RawRecord, normalize
from ami_schemas.reasons import Reason

pytestmark = pytest.mark.unit

TITLE = bytes.fromhex("414d490000000001")
EK, AK = bytes(range(16)), bytes(range(16, 32))
SIGNER, STRANGER = new_private_key(1), new_private_key(1)
BOTH = {"guek": EK.hex(), "gak": AK.hex(), "signature_key": public_octets(SIGNER).hex()}
PUSH = DataNotification(
    1,
    bytes.fromhex("07e80301050c0000ff000000"),
    structure(structure(octets(bytes((1, 0, 1, 8, 0, 255))), uint32(12345), structure(int8(0), enum(30)))),
).to_bytes()


def sealed(protection=Protection.AUTHENTICATED_ENCRYPTED, form=Form.GENERAL_GLO):
    keys = Keys(EK, AK, dedicated=EK)
    return protect(PUSH, keys=keys, system_title=TITLE, invocation_counter=7, protection=protection, suite=0, form=form)


def signed():
    keys = Keys(EK, AK, pairs=KeyPairs(signing=STRANGER))
    return sign_apdu(PUSH, keys=keys, header=GeneralHeader(bytes(8), TITLE, b"AMI\0\0\0\0\2"), suite=1)


def changed(message, at, by=1):
    made = bytearray(message)
    made[at] ^= by
    return bytes(made)


HDLC = HdlcFrame(hdlc.address(16), hdlc.address(1), hdlc.UI, b"\xe6\xe7\x00" + PUSH).to_bytes()
UNKNOWN = DataNotification(1, b"", structure(uint16(1), uint16(2))).to_bytes()
ANSWER = GetResponseNormal(0xC1, array(structure(uint32(1), uint32(2)))).to_bytes()

EXAMPLES = {
    Reason.FRAME_INCOMPLETE: (wrapper.encode(PUSH, 1, 16)[:30], "wrapper", None),
    Reason.FRAME_MALFORMED: (b"no frame at all", "hdlc", None),
    Reason.FRAME_CHECK_FAILED: (changed(HDLC, -9), "hdlc", None),
    Reason.APDU_UNKNOWN: (b"\x99\x00", "none", None),
    Reason.APDU_MALFORMED: (b"\xc4\x09\xc1", "none", None),
    Reason.DATA_MALFORMED: (PUSH[:5] + b"\x00\xee\x01", "none", None),
    Reason.TRUNCATED: (PUSH[:-3], "none", None),
    Reason.TRAILING_BYTES: (PUSH + b"\x00", "none", None),
    Reason.LIMIT_EXCEEDED: (PUSH[:6] + b"\x02\x01" * 200, "none", None),
    Reason.NO_METER_DATA: (bytes.fromhex("6203800100"), "none", None),
    Reason.P1_MALFORMED: (b"/ISK5\\2M550T-1012\r\n\r\n!\r\n", "p1", None),
    Reason.TAG_MISMATCH: (changed(sealed(), -20), "none", BOTH),
    Reason.SIGNATURE_INVALID: (signed(), "none", BOTH),
    Reason.KEY_WRONG: (sealed(Protection.ENCRYPTED), "none", {"guek": AK.hex()}),
    Reason.DOWNGRADED: (sealed(Protection.ENCRYPTED), "none", BOTH),
    Reason.UNSUPPORTED_SUITE: (changed(sealed(), 11, 5), "none", BOTH),
    Reason.UNSUPPORTED_COMPRESSION: (sealed()[:11] + bytes((sealed()[11] | 0x80,)) + sealed()[12:], "none", BOTH),
    Reason.SESSION_KEY_MALFORMED: (sealed(form=Form.GENERAL_DED), "none", BOTH),
    Reason.KEY_MISSING: (sealed(), "none", None),
    Reason.MAPPING_MISSING: (UNKNOWN, "none", None),
    Reason.CONTEXT_MISSING: (ANSWER, "none", None),
}


def told(value, framing, keys, key=b"meter-1"):
    ring = KeyRing({TITLE: meter_keys(keys, "test")} if keys else {})
    headers = {"ami-framing": framing.encode(), "ami-exchange": b"push", "ami-session-key": b"\xff"}
    (outcome,) = normalize(RawRecord("ami.raw.v1", 3, 42, key, value, headers), replace(Context(), keys=ring))
    return outcome.reason, outcome.stage, outcome.message


@pytest.mark.parametrize("reason", EXAMPLES, ids=lambda reason: reason.value)
def test_the_page_says_what_the_record_is_told(reason):
    assert told(*EXAMPLES[reason]) == (reason, reason.stage, reason.example)


def test_the_page_of_a_meter_that_nothing_names():
    reason = Reason.UNIDENTIFIED_METER
    assert told(PUSH, "none", None, b"peer-192.0.2.7") == (reason, reason.stage, reason.example)


@pytest.mark.parametrize(("reason", "counter"), [(Reason.COUNTER_REUSED, 4711), (Reason.STALE_COUNTER, 17)])
def test_the_page_of_what_the_ledger_turns_down(reason, counter):
    assert _SENTENCES[reason].format(TITLE.hex(), counter, 4711) == reason.example


@pytest.mark.parametrize("reason", Reason, ids=lambda reason: reason.value)
def test_every_reason_is_explained_for_people(reason):
    assert reason.stage in {"identify", "unframe", "decrypt", "decode", "interpret"}
    assert all((reason.meaning, reason.remedy, reason.example))
    assert len(reason.example.encode()) <= 256
