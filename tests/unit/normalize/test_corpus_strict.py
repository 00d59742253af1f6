"""Every payload of the corpus ends, strictly read, as it must: readings, events, or with the right reason.

What is due follows from what others derived of the payloads (check sequences, tags, types of APDU) and, where that
does not say it, from a table with the reason in words.
"""

from collections import Counter

import pytest

from ami_normalize.offline import decode_line
from ami_normalize.pipeline import Context
from ami_schemas.reasons import Reason

pytestmark = pytest.mark.unit

NO_METER_DATA = (
    "aarq", "aare", "rlrq", "rlre", "initiate", "get-request", "set-", "action-", "glo-get-request", "glo-initiate",
    "hdlc-ua-parameters", "hdlc-link-frame",
)  # fmt: skip
"""Begins of the names of APDUs, and of frames, that say nothing of a meter's values."""

NO_AUTHENTICATION_KEY = "it has a tag, and the authentication key was not published"
CUT = "a part of a segmented message; the rest was not published"
BODY = "the data of an APDU, published without the APDU around it"
NO_REQUEST = "an answer that was published without the request that names its object"
OWN_FORM = "the body is one octet-string in the maker's own form; no layout of lists explains it"

TABLE = {
    "amshan-hdlc-stuffed": (Reason.FRAME_INCOMPLETE, "its content begins no APDU: the begin is missing"),
    "athombv-enc-aidon-example-2-without-aad": (Reason.KEY_MISSING, NO_AUTHENTICATION_KEY),
    "athombv-enc-dsmr-luxembourgh-spec-example-without-aad": (Reason.KEY_MISSING, NO_AUTHENTICATION_KEY),
    "athombv-iskra-1": (Reason.TRUNCATED, "the list announces more values than there are"),
    "guruxfi-20883-lastgasp-plain": (Reason.MAPPING_MISSING, "four values without codes, of an unknown maker"),
    "idx-spodes-get-response": (Reason.CONTEXT_MISSING, NO_REQUEST),
    "idx-spodes-segment-1": (Reason.FRAME_INCOMPLETE, CUT),
    "idx-spodes-segment-2": (Reason.FRAME_INCOMPLETE, CUT),
    "idx-spodes-segments-joined": (Reason.FRAME_INCOMPLETE, CUT),
    "ixs-5-body-1": (Reason.APDU_UNKNOWN, BODY),
    "ixs-5-body-2": (Reason.APDU_UNKNOWN, BODY),
    "ixs-5-body-3": (Reason.APDU_UNKNOWN, BODY),
    "jdlms-fcs-5": (Reason.CONTEXT_MISSING, NO_REQUEST),
    "jdlms-fcs-7": (Reason.CONTEXT_MISSING, NO_REQUEST),
    "jdlms-fcs-11": (Reason.CONTEXT_MISSING, NO_REQUEST),
    "jdlms-hdlc-3": (Reason.TRAILING_BYTES, "its lengths are one too short: an octet is left"),
    "jdlms-kamstrup-objectlist": (Reason.APDU_MALFORMED, BODY + "; its first octets look like an event-notification's"),
    "nooxnet-telegram-reader-0": (Reason.FRAME_INCOMPLETE, CUT),
    "nooxnet-telegram-reader-1": (Reason.FRAME_INCOMPLETE, CUT),
    "pwitab-24h-profile": (Reason.APDU_UNKNOWN, BODY),
    "pwitab-decode-long-block": (Reason.CONTEXT_MISSING, NO_REQUEST),
    "pwitab-dn-plain": (Reason.MAPPING_MISSING, OWN_FORM),
    "pwitab-get-block-error": (Reason.NO_METER_DATA, "the meter refused, in a data block"),
    "pwitab-get-block1": (Reason.CONTEXT_MISSING, NO_REQUEST),
    "pwitab-get-lastblock": (Reason.CONTEXT_MISSING, NO_REQUEST),
    "pwitab-get-lastblock-error": (Reason.NO_METER_DATA, "the meter refused, in a data block"),
    "pwitab-get-response": (Reason.CONTEXT_MISSING, NO_REQUEST),
    "pwitab-get-response-error": (Reason.NO_METER_DATA, "the meter refused"),
    "pwitab-gsm-lte": (Reason.APDU_UNKNOWN, BODY),
    "pwitab-profile-buffer": (Reason.APDU_MALFORMED, BODY),
    **{f"pwitab-udp-{number}": (Reason.MAPPING_MISSING, OWN_FORM) for number in range(1, 14)},
    "spodes-gsm-profile": (Reason.APDU_MALFORMED, BODY),
    "spodes-objectlist-block1": (Reason.FRAME_INCOMPLETE, CUT + " (and its length says 1 for 257 octets)"),
    "u9n-97-get-err": (Reason.CONTEXT_MISSING, NO_REQUEST),
}  # fmt: skip


def due(vector):
    """The reason that is due, or None where it must be read."""
    return TABLE[vector["id"]][0] if vector["id"] in TABLE else by_rule(vector)


def by_rule(vector):
    """The reason that what others derived of the payload makes due."""
    if vector.get("frame_check_ok") is False:
        return Reason.FRAME_CHECK_FAILED
    if vector.get("tag_ok") is False:
        return Reason.TAG_MISMATCH
    if vector.get("p1_crc_ok") is False:
        return Reason.P1_MALFORMED
    if vector["apdu_type"].startswith(NO_METER_DATA):
        return Reason.NO_METER_DATA
    if vector["apdu_type"].startswith(("general-", "glo-")) and not vector["keys"]["guek"]:
        return Reason.KEY_MISSING
    return None


def test_each_payload_ends_as_it_must(corpus, capsys):
    context = Context()
    wrong, table = [], Counter()
    for vector in corpus:
        answer, reason = decode_line(vector, context), due(vector)
        table[vector["real_meter"], answer["reason"] or answer["outcome"]] += 1
        if answer["reason"] != (reason.value if reason else None):
            wrong.append((vector["id"], answer["reason"], answer["message"]))
        if reason is None:
            assert answer["outcome"] in {"readings", "events"}, vector["id"]
            assert answer["readings"] or answer["intervals"] or answer["events"], vector["id"]
        else:
            assert answer["outcome"] == reason.disposition.value, vector["id"]
            assert answer["message"], vector["id"]
    with capsys.disabled():
        print("\n  payloads of          end as                  count")
        for (kind, end), count in sorted(table.items()):
            print(f"  {kind:20} {end:22} {count:6}")
    assert wrong == []


def test_the_table_has_no_line_that_a_rule_says_already(corpus):
    of_table = [vector for vector in corpus if vector["id"] in TABLE]
    assert len(of_table) == len(TABLE)
    for vector in of_table:
        assert by_rule(vector) is not TABLE[vector["id"]][0], vector["id"]


def test_nothing_that_was_changed_is_read_as_if_it_were_right(corpus):
    held = 0
    for vector in corpus:
        if vector.get("frame_check_ok") is False or vector.get("tag_ok") is False or vector.get("p1_crc_ok") is False:
            held += 1
            assert decode_line(vector, Context())["outcome"] in {"rejected", "parked"}, vector["id"]
    assert held >= 5
