"""A message explained says what `ami decode` says of it, and shows every octet."""

import json
import random
from dataclasses import replace

import pytest

from ami_dlms import axdr
from ami_dlms.framing import wrapper
from ami_normalize.dialects import Dialects
from ami_normalize.explanation.page import explain
from ami_normalize.offline import decode_line
from ami_normalize.pipeline import Context

pytestmark = pytest.mark.unit

POWER = bytes.fromhex("0f40000000000101020309060100010700ff060000011802020f00161b")


@pytest.fixture(scope="module")
def context():
    return Context(lenient=True)


def without_origin(readings):
    return [{name: value for name, value in one.items() if name not in {"path", "rule"}} for one in readings]


def test_a_value_names_its_octets_and_the_rule_it_follows(context):
    page = explain({"id": "x", "hex": wrapper.encode(POWER, 1, 16).hex(), "transport": "wrapper"}, context)
    (frame,) = page["frame"]["frames"]
    assert (frame["offset"], frame["length"], frame["source"], frame["destination"]) == (0, 37, 1, 16)
    (apdu,) = page["apdus"]
    assert (apdu["apdu"], apdu["offset"], apdu["length"]) == ("data-notification", 8, 29)
    (reading,) = apdu["readings"]
    assert (reading["obis"], reading["value"], reading["unit"]) == ("1.0.1.7.0.255", "280", "W")
    assert reading["rule"] == "scaler 0, unit W, as the message states"
    told = {element["path"]: element for element in apdu["elements"]}
    assert told[reading["path"]]["hex"] == "0600000118"
    assert told["body[0][0]"]["means"] == "OBIS 1.0.1.7.0.255: Active power import (+P)"
    assert told["body[0][2][1]"]["means"] == "unit: W"
    assert page["mapping"] == context.mapping_hash


def test_every_message_of_the_corpus_is_explained_as_it_is_decoded(corpus, context):
    placed = 0
    for vector in corpus:
        page, answer = explain(vector, context), decode_line(vector, context)
        json.dumps(page)
        assert page["outcome"] == answer["outcome"]
        readings = [reading for apdu in page["apdus"] for reading in apdu["readings"]]
        if answer["outcome"] == "readings":
            assert without_origin(readings) == answer["readings"], vector["id"]
        for apdu in page["apdus"]:
            octets = "".join(element["hex"] for element in apdu["elements"])
            assert octets == (apdu.get("plain") or ""), vector["id"]
            told = {element["path"]: element for element in apdu["elements"]}
            placed += sum(reading["path"] in told for reading in apdu["readings"])
        shown = sum(frame["length"] for frame in page["frame"]["frames"])
        assert shown == page["frame"]["length"], vector["id"]
    assert placed >= 1000


def test_no_key_is_ever_shown(corpus, context):
    keyed = [vector for vector in corpus if (vector.get("keys") or {}).get("guek")]
    assert len(keyed) >= 20
    for vector in keyed:
        shown = json.dumps(explain(vector, context)).lower()
        for name in ("guek", "gak"):
            assert (vector["keys"].get(name) or "no key").lower() not in shown, vector["id"]


def test_what_is_refused_is_shown_as_far_as_it_can_be_told(context):
    page = explain({"id": "x", "hex": POWER[:-4].hex(), "transport": "raw-apdu"}, replace(context, lenient=False))
    (apdu,) = page["apdus"]
    assert (page["outcome"], page["reason"]) == ("rejected", "TRUNCATED")
    assert apdu["refused"]["reason"] == apdu["error"]["reason"] == "TRUNCATED"
    assert apdu["elements"][-1]["path"] == "not understood"
    assert apdu["readings"] == []


def test_a_layout_of_the_users_is_named_with_its_column(tmp_path, context):
    path = tmp_path / "mapping.json"
    columns = [{"type": "any"}, {"type": "number", "obis": "1.0.1.8.0.255", "scaler": 1, "unit": "Wh"}]
    path.write_text(json.dumps([{"name": "mine", "layouts": [{"name": "pair", "columns": columns}]}]))
    own = replace(context, dialects=Dialects.load(path))
    body = axdr.encode(axdr.structure(axdr.uint32(1), axdr.uint32(2)))
    page = explain({"id": "x", "hex": (b"\x0f" + bytes(5) + body).hex()}, own)
    (apdu,) = page["apdus"]
    (reading,) = apdu["readings"]
    assert (apdu["dialect"], reading["path"]) == ("mine", "body[1]")
    assert reading["rule"] == "layout 'pair', columns[1]: scaler 1, unit Wh"


def test_the_value_of_an_answer_is_placed(context):
    request, response = "c001c100030100010800ff0200", "c401c10006000004d2"
    page = explain({"id": "x", "hex": response, "request_hex": request}, context)
    (reading,) = page["apdus"][0]["readings"]
    assert (reading["obis"], reading["path"], reading["value"]) == ("1.0.1.8.0.255", "result", "1234")


def test_blocks_of_an_answer_are_joined_and_then_explained(context):
    request = "c001c100030100010800ff0200"
    first = bytes.fromhex("c402c1000000000100" + "03" + "060000")
    last = bytes.fromhex("c402c1010000000200" + "02" + "04d2")
    octets = wrapper.encode(first, 1, 16) + wrapper.encode(last, 1, 16)
    page = explain({"id": "x", "hex": octets.hex(), "transport": "wrapper", "request_hex": request}, context)
    *blocks, whole = page["apdus"]
    assert [element["path"] for element in blocks[1]["elements"]][-1] == "raw-data"
    assert (whole["joined"], whole["plain"]) == (2, "06000004d2")
    (reading,) = whole["readings"]
    assert (page["outcome"], reading["path"], reading["value"]) == ("readings", "data", "1234")


def test_what_is_no_message_is_one_sentence(context):
    with pytest.raises(ValueError, match="pairs of hex digits"):
        explain({"hex": "zz"}, context)


def test_a_signature_is_a_layer_of_its_own(context):
    octet_string = bytes((0, 8)) + b"ABC00001" + bytes(3)
    signed = b"\xdf" + octet_string + bytes((len(POWER),)) + POWER + bytes((64,)) + bytes(64)
    page = explain({"id": "x", "hex": signed.hex()}, context)
    (layer,) = page["apdus"][0]["security"]
    assert (layer["apdu"], layer["manufacturer"], layer["signature"]) == (
        "general-signing",
        "ABC",
        "not looked at: no key",
    )
    assert "".join(element["hex"] for element in layer["elements"]) == signed.hex()


def test_damaged_messages_are_explained_too(corpus, context):
    dice = random.Random(5)
    for vector in dice.sample(corpus, 60):
        octets = bytearray.fromhex(vector["hex"])
        for _ in range(dice.randint(1, 6)):
            octets[dice.randrange(len(octets))] = dice.randrange(256)
        for hexadecimal in (octets.hex(), octets[: dice.randrange(1, len(octets))].hex()):
            message = {**vector, "hex": hexadecimal}
            page = explain(message, context)
            assert page["outcome"] == decode_line(message, context)["outcome"], vector["id"]


def test_a_frame_that_is_cut_off_says_how_much_is_missing(context):
    framed = wrapper.encode(POWER, 1, 16)
    page = explain({"id": "x", "hex": (framed + framed[:-4]).hex(), "transport": "wrapper"}, context)
    whole, cut = page["frame"]["frames"]
    assert (whole["kind"], whole["length"]) == ("wrapper", len(framed))
    assert (cut["offset"], cut["length"]) == (len(framed), len(framed) - 4)
    assert cut["kind"] == "wrapper, cut off: 4 octets or more are missing"
